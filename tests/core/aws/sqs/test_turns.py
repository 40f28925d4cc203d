"""The queue of turns, on the local AWS: what goes in, and what comes out."""

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from botocore.config import Config

from bots import slots
from core.aws.access.calls import Calls
from core.aws.sqs import consumer as source_module
from core.aws.sqs.consumer import Consumer
from core.aws.sqs.turns import BODY_LIMIT, SqsTurns, body
from core.ports.store_error import StoreError
from core.runtime.fair_slots import FairSlots
from core.values.conversation import Command, Conversation, Incoming, Kind, Person, loads
from local.aws import LocalAws, free_port

DONE: dict[str, list[Any]] = {"batchItemFailures": []}


def conversation(thread="1.0"):
    return Conversation("slack", "T1", "C1", thread, Kind.CHANNEL)


def question(ts="1.0", text="hello", thread="1.0"):
    where = conversation(thread)
    return Incoming(f"{where.place}/{ts}", where, Person("U1"), text, ts)


def press(name="stop", event_id="slack/T1/C1/press-1"):
    return Command(event_id, conversation(), Person("U1"), name)


def text_of(event):
    item = loads(event["Records"][0]["body"])
    return item.text if isinstance(item, Incoming) else item.name


def failed(event):
    return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"]]}


def alike(number):
    return FairSlots({"message": number})


@pytest.fixture
def sqs(aws):
    return aws.client("sqs")


@pytest.fixture
def turns(aws, sqs):
    return SqsTurns(sqs, aws.resources.turns_queue, aws.calls)


@pytest.fixture
def quick(monkeypatch):
    """Failed messages come back at once."""
    monkeypatch.setattr(source_module, "FIRST_RETRY", 0)


@pytest.fixture
def running(aws, sqs, monkeypatch):
    """Runs a source over a handler while inside."""
    monkeypatch.setattr(source_module, "WAIT", 1)

    @contextlib.asynccontextmanager
    async def build(handler, concurrency=10):
        source = Consumer(sqs, aws.resources.turns_queue, aws.calls, handler, alike(concurrency))
        task = asyncio.create_task(source.run())
        try:
            async with asyncio.timeout(40):
                yield source
        finally:
            await source.drain(0)
            await task

    return build


class Seen:
    """A handler that keeps what it saw and waits until it has seen enough."""

    def __init__(self, enough, answer=lambda event: DONE):
        self.records = []
        self.enough = enough
        self.all = asyncio.Event()
        self.answer = answer

    async def __call__(self, event):
        (record,) = event["Records"]
        self.records.append(record)
        if len(self.records) >= self.enough:
            self.all.set()
        return self.answer(event)

    @property
    def items(self):
        return [loads(record["body"]) for record in self.records]


async def test_a_turn_comes_out_as_it_went_in(turns, running):
    item = question(text="안녕 <@U1> \U0001f600 \x00\x07")
    await turns.enqueue(item)
    seen = Seen(1)
    async with running(seen):
        await seen.all.wait()
    assert seen.items == [item]


async def test_records_have_the_shape_that_lambda_gives_them(aws, turns, running):
    turns.enqueue_blocking(question())
    seen = Seen(1)
    async with running(seen):
        await seen.all.wait()
    (record,) = seen.records
    name = aws.resources.turns_queue.rpartition("/")[2]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == f"arn:aws:sqs:us-east-1:000000000000:{name}"
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert {"MessageGroupId", "MessageDeduplicationId"} <= record["attributes"].keys()
    assert {"messageId", "receiptHandle", "body", "md5OfBody", "messageAttributes"} < record.keys()


async def test_one_event_put_many_times_comes_once_and_again_when_asked(turns, running):
    await asyncio.gather(*(turns.enqueue(question()) for _ in range(5)))
    await turns.enqueue(question(), dedup_suffix="attempt 1")
    await turns.enqueue(question(), dedup_suffix="attempt 1")
    await turns.enqueue(question("2.0", "last"))
    seen = Seen(3)
    async with running(seen):
        await seen.all.wait()
    assert [item.text for item in seen.items] == ["hello", "hello", "last"]


async def test_a_conversation_is_in_order_and_many_run_side_by_side(turns, running):
    order, running_now, most = defaultdict(list), set(), 0
    finished = asyncio.Event()

    async def handler(event):
        nonlocal most
        item = loads(event["Records"][0]["body"])
        assert isinstance(item, Incoming)
        thread = item.conversation.thread
        assert thread not in running_now
        running_now.add(thread)
        most = max(most, len(running_now))
        await asyncio.sleep(0.3)
        running_now.discard(thread)
        order[thread].append(item.text)
        if sum(len(each) for each in order.values()) == 60:
            finished.set()
        return DONE

    for number in range(3):
        for thread in range(20):
            await turns.enqueue(question(f"{thread}.{number}", str(number), str(thread)))
    async with running(handler, concurrency=50):
        await finished.wait()
    assert all(each == ["0", "1", "2"] for each in order.values())
    assert 10 <= most <= 20


