"""A process that lives long remembers a bounded number of things, and asks once for each."""

import asyncio

import pytest

from core.runtime.ttl_cache import Remembered
from tests.support.fakes import Clock


def test_the_least_used_goes_when_there_are_too_many():
    known = Remembered(Clock(), most=3)
    for name in "abc":
        known.put(name, name.upper())
    assert known.get("a") == "A"
    known.put("d", "D")
    assert (len(known), known.get("b"), known.get("a")) == (3, None, "A")


def test_a_value_is_good_for_its_time():
    clock = Clock()
    known = Remembered(clock, 60.0)
    known.put("name", "Ana")
    known.put("nobody", "", 5.0)
    assert (known.get("name"), known.get("nobody")) == ("Ana", "")
    clock.now += 5
    assert (known.get("name"), known.get("nobody")) == ("Ana", None)
    clock.now += 55
    assert known.get("name") is None
    assert len(known) == 0


async def test_many_who_ask_at_once_share_an_answer_or_its_failure():
    known = Remembered(Clock())
    asked, go = [], asyncio.Event()

    async def ask():
        asked.append(1)
        await go.wait()
        if len(asked) == 1:
            raise OSError("away")
        return "Ana"

    waiting = [asyncio.create_task(known.once("a", ask)) for _ in range(5)]
    await asyncio.sleep(0)
    go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in found] == [OSError] * 5
    assert len(asked) == 1
    assert await known.once("a", ask) == "Ana"


async def test_who_gives_up_leaves_the_others_to_ask_anew():
    known = Remembered(Clock())
    asked = []

    async def ask():
        asked.append(1)
        if len(asked) == 1:
            await asyncio.Event().wait()
        return "Ana"

    first = asyncio.create_task(known.once("a", ask))
    await asyncio.sleep(0)
    second = asyncio.create_task(known.once("a", ask))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == "Ana"
