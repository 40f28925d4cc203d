"""A store that is down at any step of a turn delays its answer, and loses or doubles nothing."""

from __future__ import annotations

import pytest

from core.wording.catalogue import phrase
from tests.support.turn_world import TurnWorld
from tests.support.virtual import in_virtual_time, run

MOST = 60
"""More calls than a turn makes."""


def plain_turn() -> TurnWorld:
    return TurnWorld(["Herons eat ", 2.5, "fish."])


def turn_with_a_file() -> TurnWorld:
    return TurnWorld(["Herons eat ", 2.5, "fish [^1]."], files=True)


async def answered(world: TurnWorld, *, files: bool) -> None:
    attached = {"herons.txt": "Herons eat fish."} if files else {}
    question = await world.ask("What do herons eat?", files=attached)
    await world.work()
    assert len(world.messages) == 1, world.shown
    assert world.last.markdown.startswith("Herons eat fish"), world.shown
    assert world.buttons == {"regenerate", "up", "down"}
    assert (world.kept(question) or "").startswith("Herons eat fish")
    assert world.settled(question)
    assert world.queue.dead == []


@pytest.mark.parametrize("files", [False, True])
@pytest.mark.parametrize("seconds", [20.0, 300.0])
def test_a_store_that_is_down_from_any_call_on_delays_an_answer(
    seconds: float, files: bool
) -> None:
    async def main() -> int:
        world = turn_with_a_file() if files else plain_turn()
        calls = world.outage.calls
        await answered(world, files=files)
        return world.outage.calls - calls

    calls = run(main)
    assert 8 < calls < MOST
    for call in range(2, calls + 1):  # the first one is the receiver's

        async def down(call: int = call) -> None:
            world = turn_with_a_file() if files else plain_turn()
            world.outage.begin(call, seconds)
            await answered(world, files=files)
            assert world.outage.calls > call

        run(down)


@in_virtual_time
async def test_people_are_told_once_that_storage_cannot_be_reached() -> None:
    world = plain_turn()
    question = await world.ask("What do herons eat?")
    world.outage.begin(world.outage.calls + 1, 100.0)
    await world.work()
    assert [each.text for each in world.chat.made if each.call == "post"] == [
        phrase("progress.no_storage")
    ]
    assert world.shown == ["Herons eat fish."]
    assert world.settled(question)


@in_virtual_time
async def test_what_was_not_said_to_us_is_told_nothing_during_an_outage() -> None:
    world = TurnWorld(files=True)
    await world.ask("Look!", files={"a.txt": "Herons."}, addressed=False)
    world.outage.begin(world.outage.calls + 1, 100.0)
    await world.work()
    assert phrase("progress.no_storage") not in [each.text for each in world.chat.made]


@in_virtual_time
async def test_a_store_that_stays_down_leaves_the_turn_to_the_operator() -> None:
    world = plain_turn()
    question = await world.ask("What do herons eat?")
    world.outage.begin(world.outage.calls + 1, 1e9)
    await world.work()
    assert [each.event_id for each in world.queue.dead] == [question.event_id]
    assert world.shown == [phrase("progress.no_storage")]
