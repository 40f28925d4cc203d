"""Messages of many threads, sent in few calls: which go together, in what order, and what is told
of each."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from core.aws.sqs.batching import BYTES, MOST, BatchingSender
from core.ports.store_error import StoreError
from tests.support.world import until

URL = "https://sqs/q.fifo"


def refusal(code, status=400):
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendMessage")


class FakeSqs:
    """Keeps the bodies of each call. The first call waits for `release`."""

    def __init__(self, *, held=False):
        self.calls = []
        self.alone = []
        self.refused = set()
        """Bodies that are refused in a call with others."""
        self.bad = set()
        """Bodies that are refused alone as well."""
        self.down = None
        """What every call with others raises."""
        self.first = threading.Event()
        self.release = threading.Event()
        if not held:
            self.release.set()

    def _call(self, bodies):
        self.calls.append(bodies)
        if len(self.calls) == 1:
            self.first.set()
            self.release.wait(20)
        if self.down is not None:
            raise self.down

    def send_message_batch(self, **asked):
        entries = asked["Entries"]
        assert asked["QueueUrl"] == URL
        assert len({each["Id"] for each in entries}) == len(entries)
        assert len(entries) > 1  # a message alone goes by SendMessage
        self._call([each["MessageBody"] for each in entries])
        out = {"Successful": [], "Failed": []}
        for each in entries:
            fails = each["MessageBody"] in self.refused | self.bad
            told = {"Code": "InternalError", "SenderFault": False} if fails else {}
            out["Failed" if fails else "Successful"].append({"Id": each["Id"], **told})
        return out

    def send_message(self, **asked):
        assert asked["QueueUrl"] == URL
        if any(asked["MessageBody"] in each for each in self.calls):
            self.alone.append(asked["MessageBody"])
        else:
            self._call([asked["MessageBody"]])
        if asked["MessageBody"] in self.bad:
            raise refusal("InvalidMessageContents")


def message(body, group=None):
    return {
        "MessageBody": body,
        "MessageGroupId": group or f"group of {body[:20]}",
        "MessageDeduplicationId": f"id of {body[:20]}",
    }


@pytest.fixture
async def begun():
    """Sends each message in a thread, in this order, while the first call is held; then lets that
    one end, and gives what came of each message."""
    threads = ThreadPoolExecutor(2 * MOST)
    loop = asyncio.get_running_loop()

    async def begin(sqs, sender, *messages):
        tasks = []
        for number, each in enumerate(messages):
            tasks.append(loop.run_in_executor(threads, sender.send, each))
            if number == 0:
                await until(sqs.first.is_set)
            else:
                await until(lambda number=number: sender.waiting == number)
        sqs.release.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    yield begin
    threads.shutdown()


def held():
    sqs = FakeSqs(held=True)
    return sqs, BatchingSender(sqs, URL, side_by_side=1)


def test_one_message_is_sent_at_once_in_one_call():
    sqs = FakeSqs()
    BatchingSender(sqs, URL).send(message("a"))
    assert (sqs.calls, sqs.alone) == ([["a"]], [])


async def test_what_comes_while_a_call_is_under_way_goes_together(begun):
    sqs, sender = held()
    names = [f"m{number:02d}" for number in range(MOST + 3)]
    assert await begun(sqs, sender, *map(message, names)) == [None] * len(names)
    assert sqs.calls == [names[:1], names[1 : MOST + 1], names[MOST + 1 :]]
    assert sender.waiting == 0


async def test_messages_of_a_conversation_go_one_after_the_other(begun):
    sqs, sender = held()
    first, *others = (message(body, "same") for body in ("a", "b", "c"))
    assert await begun(sqs, sender, first, *others, message("z")) == [None] * 4
    assert [each for call in sqs.calls for each in call if each != "z"] == ["a", "b", "c"]
    assert all(len(set(call) - {"z"}) <= 1 for call in sqs.calls)


async def test_a_message_that_is_refused_among_others_is_sent_alone(begun):
    sqs, sender = held()
    sqs.refused = {"b"}
    told = await begun(sqs, sender, *map(message, "abc"))
    assert (told, sqs.calls, sqs.alone) == ([None] * 3, [["a"], ["b", "c"]], ["b"])


async def test_only_the_sender_of_a_message_that_fails_alone_is_told(begun):
    sqs, sender = held()
    sqs.bad = {"b"}
    a, b, c = await begun(sqs, sender, *map(message, "abc"))
    assert (a, c) == (None, None)
    assert b.response["Error"]["Code"] == "InvalidMessageContents"
    sqs.bad = set()
    sender.send(message("b"))  # nothing of its conversation waits for it


async def test_a_call_that_is_refused_whole_does_no_harm_to_who_is_not_to_blame(begun):
    sqs, sender = held()
    sqs.down, sqs.bad = refusal("BatchRequestTooLong"), {"c"}
    *good, bad = await begun(sqs, sender, *map(message, "abc"))
    assert good == [None, None]
    assert isinstance(bad, ClientError)
    assert sorted(sqs.alone) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "down", [ConnectTimeoutError(endpoint_url=URL), refusal("RequestThrottled"), refusal("X", 503)]
)
async def test_nobody_is_told_that_a_message_is_queued_while_the_queue_is_down(begun, down):
    sqs, sender = held()
    sqs.down = down
    told = await begun(sqs, sender, *map(message, "abc"))
    assert [type(each) for each in told] == [StoreError] * 3
    assert not sqs.alone
    sqs.down = None
    sender.send(message("d"))
    assert sqs.calls[-1] == ["d"]


async def test_a_call_that_hangs_holds_up_its_own_conversation_and_no_other():
    sqs = FakeSqs(held=True)
    sender = BatchingSender(sqs, URL, side_by_side=2)
    stuck = asyncio.create_task(asyncio.to_thread(sender.send, message("a", "same")))
    await until(sqs.first.is_set)
    next_one = asyncio.create_task(asyncio.to_thread(sender.send, message("b", "same")))
    await until(lambda: sender.waiting == 1)
    await asyncio.to_thread(sender.send, message("z"))
    assert sqs.calls == [["a"], ["z"]]
    sqs.release.set()
    await asyncio.gather(stuck, next_one)
    assert sqs.calls == [["a"], ["z"], ["b"]]


async def test_a_call_is_no_larger_than_a_queue_takes(begun):
    sqs, sender = held()
    big = [name * (BYTES // 2) for name in "bcd"]
    assert await begun(sqs, sender, message("a"), *map(message, big)) == [None] * 4
    assert [[body[0] for body in call] for call in sqs.calls] == [["a"], ["b", "c"], ["d"]]