async def test_never_more_run_than_the_concurrency_allows(turns, running):
    now, most, done = 0, 0, asyncio.Event()
    left = 8

    async def handler(event):
        nonlocal now, most, left
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1
        left -= 1
        if not left:
            done.set()
        return DONE

    for number in range(left):
        await turns.enqueue(question(f"{number}.0", thread=str(number)))
    async with running(handler, concurrency=3):
        await done.wait()
    assert most == 3


async def test_a_button_does_not_wait_for_the_answer_that_runs(turns, running):
    release = asyncio.Event()
    names = []

    async def handler(event):
        item = loads(event["Records"][0]["body"])
        if isinstance(item, Command):
            names.append(item.name)
            release.set()
        else:
            await release.wait()
        return DONE

    await turns.enqueue(question())
    await turns.enqueue(press())
    async with running(handler):
        await release.wait()
    assert names == ["stop"]


async def test_a_failed_turn_comes_again_with_its_count_before_the_next_of_its_conversation(
    turns, running, quick
):
    def answer(event):
        return failed(event) if len(seen.records) < 3 else DONE

    seen = Seen(4, answer)
    await turns.enqueue(question("1.0", "first"))
    await turns.enqueue(question("2.0", "second"))
    async with running(seen):
        await seen.all.wait()
    assert [item.text for item in seen.items] == ["first", "first", "first", "second"]
    counts = [r["attributes"]["ApproximateReceiveCount"] for r in seen.records]
    assert counts == ["1", "2", "3", "1"]


async def test_a_handler_that_raises_has_failed(turns, running, quick, caplog):
    def answer(event):
        if len(seen.records) == 1:
            raise RuntimeError("defect")
        return DONE

    seen = Seen(2, answer)
    await turns.enqueue(question(text="secret words"))
    async with running(seen):
        await seen.all.wait()
    assert "a handler failed" in caplog.text
    assert "secret words" not in caplog.text


@pytest.mark.parametrize(
    "received, seconds", [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (9, 60), (5000, 60)]
)
def test_failures_are_further_and_further_apart(received, seconds):
    message = {"Attributes": {"ApproximateReceiveCount": str(received)}}
    assert source_module.pause(message["Attributes"]) == seconds


async def test_a_turn_that_always_fails_ends_in_the_dead_letter_queue_and_holds_nothing_up(
    aws, sqs, turns, running, quick
):
    fine = asyncio.Event()

    async def handler(event):
        if text_of(event) == "poison":
            return failed(event)
        fine.set()
        return DONE

    await turns.enqueue(question("1.0", "poison"))
    await turns.enqueue(question("2.0", "fine"))
    async with running(handler):
        await fine.wait()
    dead = sqs.receive_message(QueueUrl=aws.resources.turns_dead_queue, WaitTimeSeconds=2)
    (message,) = dead["Messages"]
    assert loads(message["Body"]) == question("1.0", "poison")


async def test_a_turn_that_takes_long_is_not_given_to_another(turns, running, monkeypatch):
    monkeypatch.setattr(source_module, "VISIBILITY", 1)
    monkeypatch.setattr(source_module, "HEARTBEAT", 0.3)
    calls = []

    async def handler(event):
        calls.append(event)
        await asyncio.sleep(2.5)
        finished.set()
        return DONE

    finished = asyncio.Event()
    await turns.enqueue(question())
    async with running(handler):
        await finished.wait()
        await asyncio.sleep(0.2)
    assert len(calls) == 1


async def test_a_drain_lets_running_turns_end_and_takes_no_more(turns, running):
    started, release, texts = asyncio.Event(), asyncio.Event(), []

    async def handler(event):
        started.set()
        await release.wait()
        texts.append(text_of(event))
        return DONE

    await turns.enqueue(question("1.0", "first"))
    async with running(handler) as source:
        await started.wait()
        draining = asyncio.create_task(source.drain(20))
        await asyncio.sleep(0.1)
        await turns.enqueue(question("2.0", "second"))
        release.set()
        await draining
        assert texts == ["first"]
    seen = Seen(1)
    async with running(seen):
        await seen.all.wait()
    assert seen.items[0].text == "second"


async def test_what_a_drain_interrupts_is_another_workers_at_once(turns, running):
    started = asyncio.Event()

    async def stuck(event):
        started.set()
        await asyncio.Event().wait()

    await turns.enqueue(question())
    async with running(stuck) as source:
        await started.wait()
        await source.drain(0.1)
    seen = Seen(1)
    async with running(seen):
        async with asyncio.timeout(10):
            await seen.all.wait()
    assert seen.records[0]["attributes"]["ApproximateReceiveCount"] == "2"


