"""What several processes grant together, over one table."""

import asyncio
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from core.aws.tallies import DynamoTally, dumps, loads
from core.budget import Budgets, Quota, Rate, WorkspaceBudget
from core.ports import Call, Priority, StoreError
from core.tally import OwnStore, Tally

EDITS = Quota(frozenset({Call.EDIT}), (Rate(10, 3.0),))
POSTS = (
    Quota(frozenset({Call.POST}), (Rate(1, 0.6),), by="channel"),
    Quota(frozenset({Call.POST}), (Rate(8, 3.0),)),
)


@pytest.fixture
def process(aws):
    """Builds the budget of one workspace as each process does, over the table that they share."""
    dynamodb = aws.client("dynamodb")

    def build(*quotas):
        def tally(workspace, name):
            key = {"pk": f"budget#{workspace}", "sk": name}
            return DynamoTally(dynamodb, aws.resources.table, aws.calls, **key)

        return Budgets("slack", quotas, tally).of("T1")

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
    # they are noted once granted: some milliseconds later than the window began
    assert busiest(times, 2.7) <= 10


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
        await running.told()
        await other.spend(Call.EDIT, Priority.FIRST)
        await other.spend(Call.EDIT, Priority.FIRST)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await other.spend(Call.EDIT, Priority.FIRST)
    await running.told()
    # it looks now and then what others have left
    async with asyncio.timeout(10):
        await other.spend(Call.EDIT, Priority.FIRST)


async def test_a_pause_holds_for_the_other_processes(process):
    one, two = process(EDITS).of("C1"), process(EDITS).of("C1")
    one.pause(Call.EDIT, 1.5)
    await one.told()
    began = time.time()
    await two.spend(Call.EDIT, Priority.FINAL)
    assert time.time() - began > 1


async def test_what_was_not_used_is_there_for_the_others(process):
    one, two = process(EDITS).of("C1"), process(EDITS).of("C1")
    await spend_many(one, Call.EDIT, Priority.FINAL, [], 10)
    (bucket,) = one._buckets[Call.EDIT]
    for at in bucket._kept.tally.granted[:3]:
        bucket.give_back(at)
    await one.told()
    async with asyncio.timeout(1.5):
        await spend_many(two, Call.EDIT, Priority.FINAL, [], 3)


class Flaky(OwnStore):
    """A store that does not answer while `down`."""

    down = False

    async def swap(self, version, tally, seconds):
        if self.down:
            raise StoreError("down")
        return await super().swap(version, tally, seconds)


async def test_without_the_store_a_process_goes_by_what_it_knows_and_tells_it_later():
    store = Flaky()
    workspace = WorkspaceBudget((EDITS,), lambda: round(time.time(), 3), lambda _: store)
    view = workspace.of("C1")
    store.down = True
    times = []
    async with asyncio.timeout(10):
        await spend_many(view, Call.EDIT, Priority.FINAL, times, 12)
    assert busiest(times, 2.9) <= 10
    await view.told()
    assert (await store.read()).tally.granted == ()
    store.down = False
    async with asyncio.timeout(10):
        await spend_many(view, Call.EDIT, Priority.FINAL, times, 1)
        await asyncio.sleep(1.1)  # so long it does not try again
        await view.told()
        kept = (await store.read()).tally.granted
    # of the twelve ten have left their window; two, and the one since, count
    assert len(kept) == 3


async def test_a_row_of_another_release_is_written_anew(aws, process):
    view = process(EDITS).of("C1")
    await view.spend(Call.EDIT, Priority.FINAL)
    dynamodb, table = aws.client("dynamodb"), aws.resources.table
    (item,) = dynamodb.scan(TableName=table)["Items"]
    dynamodb.put_item(TableName=table, Item={**item, "tally": {"S": "v2"}, "version": {"N": "9"}})
    async with asyncio.timeout(5):
        await spend_many(view, Call.EDIT, Priority.FINAL, [], 2)
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert int(item["version"]["N"]) > 9
    assert float(item["ttl"]["N"]) > time.time()


async def test_an_edit_costs_one_write_and_no_read(aws, process):
    counted = Counter()
    dynamodb = aws.client("dynamodb")
    dynamodb.meta.events.register(
        "before-call.dynamodb.*", lambda model, **_: counted.update([model.name])
    )
    tally = {"pk": "budget#slack/T1", "sk": "e"}
    store = DynamoTally(dynamodb, aws.resources.table, aws.calls, **tally)
    view = WorkspaceBudget((EDITS,), lambda: round(time.time(), 3), lambda _: store).of("C1")
    await spend_many(view, Call.EDIT, Priority.FINAL, [], 5)
    assert counted == {"PutItem": 5}


def test_a_tally_is_kept_whole_and_small():
    granted = tuple(round(1_764_150_000.123 + 1.2 * n, 3) for n in range(50))
    tally = Tally(granted, granted[-1], granted[-1] + 30, {"a1b2c3d4": (1, granted[-1] + 90)})
    assert loads(dumps(tally)) == tally
    assert loads(dumps(Tally())) == Tally()
    assert len(dumps(tally)) < 500
