"""What a worker gives back to the queue, and what ends among its dead letters."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.values.conversation import Conversation, dumps
from tests.support.fake_queue import RECEIVES
from tests.support.turn_world import CHANNEL, TurnWorld
from tests.support.virtual import in_virtual_time


@pytest.mark.parametrize("body", ["", "no JSON", "[]", '{"type": "Poem"}', '{"type": "Incoming"}'])
@in_virtual_time
async def test_what_cannot_be_read_becomes_a_dead_letter_and_holds_up_its_line_no_longer(
    body: str,
) -> None:
    world = TurnWorld()
    world.queue.put_body(body, CHANNEL.key)
    question = await world.ask("What?")
    await world.work()
    assert [each.body for each in world.queue.dead] == [body]
    assert world.queue.dead[0].received == RECEIVES
    assert world.shown == ["An answer."]
    assert world.settled(question)


@in_virtual_time
async def test_a_turn_of_a_platform_that_is_not_set_up_waits_for_the_operator() -> None:
    world = TurnWorld()
    elsewhere = Conversation("unknown", "T", "C", "1", CHANNEL.kind)
    question = await world.ask("What?")
    await world.queue.enqueue(replace(question, event_id="unknown/T/C/1", conversation=elsewhere))
    await world.work()
    assert [each.event_id for each in world.queue.dead] == ["unknown/T/C/1"]
    assert "unknown/T/C/1" not in world.events
    assert world.shown == ["An answer."]


@in_virtual_time
async def test_a_turn_of_a_later_version_is_answered_without_what_is_not_known_of() -> None:
    world = TurnWorld()
    question = await world.ask("What?")
    data = json.loads(world.queue.messages[0].body)
    world.queue.messages[0].body = json.dumps({**data, "mood": "curious"})
    await world.work()
    assert world.shown == ["An answer."]
    assert world.settled(question)


@in_virtual_time
async def test_a_defect_of_ours_ends_in_the_open_after_a_few_tries() -> None:
    world = TurnWorld([ZeroDivisionError()])
    question = await world.ask("What?")
    await world.work()
    assert world.buttons == {"retry"}
    assert world.settled(question)
    assert world.queue.dead == []
    assert len(world.model.prompts) == 4


@in_virtual_time
async def test_after_a_failure_the_rest_of_a_line_is_delivered_again_and_other_lines_are_not() -> (
    None
):
    world = TurnWorld()
    other = replace(CHANNEL, thread="1800000009")
    asked = [await world.ask(f"{number}?") for number in range(3)]
    bodies = ["no JSON", dumps(asked[0]), dumps(replace(asked[1], conversation=other))]
    lines = [CHANNEL.key, CHANNEL.key, other.key]
    records = [
        {"messageId": f"{n}", "body": body, "attributes": {"MessageGroupId": line}}
        for n, (body, line) in enumerate(zip(bodies, lines, strict=True))
    ]
    answer = await world.worker.handle({"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]}
    assert world.shown == ["An answer."]
    assert world.settled(asked[1])


@in_virtual_time
async def test_a_dead_letter_whose_question_was_deleted_is_not_answered() -> None:
    world = TurnWorld()
    question = await world.ask("What?")
    world.outage.begin(world.outage.calls + 1, 1_000.0)
    await world.work()
    (dead,) = world.queue.dead
    world.outage.begin(0, 0.0)
    await world.send("gone", target=question.message_id)
    await world.work()
    assert world.queue.dead == []
    world.queue.put_body(dead.body, dead.group)
    await world.work()
    assert world.model.prompts == []
