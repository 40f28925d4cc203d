"""What several processes grant together, over one table."""

import asyncio
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from core.aws.dynamodb.rate_ledger import DynamoLedger
from core.ports.rates import Call, Priority
from core.ports.store_error import StoreError
from core.rates.budget import Budgets, Quota, Rate, WorkspaceBudget
from core.rates.ledger import Changes, InMemoryStore, Ledger
from core.runtime.tasks import ended
from tests.support.world import until

EDITS = Quota(frozenset({Call.EDIT}), (Rate(10, 3.0),))
POSTS = (
    Quota(frozenset({Call.POST}), (Rate(1, 0.6),), by="channel"),
    Quota(frozenset({Call.POST}), (Rate(8, 3.0),)),
)


@pytest.fixture
def process(aws):
    """Builds the budget of one workspace as each process does, over the table that they share."""
    shared = aws.client("dynamodb")

    def build(*quotas, over=None):
        dynamodb = over or shared

        def ledgers(workspace, name, seconds):
            key = {"pk": f"budget#{workspace}", "sk": name}
            return DynamoLedger(dynamodb, aws.resources.table, aws.calls, **key, seconds=seconds)

        return Budgets("slack", quotas, ledgers).of("T1")

    return build


def busiest(times, seconds):
    return max(sum(1 for t in times if start <= t < start + seconds) for start in times)


async def spend_many(view, call, priority, times, number):
    for _ in range(number):
        await view.spend(call, priority)
        times.append(time.time())


async def test_processes_together_keep_to_the_rate_of_one(process):
    times = []
    views = [process(EDITS).of(f"C{n}") for n in range(6)]
    async with asyncio.timeout(30):
        await asyncio.gather(*(spend_many(v, Call.EDIT, Priority.FINAL, times, 4) for v in views))
    assert len(times) == 24
    # a call may be made as much later than it was granted as the margin of its window allows
    assert busiest(times, 2.5) <= 10


async def test_posts_of_several_processes_in_one_channel_keep_their_distance(process):
    times = []
    views = [process(*POSTS).of("C1") for _ in range(4)]
    async with asyncio.timeout(30):
        await asyncio.gather(*(spend_many(v, Call.POST, Priority.FIRST, times, 1) for v in views))
    assert busiest(times, 0.5) == 1


async def test_what_one_process_keeps_for_its_finals_is_not_used_by_the_others(process):
    """Ten edits, and eight answers that run elsewhere: two are free."""
    minute = Quota(frozenset({Call.EDIT}), (Rate(10, 62.0),))
    running, other = process(minute).of("C1"), process(minute).of("C2")
    with ExitStack() as answers:
        for _ in range(8):
            answers.enter_context(running.answering())
        await running.published()
        await other.spend(Call.EDIT, Priority.FIRST)
        await other.spend(Call.EDIT, Priority.FIRST)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await other.spend(Call.EDIT, Priority.FIRST)
    await running.published()
    # it looks now and then what others have left
    async with asyncio.timeout(10):
        await other.spend(Call.EDIT, Priority.FIRST)


async def test_a_pause_holds_for_the_other_processes(process):
    one, two = process(EDITS).of("C1"), process(EDITS).of("C1")
    began = time.time()
    one.pause(Call.EDIT, 1.5)
    await one.published()
    await two.spend(Call.EDIT, Priority.FINAL)
    assert time.time() - began > 1


async def test_a_pause_holds_for_a_process_that_has_not_seen_it(process):
    """A final does not read the ledger again: the store refuses the grant."""
    one, two = process(EDITS).of("C1"), process(EDITS).of("C1")
    await two.spend(Call.EDIT, Priority.FINAL)
    began = time.time()
    one.pause(Call.EDIT, 1.5)
    await one.published()
    await two.spend(Call.EDIT, Priority.FINAL)
    assert time.time() - began > 1


PLACES = (
    Quota(frozenset({Call.POST}), (Rate(7, 1.0),), by="channel"),
    Quota(frozenset({Call.POST}), (Rate(45, 1.0),), needs_second_refusal=True),
)


async def test_a_refusal_of_one_place_holds_there_for_all_processes_and_nowhere_else(process):
    one, two = process(*PLACES), process(*PLACES)
    one.of("C1").pause(Call.POST, 90)
    await one.of("C1").published()
    async with asyncio.timeout(30):
        await two.of("C2").spend(Call.POST, Priority.FINAL)
    waiting = asyncio.create_task(two.of("C1").spend(Call.POST, Priority.FINAL))
    await until(lambda: two.of("C1").wait_for(Call.POST, Priority.FINAL) > 30)
    await ended([waiting])


