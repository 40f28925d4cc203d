"""The stores: in DynamoDB and, where a test says nothing of AWS, in memory as well."""

import asyncio
from dataclasses import replace

import pytest

from core.aws.access.retention import REMEMBERED
from core.aws.dynamodb.claims import LEASE, DynamoClaims
from core.aws.dynamodb.conversations import DynamoFeedback, DynamoHistory, DynamoPlaceSettings
from core.ports.place_settings import PlaceSettings
from core.ports.store_error import StoreError
from core.ports.turns import Busy, Claim, LeaseLost
from core.turn.requeue_policy import ORPHANED
from core.values.answer import Message, MessageId, Usage
from core.values.conversation import NOTHING_QUOTED, Quoted
from core.values.documents import DocumentId
from tests.support.fakes import Event, FakeClaims, FakeHistory, FakePlaceSettings

EVENT = "slack/T1/C1/1.0"


async def held(claims, event_id=EVENT) -> Claim:
    claim: Claim | None = await claims.take(event_id, "{}")
    assert claim is not None
    return claim


@pytest.fixture(params=["dynamodb", "memory"])
def kind(request):
    return request.param


@pytest.fixture
def worker(kind, request, clock):
    """Builds another worker's claims; all of them share one table."""
    if kind == "memory":
        events: dict[str, Event] = {}
        return lambda owner="a": FakeClaims(clock, events)
    aws = request.getfixturevalue("aws")
    db = aws.client("dynamodb")
    return lambda owner="a": DynamoClaims(
        db, aws.resources.table, aws.calls, owner=owner, clock=clock
    )


@pytest.fixture
def store(kind, request, clock):
    """A history."""
    if kind == "memory":
        return FakeHistory()
    aws = request.getfixturevalue("aws")
    return DynamoHistory(aws.client("dynamodb"), aws.resources.table, aws.calls, clock=clock)


async def test_of_many_who_want_an_event_one_gets_it(worker):
    async def attempt(claims):
        try:
            return await claims.take(EVENT, "{}")
        except Busy:
            return None

    taken = await asyncio.gather(*(attempt(worker(f"w{i}")) for i in range(12)))
    assert sum(claim is not None for claim in taken) == 1


async def test_a_settled_event_is_never_given_again(worker):
    claim = await worker().take(EVENT, "{}")
    await worker().complete(claim)
    assert await worker("b").take(EVENT, "{}") is None


async def test_a_held_event_is_busy_until_its_lease_ends_and_then_goes_on_with_its_messages(
    worker, clock
):
    claim = await worker().take(EVENT, "{}")
    await worker().posted(claim, [MessageId("m1"), MessageId("m2")])
    with pytest.raises(Busy) as busy:
        await worker("b").take(EVENT, "{}")
    assert 0 < busy.value.retry_after <= LEASE + 1
    clock.now += LEASE + 2
    second = await worker("b").take(EVENT, "{}")
    assert second.message_ids == ("m1", "m2")
    assert second.attempt == 2


@pytest.mark.parametrize("anew, attempt", [(True, 2), (False, 3)])
async def test_what_is_handed_on_is_taken_at_once_with_its_messages_and_its_rest(
    worker, clock, anew, attempt
):
    await worker().take(EVENT, "{}")
    clock.now += LEASE + 1
    claim = await worker().take(EVENT, "{}")
    await worker().posted(claim, [MessageId("m1")])
    await worker().release(claim, '{"said": "half"}', anew=anew)
    assert (await worker().read(EVENT)).incoming == '{"said": "half"}'
    with pytest.raises(LeaseLost):
        await worker().renew(replace(claim, owner="somebody else"))
    taken = await worker("b").take(EVENT, "")
    assert (taken.attempt, taken.message_ids) == (attempt, (MessageId("m1"),))
    with pytest.raises(LeaseLost):
        await worker().complete(claim)


