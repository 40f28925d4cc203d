"""Questions that wait for documents: in DynamoDB and in memory, and what earlier versions make of
their rows."""

import json
from dataclasses import replace

import pytest

from core.aws.access.items import encode
from core.aws.dynamodb.claim_rows import claim_key
from core.aws.dynamodb.claims import LEASE, DynamoClaims
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.dynamodb.waits import DynamoWaits
from core.knowledge.files.overdue import UNTAKEN
from core.ports.turns import Busy, LeaseLost, Withdrawn
from core.turn.requeue_policy import AGAIN, RESUMED
from core.values.answer import MessageId
from core.values.conversation import Attachment, Conversation, Incoming, Kind, Person, dumps
from core.values.documents import Document, DocumentId
from tests.support.fakes import FakeClaims, FakeWaits

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
FILE = Attachment("F1", "a.txt", "text/plain", 3, "https://files.example/F1")
POST = Incoming(f"{WHERE.place}/1.0", WHERE, Person("U1"), "what?", "1.0", (FILE,), waited=True)
EVENT = POST.event_id
ONE, TWO = DocumentId(WHERE.place, "F1"), DocumentId(WHERE.place, "F2")
IDS = (MessageId("m1"),)


@pytest.fixture(params=["dynamodb", "memory"])
def kind(request):
    return request.param


@pytest.fixture
def claims(kind, request, clock):
    if kind == "memory":
        return FakeClaims(clock)
    aws = request.getfixturevalue("aws")
    db = aws.client("dynamodb")
    return DynamoClaims(db, aws.resources.table, aws.calls, owner="a", clock=clock)


@pytest.fixture
def waits(kind, request, claims):
    if kind == "memory":
        return FakeWaits(claims)
    aws = request.getfixturevalue("aws")
    return DynamoWaits(aws.client("dynamodb"), aws.resources.table, aws.calls)


async def waiting(claims, *documents):
    claim = await claims.take(EVENT, dumps(replace(POST, waited=False)))
    return claim, await claims.await_documents(claim, dumps(POST), IDS, documents or (ONE,))


async def test_a_question_that_waits_is_found_by_each_of_its_documents(claims, waits):
    assert await waits.waiting_for(ONE) == []
    await waiting(claims, ONE, TWO)
    for document in (ONE, TWO):
        (found,) = await waits.waiting_for(document)
        assert (found.event_id, found.incoming, found.message_ids) == (EVENT, dumps(POST), IDS)
        assert found.wait.documents == (ONE, TWO)
    assert await waits.waiting_for(DocumentId(WHERE.place, "F3")) == []


async def test_whoever_continues_with_it_has_its_messages_and_no_attempt_was_counted(
    claims, waits, clock
):
    _, first = await waiting(claims)
    clock.now += 5
    claim = await claims.take(EVENT)
    assert (claim.attempt, claim.message_ids, claim.incoming) == (1, IDS, dumps(POST))
    assert await waits.waiting_for(ONE) == []
    assert await waits.read([EVENT]) == {}
    second = await claims.await_documents(claim, dumps(POST), IDS, (ONE,))
    assert (second.since, second.number) == (first.since, 2)
    await claims.complete(await claims.take(EVENT))
    assert await waits.waiting_for(ONE) == []


async def test_a_late_renewal_does_not_bring_the_lease_back(claims, clock):
    claim, _ = await waiting(claims)
    clock.now += LEASE
    with pytest.raises(LeaseLost):
        await claims.renew(claim)
    assert await claims.take(EVENT) is not None
    with pytest.raises(Busy):
        await claims.take(EVENT)


async def test_one_that_was_deleted_waits_no_more_and_keeps_nothing(claims, waits):
    await waiting(claims)
    assert await claims.withdraw(EVENT) == [*IDS]
    assert await waits.waiting_for(ONE) == []
    assert await claims.take(EVENT) is None
    assert "what?" not in (await claims.read(EVENT)).incoming


async def test_one_that_is_deleted_while_its_worker_lets_go_does_not_wait(claims, waits):
    claim = await claims.take(EVENT, dumps(POST))
    await claims.withdraw(EVENT)
    with pytest.raises(Withdrawn):
        await claims.await_documents(claim, dumps(POST), IDS, (ONE,))
    assert await waits.waiting_for(ONE) == []


async def test_a_wish_to_stop_is_known_while_nobody_holds_it(claims):
    await waiting(claims)
    assert not await claims.stopping(EVENT)
    assert await claims.stop(EVENT)
    assert await claims.stopping(EVENT)


@pytest.fixture
def aws_claims(aws, clock):
    db = aws.client("dynamodb")
    return DynamoClaims(db, aws.resources.table, aws.calls, owner="a", clock=clock)


@pytest.fixture
def manifest(aws, clock):
    return DynamoManifest(aws.client("dynamodb"), aws.resources.table, aws.calls, clock=clock)


def row(document):
    return Document(document, "a.txt", f"{document.place}/{document.file}/a.txt", message="1.0")


async def test_the_schedule_leaves_it_alone_until_its_last_document_is_done(
    aws_claims, manifest, clock
):
    for each in (ONE, TWO):
        await manifest.register(row(each))
    await waiting(aws_claims, ONE, TWO)
    await manifest.refuse(ONE, "gone")
    clock.now += UNTAKEN - 10
    assert await aws_claims.orphans() == []
    await manifest.refuse(TWO, "gone")
    clock.now += RESUMED - 5
    assert await aws_claims.orphans() == []
    clock.now += 10
    (orphan,) = await aws_claims.orphans()
    assert (orphan.claim.event_id, orphan.incoming) == (EVENT, dumps(POST))
    await aws_claims.requeued(EVENT)
    clock.now += AGAIN - 10
    assert await aws_claims.orphans() == []
    clock.now += 20
    assert len(await aws_claims.orphans()) == 1
    await aws_claims.complete(await aws_claims.take(EVENT))
    assert await aws_claims.orphans() == []


async def test_a_document_that_nobody_reads_is_looked_after_by_the_schedule(
    aws_claims, manifest, clock
):
    await manifest.register(row(ONE))
    await waiting(aws_claims)
    clock.now += UNTAKEN + RESUMED + 1
    (orphan,) = await aws_claims.orphans()
    assert orphan.claim.wait.number == 1


async def test_versions_before_waits_take_it_for_one_whose_worker_is_gone(aws, aws_claims, clock):
    """They read these columns alone, and delete the others when they take it."""
    await waiting(aws_claims)
    found = aws.client("dynamodb").get_item(
        TableName=aws.resources.table, Key=encode(claim_key(EVENT))
    )["Item"]
    known = {"owner": "S", "lease": "N", "attempt": "N", "messages": "L", "incoming": "S"}
    assert {name: [*found[name]] for name in known} == {n: [kind] for n, kind in known.items()}
    assert found["settled"] == {"BOOL": False}
    old = json.loads(found["incoming"]["S"])
    assert "waited" not in old
    assert json.loads(old["extra"]["more"])["waited"] is True
