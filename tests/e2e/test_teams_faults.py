"""What people see in Teams when something breaks, and that nothing is lost or doubled by it."""

import asyncio

import pytest

from local.bedrock.server import Script
from tests.support.teams_world import ANA, CHAT, CREW, GENERAL, both_at, shown_text
from tests.support.world import HURRIED, until

LONG = "".join(f"word{i:04d} " for i in range(300))


@pytest.fixture
async def world(aws):
    async with both_at(aws) as built:
        yield built


@pytest.fixture
async def both(world):
    await world.serve()
    return world


async def test_a_killed_workers_answers_go_on_in_the_messages_it_had_posted(world):
    rooms = (GENERAL, CHAT)
    world.world.command = HURRIED
    first = await world.serve()
    world.bedrock.script = Script(text=LONG, pace=0.03)
    for room in rooms:
        world.teams.say(ANA, room, "@Parley hello")
    await until(lambda: all(any("word0020" in world.text(m) for m in world.said(r)) for r in rooms))
    await world.kill(first)
    shown = {room: len(world.text(world.said(room)[0])) for room in rooms}
    world.bedrock.script = Script(text=LONG, pace=0.001)
    await world.serve()
    for room in rooms:
        (answer,) = await world.replied(room, seconds=75)
        assert world.text(answer) == LONG.strip()
        changed = [c for c in world.sent("put") if c.conversation.startswith(room)]
        assert len(shown_text({"text": "", **changed[-1].activity})) >= shown[room]


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(both):
    both.teams.connector.faults["post"] = ["lost"]
    both.teams.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await both.replied()
    assert "forty-two" in answer["text"]
    assert len(both.sent("post")) == 1


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        ("put", ["429:2", "412", "502", "504:1", "500", "drop"]),
        ("post", ["412", "429:2"]),
        ("post", ["502", "504", "drop"]),
    ],
)
async def test_what_the_connector_refuses_for_now_is_done_later_once(both, kind, faults):
    both.teams.connector.faults[kind] = [*faults]
    both.teams.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await both.replied()
    assert both.text(answer) == "The answer is **forty-two**."
    assert not both.teams.connector.faults[kind]


REFUSED = "403:ContentStreamNotAllowed:Content stream"


async def test_a_stream_that_is_refused_at_any_point_ends_as_a_whole_message(both):
    text = LONG[:600].strip()
    both.bedrock.script = Script(text=text, size=8, pace=0.02)
    faults = {
        "streaming": [
            f"{REFUSED} is not allowed",
            f"{REFUSED} finished due to exceeded streaming time.",
            f"{REFUSED} is not allowed on an already completed streamed message",
            "429:1",
            "502",
        ],
        "final": [f"{REFUSED} finished due to exceeded streaming time.", "429:1", "504", "drop"],
        "informative": ["429:1", f"{REFUSED} is not allowed"],
    }
    for kind, each in [(kind, fault) for kind, some in faults.items() for fault in some]:
        number = len(both.said(CHAT)) + 1
        both.teams.connector.faults[kind] = [each]
        assert await both.asked(CHAT, "tell me everything") == text, (kind, each)
        assert not both.teams.connector.faults[kind], (kind, each)
        assert both.said(CHAT)[-1]["feedback"], (kind, each)
        assert len(both.said(CHAT)) == number, (kind, each)


async def test_where_streams_are_not_allowed_answers_grow_by_changes(both):
    both.teams.streams.allowed = False
    both.bedrock.script = Script(text=LONG[:1600], size=8, pace=0.02)
    assert await both.asked(CHAT, "tell me everything") == LONG[:1600].strip()
    assert len(both.sent("post")) == 1
    assert len(both.sent("put")) >= 2
    assert await both.asked(CHAT, "again?") == LONG[:1600].strip()
    assert len(both.sent("informative")) == 1  # one refusal is enough for a while


async def test_an_answer_to_a_conversation_that_is_gone_ends_quietly(both):
    both.bedrock.script = Script(text=LONG, size=8, pace=0.02)
    both.teams.say(ANA, CREW, "@Parley hello")
    await until(lambda: both.said(CREW))
    both.teams.tenant.members(CREW, [ANA])  # the bot was removed
    await until(lambda: both.refused())
    await asyncio.sleep(3)
    calls = len(both.teams.connector.calls)
    await asyncio.sleep(2)
    assert len(both.teams.connector.calls) == calls
    both.bedrock.script = Script(text="Here.")
    assert await both.asked(GENERAL, "@Parley hello?") == "Here."


async def test_revoked_tokens_are_replaced_at_once(both):
    await both.asked(GENERAL, "@Parley one")
    given = both.teams.issued.count
    both.teams.issued.revoke()
    await both.asked(GENERAL, "@Parley two")
    assert both.teams.issued.count <= given + 2


async def test_tokens_are_asked_for_once_and_not_every_turn(both):
    for number in range(4):
        await both.asked(GENERAL, f"@Parley {number}")
        await both.asked(CHAT, str(number))
    assert both.teams.issued.count <= 3  # the connector's, Graph's, and that of the look at start


async def test_a_long_answer_becomes_several_whole_messages(both):
    text = "\n\n".join(f"Paragraph {n}: " + "words and more words " * 20 for n in range(60))
    both.bedrock.script = Script(text=text, size=200, pace=0.002)
    both.teams.say(ANA, GENERAL, "@Parley everything")
    await until(lambda: both.said() and both.said()[-1]["feedback"], 60)
    found = both.said()
    assert len(found) == 6
    whole = "\n\n".join(both.text(m) for m in found)
    assert [p.strip() for p in whole.split("\n\n")] == [p.strip() for p in text.split("\n\n")]
    assert [both.buttons(m) for m in found[:-1]] == [[]] * (len(found) - 1)
    assert both.refused() == []


async def test_a_model_that_breaks_off_keeps_its_text_and_offers_retry(both):
    both.bedrock.script = Script(text=LONG, size=8, pace=0.02, fail_after=40)
    both.teams.say(ANA, CHAT, "tell me everything")
    (answer,) = await both.replied(CHAT)
    assert "word0005" in both.text(answer)
    assert both.buttons(answer) == ["retry"]
    both.bedrock.script = Script(text="Whole.")
    await both.press(answer, "retry")
    await until(lambda: any(both.text(m) == "Whole." for m in both.said(CHAT)))