async def test_what_is_handed_on_and_taken_by_nobody_is_an_orphan(worker, clock):
    claim = await worker().take(EVENT, "{}")
    await worker().release(claim, '{"said": "half"}', anew=True)
    clock.now += ORPHANED + 1
    (orphan,) = await worker("b").orphans()
    assert orphan.incoming == '{"said": "half"}'


async def test_a_worker_that_lost_its_lease_can_write_nothing_more(worker, clock):
    claim = await worker().take(EVENT, "{}")
    clock.now += LEASE + 2
    await worker("b").take(EVENT, "{}")
    for late in (worker().renew(claim), worker().posted(claim, ["x"]), worker().complete(claim)):
        with pytest.raises(LeaseLost):
            await late


async def test_a_renewed_lease_holds(worker, clock):
    claim = await worker().take(EVENT, "{}")
    clock.now += LEASE - 1
    assert await worker().renew(claim) is False
    clock.now += LEASE - 1
    with pytest.raises(Busy):
        await worker("b").take(EVENT, "{}")


async def test_a_stop_is_seen_at_the_next_renewal_and_only_while_it_runs(worker):
    claim = await worker().take(EVENT, "{}")
    assert await worker("b").stop(EVENT) is True
    assert await worker().renew(claim) is True
    await worker().complete(claim)
    assert await worker("b").stop(EVENT) is False
    assert await worker("b").stop("slack/T1/C1/unknown") is False


async def test_only_answers_whose_worker_is_gone_are_orphans(worker, clock):
    await worker().take(EVENT, '{"x": 1}')
    settled = await worker().take("slack/T1/C1/2.0", "{}")
    await worker().complete(settled)
    assert await worker("b").orphans() == []
    clock.now += 60
    (orphan,) = await worker("b").orphans()
    assert (orphan.claim.event_id, orphan.incoming) == (EVENT, '{"x": 1}')


async def test_what_is_known_of_an_event_can_be_read(worker):
    assert await worker().read(EVENT) is None
    claim = await worker().take(EVENT, '{"x": 1}')
    await worker().posted(claim, [MessageId("m1")])
    await worker().complete(claim)
    record = await worker().read(EVENT)
    assert (record.incoming, record.message_ids, record.completed) == ('{"x": 1}', ("m1",), True)


async def said(store, conversation, tokens):
    """What is kept, as turns; of what was forgotten, none."""
    kept = await store.recent(conversation, tokens)
    return [turn for e in kept if not e.forgotten for turn in (e.question, e.answer)]


async def test_an_exchange_says_what_it_was_made_from_and_which_were_forgotten(store):
    quoted = Quoted(frozenset({"slack/T/C1"}), frozenset({("slack/T/C1", "F1")}))
    for ts, made_from in (("1.0", quoted), ("2.0", NOTHING_QUOTED), ("3.0", quoted)):
        asked = Message("user", ts, "Ana", ts)
        answer = Message("assistant", "x")
        await store.append("p/c", f"p/{ts}", asked, answer, Usage(), quoted=made_from)
    assert [e.quoted for e in await store.recent("p/c", 100)] == [quoted, NOTHING_QUOTED, quoted]
    await store.forget_quoting(DocumentId("slack/T/C1", "F1"))
    kept = await store.recent("p/c", 100)
    forgotten = sorted(each.question.message_id for each in kept if each.forgotten)
    assert forgotten == ["1.0", "3.0"]
    assert [t.text for t in await said(store, "p/c", 100)] == ["2.0", "x"]


async def test_history_comes_oldest_first_and_within_its_tokens(store):
    for number in (3, 1, 2):
        asked = Message("user", f"question {number} " + "x" * 400, "Ana", f"{number}.0")
        await store.append(
            "c", f"p/{number}.0", asked, Message("assistant", f"answer {number}"), Usage()
        )
    turns = await said(store, "c", 10_000)
    assert [t.text.split(" x")[0] for t in turns] == [
        *("question 1", "answer 1", "question 2", "answer 2", "question 3", "answer 3"),
    ]
    assert len(await said(store, "c", 150)) == 2
    assert await said(store, "other", 100) == []