async def test_one_place_refused_in_two_processes_holds_nowhere_else(process):
    one, two, three = (process(*PLACES) for _ in range(3))
    for each in (one, two):
        await each.of("C1").spend(Call.POST, Priority.FINAL)  # both are under way
    one.of("C1").pause(Call.POST, 60)
    await one.of("C1").published()
    await two.of("C2").spend(Call.POST, Priority.FINAL)
    two.of("C1").pause(Call.POST, 60)
    await two.of("C1").published()
    async with asyncio.timeout(30):
        await three.of("C3").spend(Call.POST, Priority.FINAL)


async def test_a_second_place_refused_in_another_process_holds_everywhere(process):
    one, two, three = (process(*PLACES) for _ in range(3))
    one.of("C1").pause(Call.POST, 30)
    await one.of("C1").published()
    await two.of("C2").spend(Call.POST, Priority.FINAL)
    began, times = time.time(), []
    two.of("C2").pause(Call.POST, 1.5)
    await two.of("C2").published()
    await spend_many(three.of("C3"), Call.POST, Priority.FINAL, times, 1)
    assert 1 < times[0] - began < 20


async def test_what_was_not_used_is_there_for_the_others(process):
    one, two = process(EDITS).of("C1"), process(EDITS).of("C1")
    await spend_many(one, Call.EDIT, Priority.FINAL, [], 10)
    (limiter,) = one._limiters[Call.EDIT]
    for at in limiter._seen.granted[:3]:
        limiter.give_back(at)
    await one.published()
    async with asyncio.timeout(1.5):
        await spend_many(two, Call.EDIT, Priority.FINAL, [], 3)


class Flaky(InMemoryStore):
    """A store that does not answer while `down`."""

    down = False

    async def publish(self, *changes):
        if self.down:
            raise StoreError("down")
        return await super().publish(*changes)


async def test_without_the_store_a_process_goes_by_what_it_knows_and_publishes_later(monkeypatch):
    monkeypatch.setattr("core.rates.limiter.LONGEST_RETRY", 1.0)
    store = Flaky(3.0)
    workspace = WorkspaceBudget((EDITS,), lambda: round(time.time(), 3), lambda *_: store)
    view = workspace.of("C1")
    store.down = True
    times = []
    async with asyncio.timeout(10):
        await spend_many(view, Call.EDIT, Priority.FINAL, times, 12)
    assert busiest(times, 2.9) <= 10
    await view.published()
    assert (await store.read()).granted == ()
    store.down = False
    async with asyncio.timeout(10):
        await spend_many(view, Call.EDIT, Priority.FINAL, times, 1)
        await asyncio.sleep(1.1)  # so long it does not try again
        await view.published()
        kept = (await store.read()).granted
    # of the twelve ten are about to leave their window, if not gone; two, and the one since, count
    assert sum(each > times[0] + 1 for each in kept) == 3


async def test_a_row_that_another_release_wrote_is_no_hindrance(aws, process):
    view = process(EDITS).of("C1")
    await view.spend(Call.EDIT, Priority.FINAL)
    dynamodb, table = aws.client("dynamodb"), aws.resources.table
    (item,) = dynamodb.scan(TableName=table)["Items"]
    dynamodb.put_item(TableName=table, Item={**item, "runs_x": {"S": "v2"}})
    async with asyncio.timeout(5):
        await spend_many(view, Call.EDIT, Priority.FINAL, [], 2)
    dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})
    async with asyncio.timeout(5):
        await spend_many(view, Call.EDIT, Priority.FINAL, [], 2)
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert float(item["ttl"]["N"]) > time.time()


async def test_an_edit_costs_one_write(aws, process):
    counted = Counter()
    dynamodb = aws.client("dynamodb")
    dynamodb.meta.events.register(
        "before-call.dynamodb.*", lambda model, **_: counted.update([model.name])
    )
    view = process(EDITS, over=dynamodb).of("C1")
    await spend_many(view, Call.EDIT, Priority.FINAL, [], 5)
    assert counted == {"UpdateItem": 5, "GetItem": 1}


