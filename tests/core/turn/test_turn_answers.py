"""How a turn ends that the model answers, refuses or breaks off."""

from __future__ import annotations

import pytest

from core.ports.model import Broken, ModelError, Overloaded, Refused
from core.runtime.telemetry import Metric
from core.values.answer import Delta, Stage, Usage
from core.wording import user_messages
from core.wording.catalogue import phrase
from tests.support.counts import counted
from tests.support.turn_world import DIRECT, TurnWorld
from tests.support.virtual import in_virtual_time, now


@in_virtual_time
async def test_an_answer_grows_in_one_message_and_ends_with_its_model_and_buttons() -> None:
    world = TurnWorld(["Herons eat ", 2.0, "fish", 2.0, " and frogs."])
    question = await world.ask("What do herons eat?")
    with counted() as counts:
        await world.work()
    assert world.shown == ["Herons eat fish and frogs."]
    assert world.last.stage is Stage.DONE
    assert "Sonnet" in world.last.footer
    assert world.buttons == {"regenerate", "up", "down"}
    grown = [each.text for each in world.chat.made if each.call == "edit"]
    assert grown == ["Herons eat", "Herons eat fish", "Herons eat fish and frogs."]
    assert world.kept(question) == "Herons eat fish and frogs."
    assert world.settled(question)
    assert counts[Metric.ANSWERS] == [1]
    assert counts[Metric.FAILURES] == [0]


@in_virtual_time
async def test_a_button_that_stops_stands_under_an_answer_as_long_as_it_grows() -> None:
    async def look() -> None:
        grown.append((world.shown, world.buttons))

    grown: list[tuple[list[str], set[str]]] = []
    world = TurnWorld([2.0, look, "Fish", 2.0, look, " too."])
    await world.ask("What?")
    await world.work()
    assert grown == [([phrase("progress.thinking")], {"stop"}), (["Fish"], {"stop"})]
    assert "stop" not in world.buttons


@in_virtual_time
async def test_the_model_sees_the_question_with_its_asker_and_what_was_said_before() -> None:
    world = TurnWorld(["Fish."], ["At dawn."])
    await world.ask("What do herons eat, of all things?")
    await world.work()
    await world.ask("When exactly do they go and hunt for it?", in_thread=True)
    await world.work()
    assert world.seen_by_model().splitlines()[-3:] == [
        "Ana: What do herons eat, of all things?",
        "Fish.",
        "Ana: When exactly do they go and hunt for it?",
    ]
    assert world.shown == ["Fish.", "At dawn."]


@in_virtual_time
async def test_in_a_direct_chat_nobody_is_named() -> None:
    world = TurnWorld(["Fish."], where=DIRECT)
    await world.ask("What do herons eat?")
    await world.work()
    assert world.seen_by_model().splitlines()[-1] == "What do herons eat?"


@in_virtual_time
async def test_the_model_that_was_chosen_for_a_place_answers_there() -> None:
    world = TurnWorld()
    await world.settings.choose_model(world.where.place, "haiku")
    await world.ask("What?")
    await world.work()
    assert world.model.prompts[0].model == "haiku"
    assert "Haiku" in world.last.footer


@in_virtual_time
async def test_a_model_that_is_no_longer_known_does_not_answer() -> None:
    world = TurnWorld()
    await world.settings.choose_model(world.where.place, "claude-1")
    await world.ask("What?")
    await world.work()
    assert world.model.prompts[0].model == "sonnet"


@in_virtual_time
async def test_an_answer_names_whom_the_operator_has_it_name() -> None:
    world = TurnWorld(answered_by="Acme's assistant")
    await world.ask("What?")
    await world.work()
    assert world.last.footer == "Acme's assistant"


@in_virtual_time
async def test_an_answer_longer_than_a_message_goes_on_in_the_next() -> None:
    paragraphs = [f"Paragraph {n}: " + "word " * 40 + "\n\n" for n in range(60)]
    world = TurnWorld([each for p in paragraphs for each in (p, 0.3)])
    question = await world.ask("Tell me all.")
    await world.work()
    assert len(world.messages) == 4
    for number in range(60):
        assert sum(f"Paragraph {number}:" in each for each in world.shown) == 1
    assert [bool(each.buttons) for each in world.messages] == [False, False, False, True]
    assert world.kept(question) == "".join(paragraphs)