async def test_keeping_an_exchange_again_replaces_it(store):
    asked = Message("user", "q", "Ana", "1.0")
    for run, text in (("p/1.0", "first"), ("p/1.0~2", "second"), ("p/1.0~12", "third")):
        await store.append("c", run, asked, Message("assistant", text), Usage(1, 2, 3, 4))
    assert [t.text for t in await said(store, "c", 100)] == ["q", "third"]


async def test_what_was_deleted_is_forgotten_and_an_answer_under_way_does_not_bring_it_back(store):
    for ts in ("1.0", "2.0"):
        asked = Message("user", f"question {ts}", "Ana", ts)
        await store.append("p/c", f"p/{ts}", asked, Message("assistant", "x"), Usage())
    await store.forget("p/c", "1.0")
    await store.forget("p/c", "3.0")
    late = Message("user", "question 3.0", "Ana", "3.0")
    await store.append("p/c", "p/3.0", late, Message("assistant", "x"), Usage())
    assert [t.text for t in await said(store, "p/c", 100)] == ["question 2.0", "x"]


async def test_turns_come_in_the_order_of_their_posts_however_long_the_numbers(store):
    for ts in ("1700000000.000200", "999.5", "1700000000.000100", "20000000000.0"):
        await store.append("c", f"p/{ts}", Message("user", ts), Message("assistant", ""), Usage())
    assert [t.text for t in await said(store, "c", 1000) if t.text] == [
        *("999.5", "1700000000.000100", "1700000000.000200", "20000000000.0"),
    ]


async def test_a_long_history_is_read_page_by_page_until_the_window_is_full(store):
    for number in range(60):
        await store.append(
            "c",
            f"p/{number}.0",
            Message("user", "한" * 10),
            Message("assistant", f"{number}"),
            Usage(),
        )
    turns = await said(store, "c", 11 * 50)
    assert len(turns) == 100
    assert turns[1].text == "10"
    assert turns[-1].text == "59"


async def test_text_that_no_store_takes_is_kept_without_it(store):
    asked = Message("user", "a\ud800b", "\ud83d", "1.0")
    await store.append("c", "p/1.0", asked, Message("assistant", "fine"), Usage())
    assert len(await said(store, "c", 100)) == 2


async def test_an_exchange_too_large_for_an_item_is_kept_in_part(store):
    asked = Message("user", "q" * 400_000, "Ana", "1.0")
    await store.append("c", "e", asked, Message("assistant", "a" * 400_000), Usage())
    assert len(await said(store, "c", 10**6)) == 2


async def test_a_place_remembers_its_model_and_no_other_place_does(kind, request):
    store: PlaceSettings = FakePlaceSettings()
    if kind == "dynamodb":
        aws = request.getfixturevalue("aws")
        store = DynamoPlaceSettings(aws.client("dynamodb"), aws.resources.table, aws.calls)
    await store.choose_model("slack/T1/C1", "haiku")
    await store.choose_model("slack/T1/C1", "opus")
    assert await store.model("slack/T1/C1") == "opus"
    assert await store.model("slack/T1/C2") is None


async def test_a_thumb_is_kept(aws, clock):
    store = DynamoFeedback(aws.client("dynamodb"), aws.resources.table, aws.calls, clock=clock)
    await store.rate(EVENT, "U1", "up")
    item = aws.client("dynamodb").get_item(
        TableName=aws.resources.table, Key={"pk": {"S": f"feedback#{EVENT}"}, "sk": {"S": "U1"}}
    )["Item"]
    assert item["value"] == {"S": "up"}


