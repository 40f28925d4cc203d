"""Answers that people ask for once more, and commands that come while one grows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.ports.model import Overloaded
from core.values.conversation import Kind, Outsiders
from core.wording.catalogue import phrase
from tests.support.turn_world import ANA, BEN, TurnWorld
from tests.support.virtual import in_virtual_time


@in_virtual_time
async def test_an_answer_that_is_had_again_replaces_the_first_and_its_history() -> None:
    world = TurnWorld(["The first."], ["The second, ", 3.0, "and longer."])
    question = await world.ask("What?")
    await world.work()
    await world.press("regenerate")
    await world.work()
    assert world.shown == ["The second, and longer."]
    assert world.kept(question) == "The second, and longer."
    assert "The first." not in world.seen_by_model()
    assert [each.call for each in world.chat.made].count("post") == 1


@in_virtual_time
async def test_an_answer_of_several_messages_that_is_had_again_needs_one() -> None:
    world = TurnWorld(["word " * 2000], ["Short."])
    await world.ask("What?")
    await world.work()
    assert len(world.messages) == 3
    await world.press("regenerate")
    await world.work()
    assert world.shown == ["Short."]


@in_virtual_time
async def test_a_button_that_is_pressed_twice_asks_once() -> None:
    world = TurnWorld([Overloaded("busy")], ["An answer."])
    await world.ask("What?")
    await world.work()
    await world.press("retry")
    await world.press("retry", by=BEN)
    await world.work()
    assert world.shown == ["An answer."]
    assert len(world.model.prompts) == 2


@in_virtual_time
async def test_an_answer_that_still_grows_is_not_had_again() -> None:
    async def press() -> None:
        await world.send("regenerate", question.event_id)

    world = TurnWorld(["Herons eat ", 3.0, press, 5.0, "fish."])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.told == [phrase("reply.running")]
    assert world.shown == ["Herons eat fish."]
    assert len(world.model.prompts) == 1


@in_virtual_time
async def test_the_word_regenerate_is_about_the_newest_answer() -> None:
    world = TurnWorld(["One."], ["Two."], ["Two again."])
    for each in ("First?", "Second?"):
        await world.ask(each)
        await world.work()
    await world.send("regenerate")
    await world.work()
    assert world.shown == ["One.", "Two again."]


@pytest.mark.parametrize("name", ["stop", "retry", "feedback"])
@in_virtual_time
async def test_a_button_of_another_conversation_does_nothing(name: str) -> None:
    world = TurnWorld()
    await world.ask("What?")
    await world.work()
    run = "fake/T/OTHER/1800000000"
    await world.send(name, f"up {run}" if name == "feedback" else run)
    await world.work()
    assert world.told == [phrase("reply.other_conversation")]
    assert world.shown == ["An answer."]


@in_virtual_time
async def test_a_question_that_is_not_known_any_more_is_to_be_asked_again() -> None:
    world = TurnWorld()
    await world.send("retry", f"{world.where.place}/1700000000")
    await world.work()
    assert world.told == [phrase("reply.too_old")]


@in_virtual_time
async def test_another_model_that_is_chosen_amid_an_answer_gives_the_next_one() -> None:
    async def choose() -> None:
        await world.send("model", "haiku")

    world = TurnWorld(["Herons eat ", 3.0, choose, 5.0, "fish."], ["Frogs."])
    await world.ask("What do herons eat?")
    await world.work()
    assert "Sonnet" in world.messages[0].footer
    assert "Haiku" in world.told[0]
    assert "Ana chose" in world.shown[1]
    await world.ask("And what else do they eat, if anything?")
    await world.work()
    assert world.shown[0] == "Herons eat fish."
    assert "Haiku" in world.last.footer


@in_virtual_time
async def test_questions_of_a_conversation_are_answered_in_their_order() -> None:
    world = TurnWorld(["One.", 5.0], ["Two.", 1.0], ["Three."])
    for each in ("First?", "Second?", "Third?"):
        await world.ask(each)
    await world.work()
    assert world.shown == ["One.", "Two.", "Three."]
    questions = [prompt.turns[-1].text for prompt in world.model.prompts]
    assert questions == ["Ana: First?", "Ana: Second?", "Ana: Third?"]


@pytest.mark.parametrize("thumb", ["up", "down"])
@in_virtual_time
async def test_a_thumb_is_kept_for_the_question_whichever_answer_it_is_under(thumb: str) -> None:
    world = TurnWorld()
    question = await world.ask("What?")
    await world.work()
    await world.press("regenerate")
    await world.work()
    await world.send("feedback", world.button(thumb).value, by=BEN)
    await world.work()
    assert world.feedback.ratings == {(question.event_id, "ben"): thumb}
    assert world.told == [phrase(f"reply.thanks_{thumb}")]


@in_virtual_time
async def test_nobody_else_has_the_answer_to_a_private_question_again() -> None:
    world = TurnWorld()
    await world.ask("My salary?", private=True)
    await world.work()
    await world.press("regenerate", by=BEN)
    await world.work()
    assert world.told == [phrase("reply.other_conversation")]
    assert len(world.model.prompts) == 1
    await world.press("regenerate")
    await world.work()
    assert len(world.model.prompts) == 2


@in_virtual_time
async def test_people_from_outside_are_not_answered_where_the_operator_says_so() -> None:
    world = TurnWorld(outsiders=Outsiders.NONE)
    world.chat.guests = frozenset({"ben"})
    question = await world.ask("What?", by=BEN)
    await world.work()
    assert world.shown == [phrase("reply.guest")]
    assert world.last.buttons == ()
    assert world.settled(question)
    assert world.kept(question) is None
    await world.send("model", "haiku", by=BEN)
    await world.work()
    assert world.told == [phrase("reply.guest")]
    assert world.settings.models == {}
    await world.ask("What?")
    await world.work()
    assert world.shown == [phrase("reply.guest"), "An answer."]
    assert len(world.model.prompts) == 1


@in_virtual_time
async def test_whoever_says_they_are_from_outside_is_not_asked_after() -> None:
    world = TurnWorld(outsiders=Outsiders.NONE)
    await world.ask("What?", by=replace(ANA, outsider=True))
    await world.work()
    assert world.shown == [phrase("reply.guest")]
    assert "outsider" not in [each.call for each in world.chat.made]


@in_virtual_time
async def test_whoever_presses_stop_need_not_be_from_inside() -> None:
    async def stop() -> None:
        world.chat.guests = frozenset({"ben"})
        await world.press("stop", by=BEN)

    world = TurnWorld(["Herons eat ", 3.0, stop, 60.0], outsiders=Outsiders.NONE)
    await world.ask("What?")
    await world.work()
    assert world.last.footer == phrase("ending.stopped")


@pytest.mark.parametrize("kind", [Kind.CHANNEL, Kind.DIRECT])
@in_virtual_time
async def test_whoever_joins_is_greeted(kind: Kind) -> None:
    world = TurnWorld()
    world.where = replace(world.where, kind=kind)
    await world.send("joined")
    await world.work()
    hello = phrase("hello.channel") if kind is Kind.CHANNEL else phrase("hello.chat")
    assert world.shown == [hello]
