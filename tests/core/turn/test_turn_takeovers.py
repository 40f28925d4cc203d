"""Turns that more than one worker has a hand in: time that is up, leases lost, workers gone."""

from __future__ import annotations

import asyncio

import pytest

from core.ports.chat import Unreachable
from core.ports.turns import Claim
from core.runtime.telemetry import Metric
from core.turn.assistant import TRIES
from core.wording.catalogue import phrase
from tests.support.counts import counted
from tests.support.fake_model import Piece
from tests.support.fake_queue import Message
from tests.support.fakes import FakeClaims, Outage
from tests.support.turn_world import TurnWorld
from tests.support.virtual import in_virtual_time, now


@in_virtual_time
async def test_an_answer_that_outlasts_its_worker_is_continued_in_the_same_message() -> None:
    world = TurnWorld(
        ["Herons eat ", 6.0, "fish, and frogs, ", 60.0, "never seen."], ["and sometimes voles."]
    )
    question = await world.ask("What do herons eat?")
    with counted() as counts:
        await world.work(allowance=10.0)
    assert world.shown == ["Herons eat fish, and frogs, and sometimes voles."]
    assert world.kept(question) == "Herons eat fish, and frogs, and sometimes voles."
    assert world.settled(question)
    assert world.model.prompts[1].turns[-2].text == "Herons eat fish, and frogs, "
    assert counts[Metric.HANDED_ON] == [1]
    assert counts[Metric.ANSWERS] == [1]
    assert [each.call for each in world.chat.made].count("post") == 1
    assert now() < 15


@in_virtual_time
async def test_what_a_worker_leaves_ends_with_a_whole_word() -> None:
    world = TurnWorld(["Herons eat fi", 60.0, "never seen."], ["fish."])
    await world.ask("What do herons eat?")
    await world.work(allowance=10.0)
    assert world.model.prompts[1].turns[-2].text == "Herons eat "
    assert world.shown == ["Herons eat fish."]


@in_virtual_time
async def test_an_answer_may_be_handed_on_many_times_while_it_grows() -> None:
    parts: list[list[Piece]] = [[f"part {n} ", 60.0] for n in range(2 * TRIES)]
    world = TurnWorld(*parts, ["and the end."])
    await world.ask("Tell me all.")
    await world.work(allowance=5.0)
    told = "".join(f"part {n} " for n in range(2 * TRIES))
    assert world.shown == [f"{told}and the end."]


@in_virtual_time
async def test_workers_that_get_nowhere_give_up_in_the_open_and_offer_retry() -> None:
    slow: list[Piece] = [60.0, "never seen."]
    world = TurnWorld(*[slow] * TRIES, ["An answer."])
    question = await world.ask("What?")
    with counted() as counts:
        await world.work(allowance=5.0)
    assert phrase("failure.given_up") in (world.last.markdown, world.last.footer)
    assert world.buttons == {"retry"}
    assert len(world.model.prompts) == TRIES
    assert counts.reasons[Metric.FAILURES] == ["GivenUp"]
    assert world.settled(question)
    await world.press("retry")
    await world.work()
    assert world.shown == ["An answer."]


@in_virtual_time
async def test_giving_up_keeps_what_people_have_seen_and_its_links_dead() -> None:
    text = "See https://evil.example/x for more, "
    world = TurnWorld([text, 60.0], *[[60.0]] * (TRIES + 1))
    await world.ask("What?")
    await world.work(allowance=5.0)
    assert world.shown == ["See `https://evil.example/x` for more,"]
    assert world.last.footer == phrase("failure.given_up")
    assert world.buttons == {"retry"}


@in_virtual_time
async def test_giving_up_says_so_anew_where_what_was_shown_cannot_be_read() -> None:
    world = TurnWorld(["The first words ", 60.0], *[[60.0]] * (TRIES + 1))
    world.chat.refusals["thread"] = Unreachable()
    await world.ask("What?")
    await world.work(allowance=5.0)
    assert world.shown[0].startswith("The first words")
    assert world.shown[1:] == [phrase("failure.given_up")]