async def test_a_table_that_does_not_answer_is_a_store_error(aws, clock, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    claims = DynamoClaims(aws.client("dynamodb"), "t", aws.calls, owner="a", clock=clock)
    with pytest.raises(StoreError):
        await claims.take(EVENT)


async def test_a_claim_can_be_settled_twice_but_not_renewed_after(worker):
    claim = await worker().take(EVENT, "{}")
    await worker().complete(claim)
    await worker().complete(claim)
    with pytest.raises(LeaseLost):
        await worker("b").renew(claim)


async def test_of_many_who_want_an_event_whose_worker_died_one_gets_it(worker, clock):
    await worker().take(EVENT, '{"x": 1}')
    clock.now += LEASE + 1

    async def attempt(claims):
        try:
            return await claims.take(EVENT)
        except Busy:
            return None

    taken = await asyncio.gather(*(attempt(worker(f"w{i}")) for i in range(12)))
    assert [claim.attempt for claim in taken if claim] == [2]
    assert (await worker().read(EVENT)).incoming == '{"x": 1}'


async def test_a_process_that_takes_an_event_again_has_lost_its_first_claim_to_it(worker, clock):
    claims = worker()
    first = await claims.take(EVENT, "{}")
    clock.now += LEASE + 1
    second = await claims.take(EVENT, "{}")
    with pytest.raises(LeaseLost):
        await claims.posted(first, [MessageId("x")])
    await claims.posted(second, [MessageId("y")])


async def test_a_stop_outlives_the_worker_that_should_have_seen_it(worker, clock):
    await worker().take(EVENT, "{}")
    clock.now += LEASE + 1
    assert await worker("b").stop(EVENT) is True
    second = await worker("b").take(EVENT, "{}")
    assert await worker("b").renew(second) is True


async def test_an_orphan_that_is_taken_up_again_is_none(worker, clock):
    await worker().take(EVENT, "{}")
    clock.now += 60
    await worker("b").take(EVENT, "{}")
    assert await worker("c").orphans() == []


async def test_a_table_with_hundreds_of_open_events_gives_all_its_orphans(aws, clock):
    claims = DynamoClaims(
        aws.client("dynamodb"), aws.resources.table, aws.calls, owner="a", clock=clock
    )
    await asyncio.gather(*(claims.take(f"e{i}", "{}") for i in range(130)))
    clock.now += 60
    assert len(await claims.orphans()) == 130


async def test_many_answers_that_ask_for_a_stop_at_once_share_a_query(aws, clock):
    db = aws.client("dynamodb")
    queries = []
    db.meta.events.register("before-call.dynamodb.Query", lambda **_: queries.append(1))
    claims = DynamoClaims(db, aws.resources.table, aws.calls, owner="a", clock=clock)
    taken = [await held(claims, f"e{i}") for i in range(30)]
    await claims.stop("e7")
    stopped = await asyncio.gather(*(claims.renew(claim) for claim in taken))
    assert [i for i, stop in enumerate(stopped) if stop] == [7]
    assert len(queries) <= 2


async def test_an_event_is_remembered_for_longer_than_a_message_can_come_back(aws, clock):
    db = aws.client("dynamodb")
    claims = DynamoClaims(db, aws.resources.table, aws.calls, owner="a", clock=clock)
    await claims.complete(await held(claims))
    key = {"pk": {"S": f"claim#{EVENT}"}, "sk": {"S": "claim"}}
    item = db.get_item(TableName=aws.resources.table, Key=key)["Item"]
    assert int(item["ttl"]["N"]) >= clock.now + REMEMBERED


async def test_a_settled_event_leaves_nothing_open(aws, clock):
    db = aws.client("dynamodb")
    claims = DynamoClaims(db, aws.resources.table, aws.calls, owner="a", clock=clock)
    claim = await held(claims)
    await claims.stop(EVENT)
    await claims.complete(claim)
    left = {item["pk"]["S"] for item in db.scan(TableName=aws.resources.table)["Items"]}
    assert left == {f"claim#{EVENT}"}
