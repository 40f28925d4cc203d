"""Turns that people end, or whose message, channel or permission goes away."""

from __future__ import annotations

import pytest

from core.ports.chat import (
    ChatError,
    Forbidden,
    Gone,
    RateLimited,
    Stopped,
    Uneditable,
    Unreachable,
)
from core.values.conversation import Incoming
from core.wording.catalogue import phrase
from tests.support.turn_world import TurnWorld
from tests.support.virtual import in_virtual_time, now


@in_virtual_time
async def test_a_button_stops_an_answer_and_keeps_what_there_is() -> None:
    async def stop() -> None:
        await world.press("stop")

    world = TurnWorld(["Herons eat ", 3.0, stop, 60.0, "never."])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.shown == ["Herons eat"]
    assert world.last.footer == phrase("ending.stopped")
    assert world.buttons == {"regenerate"}
    assert world.told == []
    assert world.kept(question) == "Herons eat "
    assert now() < 10


@in_virtual_time
async def test_a_button_stops_an_answer_that_has_no_text_yet() -> None:
    async def stop() -> None:
        await world.press("stop")

    world = TurnWorld([3.0, stop, 60.0, "never."])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.shown == [phrase("ending.stopped")]
    assert world.kept(question) is None
    assert world.settled(question)


@in_virtual_time
async def test_the_word_stop_ends_the_newest_answer() -> None:
    async def stop() -> None:
        await world.send("stop")

    world = TurnWorld(["Herons eat ", 3.0, stop, 60.0, "never."])
    await world.ask("What do herons eat?")
    world.where = world.chat.where
    await world.work()
    assert world.last.footer == phrase("ending.stopped")


@in_virtual_time
async def test_whoever_stops_what_has_ended_is_told_so_alone() -> None:
    world = TurnWorld()
    question = await world.ask("What?")
    await world.work()
    await world.send("stop", question.event_id)
    await world.work()
    assert world.told == [phrase("reply.ended")]
    assert world.shown == ["An answer."]


@in_virtual_time
async def test_an_answer_that_the_platform_stopped_ends_there() -> None:
    async def stop() -> None:
        world.chat.faults["edit"] = [Stopped()]

    world = TurnWorld(["Herons eat ", 3.0, stop, "fish", 60.0, " and more."])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.last.footer == phrase("ending.stopped")
    assert world.shown == ["Herons eat fish"]
    assert world.settled(question)
    assert now() < 30


@in_virtual_time
async def test_a_platform_that_takes_nothing_of_a_stopped_answer_keeps_what_was_seen() -> None:
    async def stop() -> None:
        world.chat.refusals["edit"] = Stopped()

    world = TurnWorld(["Herons eat ", 3.0, stop, "fish", 60.0, " and more."])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.shown == ["Herons eat"]
    assert world.settled(question)
    assert world.queue.delivered == 1


@in_virtual_time
async def test_the_answer_to_a_question_that_is_deleted_meanwhile_goes_with_it() -> None:
    async def delete() -> None:
        await world.send("gone", target=question.message_id)

    world = TurnWorld(["Herons eat ", 3.0, delete, 60.0, "never."])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.messages == []
    assert world.kept(question) is None
    assert "herons" not in world.events[question.event_id].incoming
    assert now() < 10
    await world.queue.enqueue(question, dedup_suffix="told once more")
    await world.work()
    assert world.messages == []


@in_virtual_time
async def test_a_question_that_was_deleted_before_its_turn_is_not_answered() -> None:
    world = TurnWorld()
    await world.send("gone", target="1800000000")
    await world.work()
    question = await world.ask("What do herons eat?")
    await world.work()
    assert question.message_id == "1800000000"
    assert world.messages == []
    assert world.model.prompts == []


@in_virtual_time
async def test_what_is_left_of_a_deleted_answer_is_deleted_despite_limits() -> None:
    async def delete() -> None:
        world.chat.faults["delete"] = [RateLimited(30), Unreachable(), Unreachable()]
        await world.send("gone", target=question.message_id)

    world = TurnWorld(["Herons eat ", 3.0, delete, 60.0])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.messages == []


