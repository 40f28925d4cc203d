"""Questions that wait for their files: held by nobody, stopped, deleted, gone on with."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from core.knowledge.files.waiting import LONGEST
from core.ports.rates import Call, Priority
from core.ports.waits import Wait
from core.values.conversation import PROGRESS, Command, Incoming, dumps, loads
from core.values.documents import DocumentId, State
from core.wording import user_messages
from core.wording.catalogue import phrase
from tests.support.turn_world import BEN, CHANNEL, SWEEP_EVERY, TurnWorld
from tests.support.virtual import in_virtual_time, now

HERONS = "Herons eat fish and frogs."
LAMBDA = 280.0
"""Seconds that Lambda's workers have for a turn."""
HOUR = 3_600.0


async def shared(world: TurnWorld, *, takes: float, text: str = "") -> Incoming:
    """A file that takes so long to be read came with a message, and its worker let go of it."""
    world.ingester.takes = takes
    question = await world.ask(text, files={"herons.txt": HERONS}, addressed=bool(text))
    await world.queue.work(world.worker.handle, LAMBDA)
    return question


@in_virtual_time
async def test_a_question_that_waits_holds_no_worker_no_lease_and_no_edit() -> None:
    world = TurnWorld(files=True)
    question = await shared(world, takes=HOUR)
    assert now() < 5
    assert world.queue.messages == []
    event = world.events[question.event_id]
    assert (event.lease, event.claim.attempt, event.settled) == (0.0, 0, False)
    # what is not reserved can be had, but for the edits that the message itself took
    budget = world.budgets.of("C")
    free = 0
    while not budget.wait_for(Call.EDIT, Priority.FIRST):
        await budget.spend(Call.EDIT, Priority.FIRST)
        free += 1
    edits = sum(each.call == "edit" for each in world.chat.made)
    assert free + edits == 50
    await world.work()


@pytest.mark.parametrize("text", ["", "What do they eat?"])
@in_virtual_time
async def test_a_file_that_is_read_after_an_hour_is_answered_about_in_its_message(
    text: str,
) -> None:
    world = TurnWorld(["About herons."], files=True)
    question = await shared(world, takes=HOUR, text=text)
    (placeholder,) = world.chat.messages
    assert world.buttons == {"stop"}
    await world.work(LAMBDA)
    assert HOUR < now() < HOUR + 30
    assert world.shown == ["About herons."]
    assert [*world.chat.messages] == [placeholder]
    assert world.settled(question)
    assert world.queue.dead == []


@in_virtual_time
async def test_others_and_later_questions_are_answered_meanwhile_and_told_of_the_file() -> None:
    world = TurnWorld(["Hello."], ["About herons."], files=True)
    await shared(world, takes=HOUR, text="What do they eat?")
    began = now()
    later = await world.ask("Hello?", by=BEN)
    await world.queue.work(world.worker.handle, LAMBDA)
    assert world.kept(later) == "Hello."
    assert now() - began < 5
    assert 'name="herons.txt" state="is still being read"' in world.seen_by_model()
    await world.work()
    assert world.shown == ["About herons.", "Hello."]


@pytest.mark.parametrize("press", [True, False])
@in_virtual_time
async def test_a_question_that_waits_can_be_stopped(*, press: bool) -> None:
    world = TurnWorld(files=True)
    question = await shared(world, takes=HOUR)
    if press:
        await world.press("stop")
    else:
        await world.send("stop")
    await world.queue.work(world.worker.handle, LAMBDA)
    assert now() < 10
    assert world.shown == [phrase("ending.stopped")]
    assert world.settled(question)
    await world.work()
    assert world.model.prompts == []
    assert world.shown == [phrase("ending.stopped")]


