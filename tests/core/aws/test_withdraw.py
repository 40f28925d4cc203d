"""A question that was deleted, wherever it lies: claims, notes, and dead letters."""

import time

import pytest

from core.aws.dynamodb.claims import DynamoClaims
from core.aws.sqs.dead_turns import SqsDeadTurns
from core.aws.sqs.turns import SqsTurns
from core.ports.turns import Withdrawn
from core.values.answer import MessageId
from core.values.conversation import Conversation, Incoming, Kind, Person, dumps

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
ASKED = Incoming(f"{WHERE.place}/1.0", WHERE, Person("U1"), "a secret", "1.0")


@pytest.fixture
def claims(aws):
    dynamodb = aws.client("dynamodb")
    table = aws.resources.table
    return DynamoClaims(dynamodb, table, aws.calls, owner="me", clock=time.time)


async def test_nothing_is_kept_of_a_withdrawn_question_and_its_holder_learns_of_it(claims, aws):
    claim = await claims.take(ASKED.event_id, dumps(ASKED))
    await claims.posted(claim, [MessageId("m1")])
    assert list(await claims.withdraw(ASKED.event_id)) == ["m1"]
    assert await claims.renew(claim)
    for call in (
        claims.complete(claim),
        claims.posted(claim, ()),
        claims.release(claim, "x", anew=True),
    ):
        with pytest.raises(Withdrawn):
            await call
    rows = aws.client("dynamodb").scan(TableName=aws.resources.table)["Items"]
    assert "a secret" not in str(rows)
    assert list(await claims.withdraw(ASKED.event_id)) == ["m1"]
    assert await claims.take(ASKED.event_id, dumps(ASKED)) is None
    assert await claims.take(f"{ASKED.event_id}~2", dumps(ASKED)) is None


async def test_all_runs_of_a_withdrawn_question_are_over(claims):
    for run in (ASKED.event_id, f"{ASKED.event_id}~2", f"{ASKED.event_id}~3"):
        claim = await claims.take(run, dumps(ASKED))
        await claims.posted(claim, [MessageId(run[-1])])
        await claims.complete(claim)
    assert set(await claims.withdraw(ASKED.event_id)) == {"0", "2", "3"}
    assert (await claims.read(f"{ASKED.event_id}~3")).incoming.find("a secret") < 0


async def test_dead_letters_of_a_withdrawn_question_are_deleted_and_no_others(aws):
    sqs, url = aws.client("sqs"), aws.resources.turns_queue
    turns = SqsDeadTurns(sqs, url, aws.calls)
    other = Incoming(f"{WHERE.place}/2.0", WHERE, Person("U1"), "another", "2.0")
    dead = SqsTurns(sqs, aws.resources.turns_dead_queue, aws.calls)
    for each in (ASKED, other):
        await dead.enqueue(each)
    await turns.withdraw(ASKED.event_id)
    left = sqs.receive_message(QueueUrl=aws.resources.turns_dead_queue, MaxNumberOfMessages=10)
    assert ["another" in each["Body"] for each in left["Messages"]] == [True]
