"""From a person's message in Teams to the answer's last change, through every process there is."""

import asyncio

import pytest

from local.bedrock.server import Script
from local.teams.tenant.people import TENANT
from tests.ingestion.pdfs import pdf
from tests.support.teams_world import (
    ANA,
    BEN,
    BENS,
    CHAES,
    CHAT,
    CREW,
    FINANCE,
    GENERAL,
    both_at,
    shown_text,
)
from tests.support.world import GENERAL as SLACK_GENERAL
from tests.support.world import reading_files, until

LONG = "".join(f"word{i:04d} " for i in range(400))
HERON = pdf(["The grey heron nests in tall trees near water.", "It eats frogs and small fish."])
FOUND = "frogs and small fish"
ASK = "@Parley does the heron eat frogs or fish?"


@pytest.fixture
async def both(aws):
    async with both_at(aws) as world:
        await world.serve()
        yield world


@pytest.fixture
async def reading(aws, opensearch):
    """The same with files."""
    async with reading_files(both_at(aws), opensearch) as world:
        await world.serve()
        yield world


async def test_a_mention_in_a_channel_is_answered_by_a_reply_that_grows(both):
    both.bedrock.script = Script(text=LONG[:2400], size=8, pace=0.02)
    asked = both.teams.say(ANA, GENERAL, "@Parley tell me everything")
    (first,) = await until(both.said)
    assert both.buttons(first) == ["stop"]
    (answer,) = await both.replied()
    assert answer["root"] == asked
    assert both.text(answer) == LONG[:2400].strip()
    assert both.buttons(answer) == []
    assert answer["feedback"]
    assert both.small(answer) == "Claude Sonnet 5.5"
    assert answer["entities"][0]["additionalType"] == ["AIGeneratedContent"]
    texts = [shown_text({"text": "", **c.activity}) for c in both.sent("put")]
    sizes = [len(text) for text in texts]
    assert len(sizes) > 3
    assert sizes == sorted(sizes)
    assert len(both.sent("post")) == 1
    assert both.refused() == []


async def test_a_personal_chat_streams_natively_and_remembers(both):
    both.bedrock.script = Script(text=LONG[:1600], size=8, pace=0.02)
    both.teams.say(ANA, CHAT, "My name is Ana.")
    (first,) = await until(lambda: both.said(CHAT))
    assert first["stream"]
    (answer,) = await both.replied(CHAT)
    assert both.text(answer) == LONG[:1600].strip()
    kinds = [c.kind for c in both.sent("informative", "streaming", "final", "put", "post")]
    assert kinds[0] == "informative"
    assert kinds[-1] == "final"
    assert kinds.count("streaming") >= 2
    assert "put" not in kinds
    assert "post" not in kinds
    assert both.refused() == []
    both.bedrock.script = Script(text="It is Ana.")
    assert await both.asked(CHAT, "What is my name?") == "It is Ana."
    turns = both.bedrock.calls[-1]["body"]["messages"]
    assert [t["content"][0]["text"] for t in turns][::2] == ["My name is Ana.", "What is my name?"]


async def test_a_group_chat_is_answered_when_mentioned_and_left_alone_otherwise(both):
    both.teams.say(BEN, CREW, "the launch moves to Friday")
    assert "forty-two" in await both.asked(CREW, "@Parley what is the answer?", BEN)
    (answer,) = both.said(CREW)
    assert answer["root"] == ""
    assert len(both.bedrock.calls) == 1


async def test_a_thread_is_read_before_a_mention_in_it_is_answered(both):
    root = both.teams.say(ANA, GENERAL, "The launch moves to Friday.")
    both.teams.say(BEN, GENERAL, "Because of the audit?", root)
    await both.asked(GENERAL, "@Parley summarise this", ANA, root)
    (turn,) = both.bedrock.calls[0]["body"]["messages"]
    assert turn["content"][0]["text"] == (
        "Ana Kim: The launch moves to Friday.\n\nBen Ortiz: Because of the audit?\n\n"
        "Ana Kim: summarise this"
    )


async def test_one_post_gets_one_answer_however_often_it_is_delivered(both):
    asked = both.teams.say(ANA, GENERAL, "@Parley hello")
    message = both.teams.tenant.get(GENERAL, asked)
    activity = both.teams.activities.message(message)
    await asyncio.gather(*(both.teams.delivery.send(activity) for _ in range(4)))
    await both.replied()
    await both.teams.delivery.send(activity)
    await asyncio.sleep(2)
    assert len(both.said()) == 1
    assert len(both.bedrock.calls) == 1
    assert set(both.teams.delivery.answers) == {200}


async def test_the_buttons_of_an_answer_stop_retry_and_repeat_it(both):
    both.bedrock.script = Script(text=LONG, size=8, pace=0.05)
    both.teams.say(ANA, GENERAL, "@Parley tell me everything")
    (growing,) = await until(lambda: [m for m in both.said() if "word0010" in both.text(m)])
    await both.press(growing, "stop")
    (stopped,) = await both.replied()
    assert both.small(stopped) == "Stopped."
    assert "word0399" not in stopped["text"]
    both.bedrock.script = Script(text="Again.")
    both.teams.say(ANA, GENERAL, "@Parley regenerate", stopped["root"])
    await until(lambda: both.text(both.said()[0]) == "Again.")
    (again,) = await both.replied()
    assert await both.teams.rate(ANA, GENERAL, again["id"], "like") == 200
    assert both.said(private=True) == []


