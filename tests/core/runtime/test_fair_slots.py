"""Slots of each kind of work, and who gets the next one."""

import asyncio

import pytest

from core.runtime.fair_slots import FairSlots, Ticket
from tests.support.virtual import in_virtual_time, now


class Work:
    """Pieces of work that take a second each, on slots; `began` is when which one did."""

    def __init__(self, **limits):
        self.slots = FairSlots(limits)
        self.began = {}
        self.most = 0
        self._running = 0

    async def one(self, name, ticket, seconds=1.0):
        async with self.slots.held(ticket):
            self.began[name] = now()
            self._running += 1
            self.most = max(self.most, self._running)
            await asyncio.sleep(seconds)
            self._running -= 1


def of(person, kind="question", place=""):
    return Ticket(kind, person, place)


@in_virtual_time
async def test_no_more_than_its_slots_run_at_a_time():
    work = Work(question=4)
    await asyncio.gather(*(work.one(n, of(f"p{n}")) for n in range(12)))
    assert work.most == 4
    assert now() == 3.0


@in_virtual_time
async def test_one_kind_does_not_starve_another():
    work = Work(question=4, fetch=4)
    async with asyncio.TaskGroup() as tasks:
        for n in range(40):
            tasks.create_task(work.one(n, of(f"p{n}", "fetch")))
        await asyncio.sleep(0.5)
        tasks.create_task(work.one("hello", of("ben")))
    assert work.began["hello"] == 0.5


@in_virtual_time
async def test_a_person_has_a_share_and_another_need_not_wait():
    work = Work(question=8)
    async with asyncio.TaskGroup() as tasks:
        for n in range(200):
            tasks.create_task(work.one(n, of("ana")))
        await asyncio.sleep(0.5)
        tasks.create_task(work.one("hello", of("ben")))
    assert work.began["hello"] == 0.5
    assert sum(at == 0 for at in work.began.values()) == 2


@in_virtual_time
async def test_a_channel_has_a_share_whoever_asks_there():
    work = Work(question=8)
    async with asyncio.TaskGroup() as tasks:
        for n in range(50):
            tasks.create_task(work.one(n, of(f"p{n}", place="busy")))
        await asyncio.sleep(0.5)
        tasks.create_task(work.one("hello", of("ben", place="quiet")))
    assert work.began["hello"] == 0.5
    assert sum(at == 0 for at in work.began.values()) == 4


@in_virtual_time
async def test_whoever_holds_fewest_is_next_then_whoever_waited_longest():
    work = Work(question=4)
    async with asyncio.TaskGroup() as tasks:
        for n in range(4):
            tasks.create_task(work.one(f"first {n}", of(f"p{n}"), 1.0 + n))
        await asyncio.sleep(0.1)
        tasks.create_task(work.one("busy", of("p3")))
        tasks.create_task(work.one("idle", of("new")))
    assert work.began["idle"] < work.began["busy"]


@in_virtual_time
async def test_what_has_no_limit_does_not_wait():
    work = Work(question=1)
    await asyncio.gather(*(work.one(n, Ticket("other")) for n in range(9)))
    assert now() == 1.0


@pytest.mark.parametrize("after", [0.5, 1.0])
@in_virtual_time
async def test_who_gives_up_waiting_leaves_the_slot_to_others(after):
    work = Work(question=1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work.one("first", of("a")))
        await asyncio.sleep(0)
        gives_up = tasks.create_task(work.one("second", of("b")))
        tasks.create_task(work.one("third", of("c")))
        await asyncio.sleep(after)
        gives_up.cancel()
    assert work.began["third"] == 1.0


@in_virtual_time
async def test_a_failure_frees_its_slot():
    slots = FairSlots({"question": 1})
    with pytest.raises(RuntimeError):
        async with slots.held(of("a")):
            raise RuntimeError
    async with asyncio.timeout(1), slots.held(of("b")):
        pass