async def test_a_tally_stays_small(aws, process):
    quick = Quota(frozenset({Call.EDIT}), (Rate(20, 0.2),))
    view = process(quick).of("C1")
    async with asyncio.timeout(60):
        await spend_many(view, Call.EDIT, Priority.FINAL, [], 150)
    (item,) = aws.client("dynamodb").scan(TableName=aws.resources.table)["Items"]
    assert len(item["granted"]["L"]) <= 20 + 33
    assert int(item["total"]["N"]) >= 150


async def test_what_counts_stays_when_what_is_past_is_taken_out(aws):
    key = {"pk": "budget#slack/T1", "sk": "e", "seconds": 62.0}
    ledger = DynamoLedger(aws.client("dynamodb"), aws.resources.table, aws.calls, **key)
    past = tuple(float(at) for at in range(100, 140))
    now = tuple(float(at) for at in range(201, 241))
    await ledger.publish("a", Changes(past), Ledger(), None, 140.0)
    await ledger.publish("a", Changes(now), Ledger(), None, 240.0)
    assert (await ledger.read()).granted == now


async def test_those_that_ask_at_the_same_time_do_not_hold_each_other_up(aws, process):
    """While there is room for all, one write grants, whoever else asks."""
    counted = Counter()
    dynamodb = aws.client("dynamodb")
    dynamodb.meta.events.register(
        "before-call.dynamodb.*", lambda model, **_: counted.update([model.name])
    )
    many = Quota(frozenset({Call.EDIT}), (Rate(300, 62.0),))
    views = [process(many, over=dynamodb).of(f"C{n}") for n in range(20)]
    for view in views:
        await view.spend(Call.EDIT, Priority.FIRST)
    counted.clear()
    await asyncio.gather(*(v.spend(Call.EDIT, Priority.FIRST) for v in views))
    assert counted == {"UpdateItem": 20}


async def test_while_the_store_is_down_a_process_that_has_nothing_to_do_rests():
    store = Flaky(62.0)
    store.down = True
    view = WorkspaceBudget((EDITS,), time.time, lambda *_: store).of("C1")
    with view.answering():
        await view.published()
    await view.published()
    laps = 0
    async with asyncio.timeout(1):
        for _ in range(20):
            await asyncio.sleep(0.001)
            laps += 1
    assert laps == 20


async def test_what_is_taken_back_is_taken_back_once_however_often_it_is_published(aws):
    """Three were granted in one millisecond; one is not made, and publishing that is refused."""
    key = {"pk": "budget#slack/T1", "sk": "e", "seconds": 62.0}
    one, two = (
        DynamoLedger(aws.client("dynamodb"), aws.resources.table, aws.calls, **key) for _ in "12"
    )
    _, seen = await one.publish("a", Changes((100.0, 100.0, 100.0)), Ledger(), 9, 100.0)
    await two.publish("b", Changes((101.0,)), await two.read(), 9, 101.0)
    changes = Changes((102.0,), returned=(100.0,))
    accepted, seen = await one.publish("a", changes, seen, 0, 102.0)
    assert not accepted
    accepted, seen = await one.publish("a", changes, seen, 9, 102.0)
    assert accepted
    assert seen.granted == (100.0, 100.0, 101.0, 102.0)


async def test_a_shorter_pause_does_not_end_a_longer_one(process):
    one, two = process(EDITS).of("C1"), process(EDITS).of("C1")
    one.pause(Call.EDIT, 60)
    await one.published()
    two.pause(Call.EDIT, 1)
    await two.published()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await two.spend(Call.EDIT, Priority.FINAL)


async def test_many_processes_that_died_are_no_hindrance(aws, process):
    key = {"pk": "budget#slack/T1", "sk": "workspace:edit##", "seconds": 3.0}
    store = DynamoLedger(aws.client("dynamodb"), aws.resources.table, aws.calls, **key)
    await store.publish("a", Changes((1.0,)), Ledger(), None, 1.0)
    dead = {f"runs_{n:08x}": {"S": "1 1000"} for n in range(400)}
    dynamodb, table = aws.client("dynamodb"), aws.resources.table
    (item,) = dynamodb.scan(TableName=table)["Items"]
    dynamodb.put_item(TableName=table, Item={**item, **dead})
    view = process(EDITS).of("C1")
    async with asyncio.timeout(10):
        await spend_many(view, Call.EDIT, Priority.FINAL, [], 3)
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert sum(name.startswith("runs_") for name in item) < 400 - 100