async def test_teams_own_stop_button_ends_a_stream_with_what_was_shown(both):
    both.bedrock.script = Script(text=LONG, size=8, pace=0.05)
    both.teams.say(ANA, CHAT, "tell me everything")
    await until(lambda: any("word0010" in m["text"] for m in both.said(CHAT)))
    assert both.teams.stop_stream(ANA, CHAT)
    (answer,) = await until(lambda: [m for m in both.said(CHAT) if both.small(m) == "Stopped."])
    assert "word0010" in answer["text"]
    assert "word0399" not in answer["text"]
    both.bedrock.script = Script(text="Still here.")
    assert await both.asked(CHAT, "and now?") == "Still here."


async def test_model_is_chosen_from_a_card_that_only_its_reader_sees(both):
    assert await both.teams.command(ANA, GENERAL, "/model") == 200
    (card,) = await until(lambda: both.said(private=True))
    assert card["to"] == ANA
    await both.press(card, "model", choice="opus")
    await until(lambda: len(both.said(private=True)) == 2)
    assert "Claude Opus" in both.said(private=True)[-1]["text"]
    await both.asked(GENERAL, "@Parley hello")
    assert "opus" in both.bedrock.calls[-1]["model"]


async def test_a_button_of_elsewhere_or_long_ago_does_nothing_but_say_so(both):
    await both.asked(GENERAL, "@Parley hello")
    (answer,) = both.said()
    data = {"parley": "regenerate", "value": f"teams/other/{GENERAL}/1"}
    await both.teams.submit(BEN, GENERAL, answer["id"], data)
    (said,) = await until(lambda: both.said(private=True))
    assert "another conversation" in said["text"]
    old = {"parley": "retry", "value": f"teams/{TENANT}/{GENERAL}/1000000000000"}
    await both.teams.submit(BEN, GENERAL, answer["id"], old)
    await until(lambda: len(both.said(private=True)) == 2)
    assert "no longer have" in both.said(private=True)[-1]["text"]
    assert len(both.bedrock.calls) == 1


async def test_files_are_read_in_every_kind_of_conversation_and_stay_there(reading):
    teams = reading.teams
    teams.share(ANA, FINANCE, [("heron.pdf", HERON)])
    (summary,) = await reading.replied(FINANCE)
    assert "heron nests in tall trees" in summary["text"]
    answer = await reading.asked(FINANCE, ASK)
    assert FOUND in answer
    assert "heron.pdf" in answer
    cited = reading.said(FINANCE)[-1]["entities"][0]["citation"][0]
    assert cited["appearance"]["name"].startswith("heron.pdf, p")
    # not in another channel, a group, by somebody who is not in it, or in the other platform
    assert FOUND not in await reading.asked(GENERAL, ASK)
    assert FOUND not in await reading.asked(CREW, ASK, BEN)
    assert FOUND not in await reading.asked(CHAES, "does the heron eat frogs or fish?", "U0CHAE")
    reading.slack.say("U0ANA", SLACK_GENERAL, ASK)
    (other,) = await reading.answered(SLACK_GENERAL)
    assert FOUND not in reading.text(other)
    # but by who is in the channel now, in their own chat
    assert FOUND in await reading.asked(BENS, "does the heron eat frogs or fish?", BEN)
    teams.tenant.members(FINANCE, [ANA, "U0PARLEY"])
    await asyncio.sleep(0.1)
    assert FOUND not in await reading.asked(BENS, "what does the heron eat, frogs?", BEN)
    # and to nobody once its message is deleted
    root = next(m for m in teams.tenant.messages[FINANCE].values() if m["files"])
    teams.delete(ANA, FINANCE, root["id"])
    await asyncio.sleep(2)
    assert FOUND not in await reading.asked(FINANCE, ASK)


async def test_a_personal_files_address_is_opened_without_a_token(reading):
    reading.teams.share(ANA, CHAT, [("heron.pdf", HERON)], "does it eat frogs or fish?")
    (answer,) = await reading.replied(CHAT)
    assert FOUND in answer["text"]
    assert [token for _, token in reading.teams.downloads] == [False]


async def test_a_missing_permission_is_named(reading):
    reading.teams.graph.granted -= {"Files.Read.All"}
    reading.teams.share(ANA, GENERAL, [("heron.pdf", HERON)], "@Parley what is this?")
    (answer,) = await reading.replied()
    assert "Files.Read.All" in reading.small(answer)
    reading.teams.graph.granted -= {"ChannelMessage.Read.Group"}
    reading.teams.share(ANA, GENERAL, [("heron.pdf", HERON)], "@Parley and this?")
    found = await reading.replied(number=2)
    assert "ChannelMessage.Read.Group" in reading.small(found[-1])


async def test_the_bot_introduces_itself_where_it_is_added(reading):
    reading.teams.move("U0PARLEY", CREW, into=False, by=ANA)
    reading.teams.move("U0PARLEY", CREW, into=True, by=ANA)
    (hello,) = await until(lambda: reading.said(CREW))
    assert shown_text(hello).startswith("Hi, I'm Parley.")