@in_virtual_time
async def test_the_word_stop_is_about_the_question_that_waits_not_about_a_later_answer() -> None:
    world = TurnWorld(["Hello."], files=True)
    question = await shared(world, takes=HOUR, text="What do they eat?")
    await world.ask("Hello?")
    await world.queue.work(world.worker.handle)
    await world.send("stop")
    await world.queue.work(world.worker.handle)
    assert world.settled(question)
    assert world.told == []
    await world.work()


@in_virtual_time
async def test_a_stop_while_the_worker_lets_go_is_not_lost() -> None:
    world = TurnWorld(files=True)
    world.ingester.takes = HOUR
    waits = world.claims.await_documents

    async def stopped_before(*arguments: Any) -> Wait:
        (event_id,) = world.events
        assert await world.claims.stop(event_id)
        await world.continuations.resume(event_id)  # it does not wait yet
        return await waits(*arguments)

    world.claims.await_documents = stopped_before  # type: ignore[method-assign, assignment]
    question = await world.ask("", files={"herons.txt": HERONS}, addressed=False)
    await world.queue.work(world.worker.handle)
    assert world.settled(question)
    assert world.shown == [phrase("ending.stopped")]
    await world.work()


@in_virtual_time
async def test_a_file_that_is_read_while_the_worker_lets_go_is_not_missed() -> None:
    world = TurnWorld(["About herons."], files=True)
    waits = world.claims.await_documents

    async def read_before(*arguments: Any) -> Wait:
        await asyncio.gather(*world.ingester.tasks)
        return await waits(*arguments)

    world.claims.await_documents = read_before  # type: ignore[method-assign, assignment]
    question = await world.ask("", files={"herons.txt": HERONS}, addressed=False)
    await world.queue.work(world.worker.handle)
    assert world.settled(question)
    assert world.shown == ["About herons."]


@in_virtual_time
async def test_a_question_that_was_deleted_while_it_waited_goes_with_its_message() -> None:
    world = TurnWorld(files=True)
    question = await shared(world, takes=HOUR)
    await world.send("gone", target=question.message_id)
    await world.queue.work(world.worker.handle)
    await world.worker.close()
    assert world.messages == []
    await world.work()
    assert world.messages == []
    assert world.model.prompts == []


@in_virtual_time
async def test_it_waits_for_the_last_of_its_files() -> None:
    world = TurnWorld(["Both."], files=True)
    read = list[DocumentId]()
    world.ingester.read = lambda document: read.append(document.id)
    world.ingester.takes = 20.0
    await world.ask("What?", files={"a.txt": "Herons.", "b.txt": "Frogs."})
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(1.0, setattr, world.ingester, "takes", 60.0)
    await world.work()
    assert len(read) == 2
    assert len(world.model.prompts) == 1
    assert "Herons." in world.seen_by_model()
    assert "Frogs." in world.seen_by_model()
    assert world.queue.delivered == 2


@in_virtual_time
async def test_a_continuation_that_is_lost_is_noticed_by_the_schedule() -> None:
    world = TurnWorld(["About herons."], files=True)

    async def lost(document: DocumentId) -> None:
        """The ingester died when it had written that the file is read."""

    world.ingester.over = lost
    await shared(world, takes=30.0)
    await world.work(LAMBDA)
    assert world.shown == ["About herons."]
    assert now() < 30 + 30 + 2 * SWEEP_EVERY


@in_virtual_time
async def test_a_wait_has_an_end_by_the_clock() -> None:
    world = TurnWorld(["I can't see it."], files=True)
    world.ingester.dead = True
    question = await shared(world, takes=1.0, text="What do they eat?")
    await world.work(LAMBDA)
    assert LONGEST < now() < LONGEST + 3 * SWEEP_EVERY
    assert world.shown == ["I can't see it."]
    assert user_messages.not_read("herons.txt", "not_yet") in world.last.footer
    assert world.settled(question)


