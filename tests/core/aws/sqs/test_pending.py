"""Turns that are noted before they are queued, and found where no worker ever took them."""

import asyncio
from dataclasses import replace

import pytest

from bots.sweep import sweep
from core.aws.access.clients import client
from core.aws.dynamodb.claims import DynamoClaims
from core.aws.dynamodb.conversations import DynamoPlaceSettings
from core.aws.sqs.pending import Notes
from core.aws.sqs.turns import SqsTurns
from core.turn.requeue_policy import AGAIN, ORPHANED, SHOWN_AGAIN, UNTAKEN
from core.values.conversation import Attachment, Conversation, Incoming, Kind, Person, dumps, loads

PLACE = "slack/T1/C1"
EVENT = f"{PLACE}/1.0"
SOON, LATE = UNTAKEN, SHOWN_AGAIN


def question(ts="1.0", text="hello"):
    where = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
    return Incoming(f"{PLACE}/{ts}", where, Person("U1"), text, ts)


@pytest.fixture
def claims(aws, clock):
    return DynamoClaims(
        aws.client("dynamodb"), aws.resources.table, aws.calls, owner="a", clock=clock
    )


@pytest.fixture
def turns(aws):
    return SqsTurns(aws.client("sqs"), aws.resources.turns_queue, aws.calls)


@pytest.fixture
def notes(aws, clock):
    return Notes(aws.client("dynamodb"), aws.resources.table, clock)


def opened(aws):
    found = aws.client("dynamodb").query(
        TableName=aws.resources.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "open"}},
    )
    return [each["sk"]["S"] for each in found["Items"]]


async def test_a_turn_that_nobody_takes_is_an_orphan_until_its_queue_shows_it_again(
    notes, claims, clock
):
    notes.note(question())
    clock.now += SOON - 1
    assert await claims.orphans() == []
    clock.now += 2
    (orphan,) = await claims.orphans()
    assert (orphan.claim.event_id, orphan.claim.attempt) == (EVENT, 0)
    assert orphan.incoming == dumps(question())
    clock.now += LATE
    assert await claims.orphans() == []


async def test_a_turn_that_was_taken_is_none(notes, claims, clock):
    notes.note(question())
    claim = await claims.take(EVENT, "{}")
    clock.now += SOON + 1
    (orphan,) = await claims.orphans()  # its worker is gone: that is another matter
    assert (orphan.claim.attempt, orphan.incoming) == (1, "{}")
    await claims.complete(claim)
    assert await claims.orphans() == []


async def test_settling_leaves_no_note(aws, notes, claims):
    notes.note(question())
    assert opened(aws) == [EVENT]
    await claims.complete(await claims.take(EVENT, "{}"))
    assert opened(aws) == []


async def test_the_note_of_an_event_told_again_after_its_answer_goes(aws, notes, claims, clock):
    await claims.complete(await claims.take(EVENT, "{}"))
    notes.note(question())
    clock.now += ORPHANED + 1
    assert await claims.orphans() == []
    assert opened(aws) == []


async def test_those_that_wait_behind_a_dead_worker_s_message_are_queued_past_it_in_order(
    aws, notes, claims, turns, clock
):
    asked = [question(f"{number}.0", f"question {number}") for number in range(3)]
    for each in asked:
        notes.note(each)
        await turns.enqueue(each)
        clock.now += 1
    sqs, url = aws.client("sqs"), aws.resources.turns_queue
    # a worker was handed the first, for as long as the template's queue hides it, and is gone
    take = {"QueueUrl": url, "MaxNumberOfMessages": 1, "VisibilityTimeout": 1_800}
    assert len(sqs.receive_message(**take)["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(**take)
    clock.now += SOON
    assert await sweep(claims, turns) == 1  # two wait behind it, and are not lost
    clock.now += SOON
    assert await sweep(claims, turns) == 0
    told = []
    while found := sqs.receive_message(**take).get("Messages"):
        told += [loads(each["Body"]) for each in found]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
    assert told == asked


async def test_an_answer_whose_queue_hides_its_message_is_taken_up_again_and_again(
    aws, claims, turns, clock
):
    """A worker took it and died; the next ones die before they can say anything to the queue."""
    await claims.take(EVENT, dumps(question()))
    await turns.enqueue(question())
    sqs, url = aws.client("sqs"), aws.resources.turns_queue
    for _ in range(3):
        (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=1_800)["Messages"]
        assert loads(message["Body"]) == question()
        clock.now += AGAIN
        assert await sweep(claims, turns) == 1


async def test_a_note_that_cannot_be_read_holds_up_no_other(aws, notes, claims, turns, clock):
    notes.note(question())
    table = aws.client("dynamodb")
    unread = {"pk": {"S": "open"}, "sk": {"S": "x"}, "incoming": {"S": "{}"}}
    since = {"since": {"N": str(clock.now - 1)}}
    table.put_item(TableName=aws.resources.table, Item=unread | since)
    clock.now += SOON + 1
    await sweep(claims, turns)
    (message,) = aws.client("sqs").receive_message(QueueUrl=aws.resources.turns_queue)["Messages"]
    assert loads(message["Body"]) == question()


async def test_a_table_that_does_not_answer_keeps_no_turn_from_its_queue(
    aws, clock, monkeypatch, caplog
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    dead = client("dynamodb", "us-east-1", patience=1, tries=1)
    await asyncio.to_thread(Notes(dead, "t", clock).note, question())
    assert "not noted" in caplog.text


POST = replace(question(text="not for us"), addressed=False)
FILES = replace(POST, attachments=(Attachment("F1", "a.pdf", "", 1, "https://x"),))


@pytest.mark.parametrize("post", [POST, replace(POST, files_unresolved=True)])
async def test_what_is_not_said_to_us_is_not_noted(aws, notes, post):
    notes.note(post)
    assert opened(aws) == []


async def test_files_are_noted_only_where_they_are_read(aws, notes, claims):
    settings = DynamoPlaceSettings(aws.client("dynamodb"), aws.resources.table, aws.calls)
    await settings.choose_auto(PLACE, on=False)
    notes.note(FILES)
    assert opened(aws) == []
    await settings.choose_auto(PLACE, on=True)
    notes.note(FILES)
    assert opened(aws) == [EVENT]
    await claims.ignore(EVENT)
    assert opened(aws) == []


async def test_what_is_ignored_is_over_for_whoever_comes_later_and_nothing_of_it_is_kept(
    aws, notes, claims, clock
):
    notes.note(FILES)
    claim = await claims.take(EVENT, dumps(FILES))
    await claims.ignore(EVENT)  # in vain: somebody answers it
    assert (await claims.read(EVENT)).incoming == dumps(FILES)
    await claims.release(claim, dumps(FILES), anew=False)
    await claims.ignore(EVENT)
    assert await claims.take(EVENT, dumps(FILES)) is None
    assert "not for us" not in (await claims.read(EVENT)).incoming
    assert opened(aws) == []
    clock.now += SOON
    assert await claims.orphans() == []


async def test_those_that_wait_in_a_backlog_are_not_queued_again(aws, notes, claims, clock):
    held = []
    for number in range(20):
        where = Conversation("slack", "T1", "C1", f"{number}.0", Kind.CHANNEL)
        each = replace(question(f"{number}.0"), conversation=where)
        notes.note(each)
        clock.now += 1
        if number < 3:
            held.append(await claims.take(each.event_id, dumps(each)))
    clock.now += SOON - 25  # those at work hold their leases, most of the others are old enough
    for number in range(3):
        await claims.renew(held[number])
    clock.now += 15
    assert await claims.orphans() == []