@pytest.mark.parametrize("error", [Gone("m1"), Forbidden("archived")])
@in_virtual_time
async def test_what_may_not_be_deleted_is_let_be(error: ChatError) -> None:
    async def delete() -> None:
        world.chat.refusals["delete"] = error
        await world.send("gone", target=question.message_id)

    world = TurnWorld(["Herons eat ", 3.0, delete, 60.0])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert [each.call for each in world.chat.made].count("delete") <= 2
    assert world.settled(question)


async def ended_quietly(world: TurnWorld, question: Incoming) -> None:
    """The turn is over at its first delivery, and nothing more was posted."""
    await world.work()
    assert world.settled(question)
    assert world.queue.delivered == 1
    assert world.queue.dead == []


@in_virtual_time
async def test_an_answer_whose_message_people_delete_is_given_up() -> None:
    async def remove() -> None:
        world.chat.remove(world.last_id)

    world = TurnWorld(["Herons eat ", 3.0, remove, "fish.", 60.0, "More."])
    question = await world.ask("What do herons eat?")
    await ended_quietly(world, question)
    assert world.messages == []
    assert now() < 30


@pytest.mark.parametrize("error", [Gone("C"), Forbidden("archived")])
@in_virtual_time
async def test_a_channel_that_is_gone_or_closed_before_the_answer_ends_the_turn(
    error: ChatError,
) -> None:
    world = TurnWorld()
    world.chat.refusals["post"] = error
    question = await world.ask("What do herons eat?")
    await ended_quietly(world, question)
    assert world.messages == []


@pytest.mark.parametrize("error", [Gone("C"), Forbidden("archived")])
@in_virtual_time
async def test_a_channel_that_goes_or_closes_amid_an_answer_ends_the_turn(
    error: ChatError,
) -> None:
    async def close() -> None:
        world.chat.refusals |= {"post": error, "edit": error}

    world = TurnWorld(["Herons eat ", 3.0, close, "fish.", 60.0, "More."])
    question = await world.ask("What do herons eat?")
    await ended_quietly(world, question)
    assert world.shown == ["Herons eat"]


@in_virtual_time
async def test_a_message_that_can_no_longer_be_edited_is_replaced() -> None:
    async def close() -> None:
        world.chat.refusals["edit"] = Uneditable("too old")

    world = TurnWorld(["Herons eat ", 3.0, close, "fish", 3.0, " and frogs."])
    question = await world.ask("What do herons eat?")
    await ended_quietly(world, question)
    assert world.shown == ["Herons eat fish and frogs."]


@in_virtual_time
async def test_a_platform_that_limits_edits_throughout_gets_the_answer_as_a_new_message() -> None:
    world = TurnWorld(["Herons eat ", 3.0, "fish", 3.0, " and frogs."])
    world.chat.refusals["edit"] = RateLimited(30)
    question = await world.ask("What do herons eat?")
    await ended_quietly(world, question)
    assert world.shown == ["Herons eat fish and frogs."]
    assert world.kept(question) == "Herons eat fish and frogs."


@in_virtual_time
async def test_a_platform_that_limits_posts_for_a_minute_is_waited_for() -> None:
    world = TurnWorld(["Herons eat fish."])
    world.chat.faults["post"] = [RateLimited(30), RateLimited(30)]
    question = await world.ask("What do herons eat?")
    await ended_quietly(world, question)
    assert world.shown == ["Herons eat fish."]
    assert now() > 60


@in_virtual_time
async def test_a_platform_that_limits_all_posts_puts_the_turn_off_and_loses_nothing() -> None:
    world = TurnWorld(["Herons eat fish."])
    world.chat.refusals["post"] = RateLimited(30)

    async def open_again() -> None:
        del world.chat.refusals["post"], world.chat.during["post"]

    tries = iter(range(20))

    async def later() -> None:
        if next(tries) == 18:
            await open_again()

    world.chat.during["post"] = later
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.shown == ["Herons eat fish."]
    assert world.settled(question)
    assert world.queue.delivered > 1


@pytest.mark.parametrize("call", ["post", "edit"])
@in_virtual_time
async def test_a_platform_that_does_not_answer_for_minutes_gets_the_answer_later(
    call: str,
) -> None:
    world = TurnWorld(["Herons eat fish."])
    world.chat.faults[call] = [Unreachable() for _ in range(20)]
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.shown == ["Herons eat fish."]
    assert world.settled(question)
    assert world.queue.delivered > 1
