"""Claims and history in DynamoDB."""

import asyncio

import pytest

from core.answer import MessageId, Turn, Usage
from core.aws.claims import LEASE, DynamoClaims
from core.aws.dynamodb import DynamoFeedback, DynamoHistory, DynamoPlaceSettings
from core.ports import Busy, Lost, StoreError

EVENT = "slack/T1/C1/1.0"


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def worker(aws, clock):
    def build(owner="a"):
        return DynamoClaims(
            aws.client("dynamodb"), aws.resources.table, aws.calls, owner=owner, clock=clock
        )

    return build


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
    await worker().settle(claim)
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


async def test_a_worker_that_lost_its_lease_can_write_nothing_more(worker, clock):
    claim = await worker().take(EVENT, "{}")
    clock.now += LEASE + 2
    await worker("b").take(EVENT, "{}")
    for late in (worker().renew(claim), worker().posted(claim, ["x"]), worker().settle(claim)):
        with pytest.raises(Lost):
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
    await worker().settle(claim)
    assert await worker("b").stop(EVENT) is False
    assert await worker("b").stop("slack/T1/C1/unknown") is False


async def test_only_answers_whose_worker_is_gone_are_orphans(worker, clock):
    await worker().take(EVENT, '{"x": 1}')
    settled = await worker().take("slack/T1/C1/2.0", "{}")
    await worker().settle(settled)
    assert await worker("b").orphans() == []
    clock.now += 60
    (orphan,) = await worker("b").orphans()
    assert (orphan.claim.event_id, orphan.incoming) == (EVENT, '{"x": 1}')


async def test_what_is_known_of_an_event_can_be_read(worker):
    assert await worker().read(EVENT) is None
    claim = await worker().take(EVENT, '{"x": 1}')
    await worker().posted(claim, [MessageId("m1")])
    await worker().settle(claim)
    record = await worker().read(EVENT)
    assert (record.incoming, record.message_ids, record.settled) == ('{"x": 1}', ("m1",), True)


def history(aws, clock):
    return DynamoHistory(aws.client("dynamodb"), aws.resources.table, aws.calls, clock=clock)


async def test_history_comes_oldest_first_and_within_its_tokens(aws, clock):
    store = history(aws, clock)
    for number in (3, 1, 2):
        asked = Turn("user", f"question {number} " + "x" * 400, "Ana", f"{number}.0")
        await store.append("c", f"e{number}", asked, Turn("assistant", f"answer {number}"), Usage())
    turns = await store.recent("c", 10_000)
    assert [t.text.split(" x")[0] for t in turns] == [
        *("question 1", "answer 1", "question 2", "answer 2", "question 3", "answer 3"),
    ]
    assert len(await store.recent("c", 150)) == 2
    assert await store.recent("other", 100) == []


async def test_keeping_an_exchange_again_replaces_it(aws, clock):
    store = history(aws, clock)
    asked = Turn("user", "q", "Ana", "1.0")
    for text in ("first", "second"):
        await store.append("c", "e", asked, Turn("assistant", text), Usage(1, 2, 3, 4))
    assert [t.text for t in await store.recent("c", 100)] == ["q", "second"]


async def test_an_exchange_too_large_for_an_item_is_kept_in_part(aws, clock):
    store = history(aws, clock)
    asked = Turn("user", "q" * 400_000, "Ana", "1.0")
    await store.append("c", "e", asked, Turn("assistant", "a" * 400_000), Usage())
    assert len(await store.recent("c", 10**6)) == 2


async def test_a_place_remembers_its_model_and_no_other_place_does(aws):
    store = DynamoPlaceSettings(aws.client("dynamodb"), aws.resources.table, aws.calls)
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