async def test_what_waits_for_a_slot_when_a_drain_begins_is_another_workers_at_once(turns, running):
    started = asyncio.Event()

    async def stuck(event):
        started.set()
        await asyncio.Event().wait()

    for number in range(3):
        await turns.enqueue(question(f"{number}.0", thread=f"{number}"))
    async with running(stuck, 1) as source:
        await started.wait()
        async with asyncio.timeout(10):
            while source.parked < 2:  # noqa: ASYNC110 - the queue is in another process
                await asyncio.sleep(0.02)
        await source.drain(0.1)
    seen = Seen(3)
    async with running(seen), asyncio.timeout(10):
        await seen.all.wait()


async def test_a_backlog_of_one_persons_questions_does_not_hide_anothers(
    turns, sqs, aws, monkeypatch
):
    monkeypatch.setattr(source_module, "WAIT", 1)
    asked, release = [], asyncio.Event()

    async def handler(event):
        asked.append(text_of(event))
        if asked[-1] == "ana's":
            await release.wait()
        else:
            release.set()
        return DONE

    for number in range(30):
        await turns.enqueue(question(f"{number}.0", "ana's", f"{number}"))
    where = replace(conversation("99"), channel="C2")
    await turns.enqueue(Incoming(f"{where.place}/99.0", where, Person("U2"), "ben's", "99.0"))
    shares = FairSlots({"question": 8})
    url = aws.resources.turns_queue
    source = Consumer(sqs, url, aws.calls, handler, shares, ticket=slots.turn)
    task = asyncio.create_task(source.run())
    async with asyncio.timeout(20):
        await release.wait()
    assert asked == ["ana's"] * 2 + ["ben's"]
    await source.drain(0)
    await task


async def test_an_idle_source_stops_within_a_long_poll(running):
    async with running(Seen(1)) as source:
        await asyncio.sleep(0.1)
        async with asyncio.timeout(source_module.WAIT + 2):
            await source.drain(25)


async def test_a_queue_that_is_gone_is_said_once_and_found_again(
    tmp_path, aws_session, caplog, quick, monkeypatch
):
    monkeypatch.setattr(source_module, "VISIBILITY", 2)
    server = LocalAws(tmp_path, free_port())
    server.start()
    sqs = aws_session.client("sqs", endpoint_url=server.url, config=_impatient())
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    calls = Calls()
    turns = SqsTurns(sqs, url, calls)
    numbers, some, everything = set(), asyncio.Event(), asyncio.Event()

    async def handler(event):
        await asyncio.sleep(0.2)
        numbers.add(text_of(event))
        if len(numbers) == 5:
            some.set()
        if len(numbers) == 20:
            everything.set()
        return DONE

    source = Consumer(sqs, url, calls, handler, alike(4))
    try:
        for number in range(20):
            await turns.enqueue(question(f"{number}.0", str(number), str(number % 6)))
        server.save()
        caplog.set_level(logging.INFO)
        task = asyncio.create_task(source.run())
        await some.wait()
        server.kill()
        with pytest.raises(StoreError):
            await turns.enqueue(question("99.0"))
        await asyncio.sleep(3)
        server.start()
        async with asyncio.timeout(60):
            await everything.wait()
        await source.drain(10)
        await task
    finally:
        calls.close()
        server.stop()
        sqs.close()
    assert caplog.text.count("the queue does not answer") == 1
    assert caplog.text.count("the queue answers again") == 1


def _impatient():
    return Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})


def test_a_message_of_forty_thousand_characters_goes_whole():
    for text in ("한" * 40_000, "\U0001f600" * 40_000, '"' * 40_000):
        item = question(text=text)
        assert loads(body(item)) == item


@pytest.mark.parametrize("text", ["a" * 400_000, "\x01" * 100_000, "\U0001f600한" * 70_000])
async def test_longer_text_is_cut_to_what_a_message_takes(text, turns):
    sent = body(question(text=text))
    assert BODY_LIMIT - 20 < len(sent.encode()) <= BODY_LIMIT
    item = loads(sent)
    assert isinstance(item, Incoming)
    kept = item.text.removesuffix(" […]")
    assert text.startswith(kept)
    await turns.enqueue(question(text=text))


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match="too large"):
        body(Command("e", conversation(), Person("U1"), "model", "x" * 300_000))


def test_characters_that_a_queue_refuses_are_replaced():
    item = loads(body(question(text="a\ud800b\uffffc")))
    assert isinstance(item, Incoming)
    assert item.text == "a�b�c"
    assert json.loads(body(question(text="\x00")))["text"] == "\x00"
