"""Turns with files: read, cited, not found, not near, not readable, not to be seen."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from core.knowledge.files.overdue import UNTAKEN
from core.ports.chat import ChatError, Forbidden, RateLimited, Unreachable
from core.values.conversation import Attachment, Kind, Outsiders, Scope
from core.values.documents import DocumentId, State
from core.wording import user_messages
from core.wording.catalogue import phrase
from tests.support.fakes import Outage
from tests.support.turn_world import BEN, CHANNEL, SWEEP_EVERY, TurnWorld
from tests.support.virtual import in_virtual_time, now

HERONS = "Herons eat fish and frogs."


async def with_file(*scripts: list[str], text: str = HERONS) -> TurnWorld:
    """A world in which a file was shared, and summed up, in another thread."""
    world = TurnWorld(["A summary."], *scripts, files=True)
    await world.ask("", files={"herons.txt": text}, addressed=False)
    await world.work()
    assert world.shown == ["A summary."]
    world.where = replace(world.where, thread="1800000050")
    return world


@in_virtual_time
async def test_a_question_about_a_file_that_came_with_it_is_answered_from_it() -> None:
    world = TurnWorld(["They eat fish [^1]."], files=True)
    question = await world.ask("What do they eat?", files={"herons.txt": HERONS})
    await world.work()
    assert HERONS in world.seen_by_model()
    assert world.last.markdown.startswith("They eat fish [1].\n\n**Sources**")
    assert "[herons.txt](https://files.example/F1)" in world.last.markdown
    assert [each.name for each in world.last.citations] == ["herons.txt"]
    assert world.kept(question) == "They eat fish [1]."
    quoted = world.history.quoted[question.history, question.event_id]
    assert quoted is not None
    assert quoted.documents == {(CHANNEL.place, "F1")}
    assert now() < 10


@in_virtual_time
async def test_people_see_how_far_a_file_is() -> None:
    world = TurnWorld(files=True)
    world.ingester.takes = 30.0
    await world.ask("What do they eat?", files={"herons.txt": HERONS})
    await world.work()
    edits = [each.text for each in world.chat.made if each.call == "edit"]
    assert any("herons.txt" in each for each in edits)
    assert world.shown == ["An answer."]


@in_virtual_time
async def test_a_file_that_was_only_shared_is_summed_up_without_sources() -> None:
    world = TurnWorld(["About herons [^1]."], files=True)
    await world.ask("", files={"herons.txt": HERONS}, addressed=False)
    await world.work()
    assert HERONS in world.seen_by_model()
    assert "Sources" not in world.last.markdown


@in_virtual_time
async def test_a_file_that_was_only_shared_where_nobody_wants_that_is_not_read() -> None:
    world = TurnWorld(files=True)
    await world.settings.choose_auto(CHANNEL.place, on=False)
    await world.ask("Look!", files={"herons.txt": HERONS}, addressed=False)
    await world.work()
    assert world.messages == []
    assert world.vault.objects == {}


@in_virtual_time
async def test_where_files_are_not_set_up_a_file_says_so() -> None:
    world = TurnWorld()
    await world.ask("What do they eat?", files={"herons.txt": HERONS})
    await world.work()
    assert world.shown == [user_messages.not_set_up(["herons.txt"])]
    assert world.model.prompts == []


@in_virtual_time
async def test_a_file_of_a_private_question_is_not_kept() -> None:
    world = TurnWorld(files=True)
    await world.ask("What do they eat?", files={"herons.txt": HERONS}, private=True)
    await world.work()
    assert world.shown == [phrase("file.private")]
    assert world.vault.objects == {}


@pytest.mark.parametrize("reason", ["encrypted", "empty", "no_text"])
@in_virtual_time
async def test_a_file_that_cannot_be_read_says_why_and_the_question_is_answered(
    reason: str,
) -> None:
    world = TurnWorld(["I can't see it."], files=True)
    world.ingester.fails["herons.pdf"] = reason
    await world.ask("What do they eat?", files={"herons.pdf": "%PDF"})
    await world.work()
    assert world.shown == ["I can't see it."]
    assert user_messages.not_read("herons.pdf", reason) in world.last.footer


@in_virtual_time
async def test_a_file_that_cannot_be_read_and_was_only_shared_says_why_alone() -> None:
    world = TurnWorld(files=True)
    world.ingester.fails["herons.pdf"] = "encrypted"
    await world.ask("", files={"herons.pdf": "%PDF"}, addressed=False)
    await world.work()
    assert world.shown == [user_messages.not_read("herons.pdf", "encrypted")]
    assert world.buttons == {"retry"}
    assert world.model.prompts == []


@in_virtual_time
async def test_of_two_files_the_one_that_can_be_read_is_read() -> None:
    world = TurnWorld(files=True)
    world.ingester.fails["herons.pdf"] = "encrypted"
    await world.ask("What?", files={"herons.pdf": "%PDF", "frogs.txt": "Frogs hop."})
    await world.work()
    assert "Frogs hop." in world.seen_by_model()
    assert "herons.pdf" in world.last.footer
    assert "frogs.txt" not in world.last.footer


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Forbidden("no", "files:read"), "forbidden files:read"), (Unreachable(), "unreachable")],
)
@in_virtual_time
async def test_a_file_that_cannot_be_fetched_says_why(error: ChatError, reason: str) -> None:
    world = TurnWorld(files=True)
    world.chat.refusals["open"] = error
    await world.ask("What do they eat?", files={"herons.txt": HERONS})
    await world.work()
    assert user_messages.not_read("herons.txt", reason) in world.last.footer
    (row,) = world.manifest.documents.values()
    assert row.state is State.FAILED


@in_virtual_time
async def test_a_file_that_is_too_large_says_so() -> None:
    world = TurnWorld(files=True)
    await world.ask("What do they eat?", files={"herons.txt": "x" * 1_000_001})
    await world.work()
    assert user_messages.not_read("herons.txt", "too_large") in world.last.footer
    assert world.vault.objects == {}


@in_virtual_time
async def test_a_file_that_nobody_reads_is_queued_once_more() -> None:
    world = TurnWorld(["They eat fish."], files=True)
    world.ingester.dead = True
    await world.ask("What do they eat?", files={"herons.txt": HERONS})
    asyncio.get_running_loop().call_later(200, setattr, world.ingester, "dead", False)
    await world.work()
    assert UNTAKEN < now() < UNTAKEN + 3 * SWEEP_EVERY
    assert HERONS in world.seen_by_model()
    assert world.shown == ["They eat fish."]


@in_virtual_time
async def test_files_that_the_platform_does_not_tell_of_are_looked_for() -> None:
    world = TurnWorld(files=True)
    world.chat.files["F9"] = b"Herons eat fish."
    world.chat.hidden = (Attachment("F9", "herons.txt", "text/plain", 16, "https://x.example"),)
    world.chat.faults["completed"] = [Unreachable(), RateLimited(3)]
    await world.ask("What do they eat?", files_unresolved=True)
    await world.work()
    assert "Herons eat fish." in world.seen_by_model()


@in_virtual_time
async def test_files_that_may_not_be_looked_for_are_named_as_the_reason() -> None:
    world = TurnWorld(files=True)
    world.chat.refusals["completed"] = Forbidden("no", "Files.Read.All")
    await world.ask("What do they eat?", files_unresolved=True)
    await world.work()
    assert world.shown == ["An answer."]
    assert user_messages.unseen("Files.Read.All") in world.last.footer


@in_virtual_time
async def test_nothing_but_files_that_cannot_be_looked_for_says_so_alone() -> None:
    world = TurnWorld(files=True)
    world.chat.refusals["completed"] = Unreachable()
    await world.ask("", files_unresolved=True)
    await world.work()
    assert world.shown == [user_messages.unseen("")]
    assert world.model.prompts == []


@in_virtual_time
async def test_a_question_finds_what_was_shared_here_before() -> None:
    world = await with_file(["Fish [^1], and stones [^2]."])
    await world.ask("What fish and frogs do herons eat?")
    await world.work()
    assert HERONS in world.seen_by_model()
    assert world.last.markdown.startswith("Fish [1], and stones.\n\n**Sources**")


@in_virtual_time
async def test_an_answer_that_cites_nothing_lists_no_sources() -> None:
    world = await with_file(["Fish."])
    await world.ask("What fish and frogs do herons eat?")
    await world.work()
    assert world.shown[-1] == "Fish."


@in_virtual_time
async def test_what_comes_near_a_question_and_not_near_enough_is_shown_as_weak() -> None:
    world = await with_file(["I found nothing clear."])
    await world.ask("Which herons live in the marshes around Lake Constance?")
    await world.work()
    assert "clearly about this question" in world.seen_by_model()
    assert "Herons eat" in world.seen_by_model()


@in_virtual_time
async def test_where_nothing_is_found_the_model_is_told_that_there_are_files() -> None:
    world = await with_file(["I don't know."])
    world.index.chunks.clear()
    await world.ask("Which herons live in the marshes around Lake Constance?")
    await world.work()
    assert "nothing in them is about this question" in world.seen_by_model()
    assert '<file name="herons.txt"' in world.seen_by_model()


@in_virtual_time
async def test_a_place_without_files_is_not_spoken_of() -> None:
    world = TurnWorld(["I don't know."], files=True)
    await world.ask("Which herons live in the marshes around Lake Constance?")
    await world.work()
    assert "<passages>" not in world.seen_by_model()
    assert "<files>" not in world.seen_by_model()


@in_virtual_time
async def test_a_search_that_fails_is_done_without_and_said() -> None:
    world = await with_file(["I don't know."])
    await world.ask("What fish and frogs do herons eat?")
    world.index.outage = Outage()
    world.index.outage.down = True
    await world.work()
    assert world.shown[-1] == "I don't know."
    assert phrase("file.not_searched") in world.last.footer


@in_virtual_time
async def test_the_files_of_a_thread_go_whole_into_its_next_question() -> None:
    world = TurnWorld(["A summary."], ["Fish [^1]."], files=True)
    post = await world.ask("", files={"herons.txt": HERONS}, addressed=False)
    await world.work()
    world.where = replace(world.where, thread=post.message_id)
    await world.ask("Sum up the second half of it for me, in one line", in_thread=True)
    await world.work()
    assert HERONS in world.model.prompts[-1].documents


@in_virtual_time
async def test_a_file_of_another_channel_is_found_by_who_may_see_both_only() -> None:
    world = TurnWorld(["Fish."], files=True, where=replace(CHANNEL, kind=Kind.DIRECT, thread=None))
    other = DocumentId("fake/T/C2", "F1")
    world.vault.objects[f"{other.place}/F1/herons.txt"] = HERONS.encode()
    world.ingester.begin(f"{other.place}/F1/herons.txt")
    await world.ask("What fish and frogs do herons eat?")
    await world.work()
    assert HERONS not in world.seen_by_model()
    world.chat.others = frozenset({Scope(other.place)})
    await world.ask("What fish and frogs do herons eat, then?")
    await world.work()
    assert HERONS in world.seen_by_model()
    await world.removals.note(other.place)
    await world.ask("What fish and frogs do herons eat, then, again?")
    await world.work()
    assert HERONS not in world.seen_by_model()


@pytest.mark.parametrize("outsiders", [Outsiders.CHANNEL, Outsiders.LIBRARY])
@in_virtual_time
async def test_a_guest_gets_from_the_library_what_the_operator_lets_them(
    outsiders: Outsiders,
) -> None:
    world = TurnWorld(["Fish."], files=True, outsiders=outsiders)
    world.vault.objects["library/herons.txt"] = HERONS.encode()
    world.ingester.begin("library/herons.txt")
    world.chat.guests = frozenset({"ben"})
    await asyncio.gather(*world.ingester.tasks)
    await world.ask("What fish and frogs do herons eat?", by=BEN)
    await world.work()
    assert (HERONS in world.seen_by_model()) is (outsiders is Outsiders.LIBRARY)


@in_virtual_time
async def test_a_file_that_is_deleted_while_it_is_read_is_not_quoted() -> None:
    async def delete() -> None:
        await world.send("gone", target=question.message_id)

    world = TurnWorld(files=True)
    world.ingester.takes = 20.0
    question = await world.ask("What do they eat?", files={"herons.txt": HERONS})
    world.chat.during["edit"] = delete
    await world.work()
    assert world.messages == []
    assert world.model.prompts == []


@in_virtual_time
async def test_an_answer_about_a_file_that_outlasts_its_worker_keeps_its_sources() -> None:
    world = TurnWorld(["They eat fish and", 60.0], ["and frogs [^1]."], files=True)
    question = await world.ask("What do they eat?", files={"herons.txt": HERONS})
    await world.work(allowance=15.0)
    assert world.last.markdown.startswith("They eat fish and frogs [1].\n\n**Sources**")
    assert world.kept(question) == "They eat fish and frogs [1]."
    quoted = world.history.quoted[question.history, question.event_id]
    assert quoted is not None
    assert quoted.documents