@in_virtual_time
async def test_what_failed_is_not_fetched_again_when_the_wait_is_over() -> None:
    world = TurnWorld(files=True)
    world.ingester.fails["herons.txt"] = "encrypted"
    await shared(world, takes=5.0)
    await world.work()
    assert [each.call for each in world.chat.made].count("open") == 1
    assert world.shown == [user_messages.not_read("herons.txt", "encrypted")]
    await world.press("retry")
    await world.work()
    assert [each.call for each in world.chat.made].count("open") == 2


@in_virtual_time
async def test_a_message_that_is_delivered_twice_waits_once_and_is_answered_once() -> None:
    world = TurnWorld(["About herons."], files=True)
    question = await shared(world, takes=30.0)
    world.queue.put_body(dumps(question), "redelivered")
    await world.work()
    assert world.shown == ["About herons."]
    assert len(world.model.prompts) == 1


@in_virtual_time
async def test_a_question_that_was_switched_off_meanwhile_does_not_hang() -> None:
    world = TurnWorld(["About herons."], files=True)
    await shared(world, takes=30.0)
    await world.settings.choose_auto(CHANNEL.place, on=False)
    await world.work()
    assert world.shown == ["About herons."]


@in_virtual_time
async def test_how_far_a_file_is_is_shown_once_in_a_while_and_only_while_it_is_waited_for() -> None:
    world = TurnWorld(["About herons."], files=True)
    question = await shared(world, takes=HOUR)
    document = DocumentId(CHANNEL.place, "F1")
    row = world.manifest.documents[document]
    await world.manifest.progress(document, row.seen, State.EXTRACTING, done=3, total=9)
    for _ in range(5):
        await world.continuations.publish(document)
    assert len(world.queue.messages) == 1
    await world.queue.work(world.worker.handle)
    assert "3 of 9 pages" in world.last.markdown
    assert world.buttons == {"stop"}
    await world.continuations.publish(document)
    assert world.queue.messages == []
    await asyncio.sleep(11)
    await world.continuations.publish(document)
    late = loads(world.queue.messages[0].body)
    await world.work()
    assert world.shown == ["About herons."]
    world.queue.put_body(dumps(replace(late, event_id="again")), "late")
    await world.queue.work(world.worker.handle)
    assert world.shown == ["About herons."]
    assert world.settled(question)


@in_virtual_time
async def test_what_shows_progress_goes_in_order_with_the_question_and_never_fails() -> None:
    world = TurnWorld(["About herons."], files=True)
    await shared(world, takes=HOUR)
    await world.continuations.publish(DocumentId(CHANNEL.place, "F1"))
    (shows,) = world.queue.messages
    command = loads(shows.body)
    assert isinstance(command, Command)
    assert command.name == PROGRESS
    await world.continuations.resume(command.argument)
    assert [each.group for each in world.queue.messages] == [shows.group] * 2
    world.queue.messages.pop()
    world.outage.begin(world.outage.calls + 3, 5.0)
    answer = await world.worker.handle(shows.event)
    assert answer == {"batchItemFailures": []}
    await world.work()


@in_virtual_time
async def test_two_hundred_files_that_wait_hold_nothing_up() -> None:
    world = TurnWorld(["Hello."], files=True)
    world.ingester.takes = HOUR
    alone = TurnWorld(["Hello."])
    began = now()
    await alone.ask("Hello?")
    await alone.work()
    usual = now() - began
    for number in range(200):
        world.where = replace(CHANNEL, thread=f"{1_800_000_000 + number}")
        await world.ask("", files={f"{number}.txt": HERONS}, addressed=False)
    await world.queue.work(world.worker.handle, LAMBDA)
    assert sum(each.waits for each in world.events.values()) == 200
    assert world.queue.messages == []
    world.where = CHANNEL
    began = now()
    question = await world.ask("Hello?", by=BEN)
    await world.queue.work(world.worker.handle, LAMBDA)
    assert world.kept(question) == "Hello."
    assert now() - began <= usual + 2.0
    await world.work()
