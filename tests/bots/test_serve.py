"""What the long-lived process does by the clock, and what it counts of messages."""

import asyncio
import time
from contextlib import contextmanager

import pytest

from bots.serve import _every, _measured
from core.ports.store_error import StoreError
from core.runtime.telemetry import Metric, counting, unmetered


class Metered:
    """A `Metering` that keeps what it is given."""

    def __init__(self):
        self.counted = []

    @contextmanager
    def __call__(self, service):
        self.service = service
        with counting(self):
            yield

    def add(self, metric, value, reason):
        self.counted.append((self.service, metric, value))


def event():
    sent = str(int((time.time() - 7) * 1000))
    return {"Records": [{"messageId": "m", "attributes": {"SentTimestamp": sent}}]}


async def handled(event):
    return {"batchItemFailures": []}


async def given_back(event):
    return {"batchItemFailures": [{"itemIdentifier": "m"}]}


async def broken(event):
    raise ValueError


@pytest.mark.parametrize(("handler", "back"), [(handled, 0), (given_back, 1), (broken, 1)])
async def test_a_messages_waiting_is_counted_and_whether_it_is_given_back(handler, back):
    metered = Metered()
    try:
        answer = await _measured(handler, metered, "worker")(event())
        assert answer == await handler(event())
    except ValueError:
        assert handler is broken
    (waited, put_off) = metered.counted
    assert waited[:2] == ("worker", Metric.QUEUED)
    assert waited[2] == pytest.approx(7, abs=1)
    assert put_off == ("worker", Metric.PUT_OFF, back)


@pytest.mark.parametrize("error", [StoreError("down"), KeyError("a defect")])
async def test_work_by_the_clock_goes_on_after_it_failed(error):
    done = asyncio.Event()
    failures = [error]

    async def work():
        if failures:
            raise failures.pop()
        done.set()

    task = asyncio.create_task(_every(0.001, work, unmetered, "schedule"))
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