@in_virtual_time
async def test_the_worker_that_loses_its_lease_writes_no_more_and_the_next_one_ends_it() -> None:
    async def stands_still() -> None:
        world.expire(question)
        message = world.queue.messages[0]
        late = Message(message.id, message.body, message.group, received=2)
        others.append(asyncio.create_task(world.worker.handle(late.event)))

    others: list[asyncio.Task[dict[str, object]]] = []
    world = TurnWorld(
        ["Herons eat ", 3.0, stands_still, 30.0, "stones."], ["fish", 8.0, " and frogs."]
    )
    question = await world.ask("What do herons eat?")
    await world.work()
    await asyncio.gather(*others)
    assert world.shown == ["fish and frogs."]
    assert world.kept(question) == "fish and frogs."
    assert "stones" not in "".join(each.text for each in world.chat.made)
    assert [each.call for each in world.chat.made].count("post") == 1


@in_virtual_time
async def test_a_lease_that_cannot_be_renewed_for_a_while_is_kept() -> None:
    async def down() -> None:
        world.outage.down = True

    async def up() -> None:
        world.outage.down = False

    world = TurnWorld(["Herons eat ", 3.0, down, 5.0, up, "fish."])
    question = await world.ask("What do herons eat?")
    await world.work()
    assert world.shown == ["Herons eat fish."]
    assert world.settled(question)
    assert len(world.model.prompts) == 1


async def killed(world: TurnWorld, seconds: float) -> None:
    """A worker takes the first message and is gone after so many seconds."""
    message = world.queue.messages[0]
    message.received += 1
    work = asyncio.create_task(world.worker.handle(message.event))
    await asyncio.sleep(seconds)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


@in_virtual_time
async def test_a_worker_that_dies_is_followed_by_another_in_the_same_message() -> None:
    world = TurnWorld(["Herons eat st", 60.0], ["Herons eat fish."])
    question = await world.ask("What do herons eat?")
    await killed(world, 4.0)
    assert world.shown == ["Herons eat st"]
    await world.work()
    assert world.shown == ["Herons eat fish."]
    assert world.settled(question)
    assert now() < 40


@in_virtual_time
async def test_a_worker_that_dies_before_it_noted_its_message_leaves_it_to_the_next() -> None:
    world = TurnWorld(["Herons eat fish."])
    question = await world.ask("What do herons eat?")

    async def down() -> None:
        world.outage.down = True

    world.chat.during["post"] = down
    await killed(world, 1.0)
    world.outage.down = False
    await asyncio.sleep(60)
    assert world.shown == [phrase("progress.thinking")]
    assert world.events[question.event_id].claim.message_ids == ()
    await world.work()
    assert world.shown == ["Herons eat fish."]


@in_virtual_time
async def test_the_sweep_has_an_answer_taken_up_whose_message_is_lost() -> None:
    world = TurnWorld(["Herons eat st", 60.0], ["Herons eat fish."])
    question = await world.ask("What do herons eat?")
    await killed(world, 4.0)
    world.queue.messages.clear()
    assert await world.worker.sweep() == 0
    await asyncio.sleep(120)
    with counted() as counts:
        assert await world.worker.sweep() == 1
    assert counts[Metric.ORPHANS] == [1]
    assert await world.worker.sweep() == 0
    await world.work()
    assert world.shown == ["Herons eat fish."]
    assert world.settled(question)


@in_virtual_time
async def test_an_event_that_is_told_again_is_answered_once() -> None:
    world = TurnWorld()
    question = await world.ask("What?")
    await world.work()
    await world.queue.enqueue(question, dedup_suffix="by the platform")
    await world.work()
    assert world.shown == ["An answer."]
    assert len(world.model.prompts) == 1


@in_virtual_time
async def test_an_event_that_is_told_again_meanwhile_waits_for_the_first_answer() -> None:
    async def again() -> None:
        world.queue.put_body(world.queue.messages[0].body, "another line")

    world = TurnWorld(["Herons eat ", 3.0, again, 20.0, "fish."])
    await world.ask("What do herons eat?")
    await world.work()
    assert world.shown == ["Herons eat fish."]
    assert len(world.model.prompts) == 1


@pytest.mark.parametrize("left", ["", "no JSON", '{"type": "Command"}'])
@in_virtual_time
async def test_a_claim_that_cannot_be_read_is_begun_from_the_question(left: str) -> None:
    world = TurnWorld()
    question = await world.ask("What?")
    claims = FakeClaims(world.clock, world.events, Outage())
    claim: Claim | None = await claims.take(question.event_id, left)
    assert claim is not None
    await claims.release(claim, left, anew=False)
    await world.work()
    assert world.shown == ["An answer."]