@in_virtual_time
async def test_a_text_that_the_platform_finds_too_long_is_split_smaller() -> None:
    world = TurnWorld(["word " * 700])
    world.chat.longest = 2000
    question = await world.ask("Tell me all.")
    await world.work()
    assert len(world.messages) == 2
    assert sum(each.count("word") for each in world.shown) == 700
    assert world.settled(question)


@pytest.mark.parametrize("text", ["", "  \n"])
@in_virtual_time
async def test_a_mention_without_a_question_is_told_how_to_ask(text: str) -> None:
    world = TurnWorld()
    question = await world.ask(text)
    await world.work()
    assert world.shown == [phrase("reply.empty")]
    assert world.model.prompts == []
    assert world.settled(question)
    assert world.kept(question) is None


@in_virtual_time
async def test_an_answer_without_text_says_so_and_can_be_had_again() -> None:
    world = TurnWorld([Delta(thinking=True), 3.0])
    question = await world.ask("What?")
    with counted() as counts:
        await world.work()
    assert world.shown == [phrase("ending.no_answer")]
    assert world.buttons == {"regenerate"}
    assert world.kept(question) is None
    assert world.settled(question)
    assert counts[Metric.FAILURES] == [1]


@pytest.mark.parametrize(
    ("stop", "footer"),
    [
        ("max_tokens", "length limit"),
        ("content_filtered", "content filter"),
        ("model_context_window_exceeded", "too long for Claude"),
        ("of_a_new_kind", "of_a_new_kind"),
    ],
)
@in_virtual_time
async def test_an_answer_that_was_cut_off_says_why(stop: str, footer: str) -> None:
    world = TurnWorld(["As far as", Delta(stop=stop, usage=Usage(1, 1))])
    question = await world.ask("What?")
    await world.work()
    assert world.shown == ["As far as"]
    assert footer in world.last.footer
    assert world.kept(question) == "As far as"


@pytest.mark.parametrize("stop", ["max_tokens", "refusal"])
@in_virtual_time
async def test_an_answer_that_was_cut_off_before_any_text_says_why(stop: str) -> None:
    world = TurnWorld([Delta(stop=stop)])
    await world.ask("What?")
    await world.work()
    assert world.shown == [user_messages.unanswered(stop)]


@pytest.mark.parametrize("error", [Overloaded("busy"), Refused("no"), Broken("cut")])
@in_virtual_time
async def test_a_model_that_fails_before_any_text_says_so_in_the_message(
    error: ModelError,
) -> None:
    world = TurnWorld([1.0, error], ["An answer."])
    question = await world.ask("What?")
    with counted() as counts:
        await world.work()
    assert world.shown == [user_messages.failure(error, partial=False)]
    assert world.buttons == {"retry"}
    assert world.kept(question) is None
    assert world.settled(question)
    assert counts.reasons[Metric.FAILURES] == [type(error).__name__]
    await world.press("retry")
    await world.work()
    assert world.shown == ["An answer."]


@pytest.mark.parametrize("error", [Overloaded("busy"), Refused("no"), Broken("cut")])
@in_virtual_time
async def test_a_model_that_fails_amid_its_answer_keeps_what_there_is(error: ModelError) -> None:
    world = TurnWorld(["The first half", 2.0, error])
    question = await world.ask("What?")
    await world.work()
    assert world.shown == ["The first half"]
    assert world.last.footer == user_messages.failure(error, partial=True)
    assert world.buttons == {"retry"}
    assert world.kept(question) == "The first half"


@in_virtual_time
async def test_a_long_silence_is_accounted_for() -> None:
    world = TurnWorld([Delta(thinking=True), 25.0, "Fish."])
    await world.ask("What?")
    await world.work()
    grown = [each.text for each in world.chat.made if each.call == "edit"]
    assert grown[0].startswith("_Thinking it through… 1")
    assert world.shown == ["Fish."]
    assert now() < 30
