"""Records that Lambda hands over stay ours while they are handled, and come again if they fail."""

import asyncio

import pytest

from core.aws.sqs.consumer import HEARTBEAT, VISIBILITY
from core.aws.sqs.lambda_batch import RESERVE, LambdaBatch
from core.ports.store_error import StoreError
from core.runtime.telemetry import Metric, counting
from tests.support import virtual

URL = "https://sqs/turns.fifo"


class Queue:
    """Notes which message is to be seen when."""

    def __init__(self):
        self.told = []
        self.down = False

    def change_message_visibility(self, *, QueueUrl, ReceiptHandle, VisibilityTimeout):  # noqa: N803
        if self.down:
            raise StoreError("down")
        assert QueueUrl == URL
        self.told.append((virtual.now(), ReceiptHandle, VisibilityTimeout))


class Context:
    def __init__(self, seconds):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


class Meter:
    def __init__(self):
        self.counted = []

    def add(self, metric, value, reason):
        self.counted.append((metric, value))


async def calls(fn, **arguments):
    return fn(**arguments)


def record(name="m1", received=1):
    return {
        "messageId": name,
        "receiptHandle": f"r-{name}",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": str(received)},
    }


def handled(queue, handler, *records, seconds=300.0):
    async def main():
        event = {"Records": list(records)}
        return await LambdaBatch(queue, URL, calls).handled(event, Context(seconds), handler)

    return virtual.run(main)


def test_a_message_is_ours_from_the_start_and_for_as_long_as_it_takes():
    async def handler(event, until):
        await asyncio.sleep(2.5 * HEARTBEAT)
        return {"batchItemFailures": []}

    queue = Queue()
    assert handled(queue, handler, record()) == {"batchItemFailures": []}
    assert queue.told == [(n * HEARTBEAT, "r-m1", VISIBILITY) for n in range(3)]


@pytest.mark.parametrize("received, pause", [(1, 5), (3, 20), (9, 60)])
def test_what_fails_comes_again_after_a_pause_and_nothing_else_does(received, pause):
    async def handler(event, until):
        await asyncio.sleep(1)
        return {"batchItemFailures": [{"itemIdentifier": "m2"}]}

    queue, meter = Queue(), Meter()
    with counting(meter):
        handled(queue, handler, record("m1"), record("m2", received))
    assert queue.told[2:] == [(1, "r-m2", pause)]
    assert (Metric.PUT_OFF, 1) in meter.counted


def test_a_handler_is_told_how_long_it_has_with_time_left_to_close():
    found = []

    async def handler(event, until):
        found.append(until)
        return {}

    handled(Queue(), handler, record(), seconds=120)
    handled(Queue(), handler, record(), seconds=3)
    assert found == [120 - RESERVE, 1.0]


def test_a_handler_that_breaks_leaves_no_heartbeat_behind():
    async def handler(event, until):
        raise RuntimeError("defect")

    queue = Queue()
    with pytest.raises(RuntimeError):
        handled(queue, handler, record())
    assert len(queue.told) <= 1


def test_a_queue_that_does_not_answer_stops_nobody(caplog):
    async def handler(event, until):
        await asyncio.sleep(1)
        return {"batchItemFailures": []}

    queue = Queue()
    queue.down = True
    assert handled(queue, handler, record()) == {"batchItemFailures": []}
    assert "visibility not changed" in caplog.text


def test_what_is_handed_on_is_seen_again_at_once():
    queue = Queue()

    async def handler(event, until):
        return {"batchItemFailures": [{"itemIdentifier": "m1"}], "handedOn": ["m1"]}

    answer = handled(queue, handler, record())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert queue.told[-1][1:] == ("r-m1", 0)
