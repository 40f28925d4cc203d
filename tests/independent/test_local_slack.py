"""Parley, every process of it, in a Slack that other people wrote."""

import json

import pytest

from local.bedrock.server import Script
from tests.independent import parts
from tests.independent.local_slack import (
    ANA,
    DM,
    GENERAL,
    buttons,
    elements,
    pause,
    running,
    text,
)
from tests.support.world import without_index, world_at

LONG = "".join(f"word{i:04d} " for i in range(300))
NOTES = b"The depot opens at seven in the morning. " * 3


@pytest.fixture
async def scene(aws, tmp_path):
    """local-slack, Bedrock's stand-in and one `parley serve`."""
    try:
        parts.local_slack()
    except parts.Missing as exc:
        pytest.skip(str(exc))
    async with (
        world_at(aws) as world,
        running(tmp_path, f"http://127.0.0.1:{world.port}/slack/events") as slack,
    ):
        world.environ["SLACK_API_URL"] = f"{slack.address}/api/"
        yield slack, world


async def test_talk_in_a_channel_a_thread_and_a_direct_chat(scene):
    slack, world = scene
    await world.serve()
    ts = await slack.says("<@U0BOT> hello")
    (answer,) = await slack.answered()
    assert (text(answer), answer["thread_ts"]) == ("The answer is *forty-two*.", ts)
    await slack.says("<@U0BOT> and in the thread?", thread_ts=ts)
    answers = await slack.answered(number=2)
    assert [each["thread_ts"] for each in answers] == [ts, ts]
    assert "hello" in json.dumps(world.bedrock.calls[-1]["body"]["messages"])
    await slack.says("hello", DM)
    (alone,) = await slack.answered(DM)
    assert alone.get("thread_ts") is None


async def test_every_button_of_an_answer(scene):
    slack, world = scene
    world.bedrock.script = Script(text=LONG, size=8, pace=0.02)
    await world.serve()
    await slack.says("<@U0BOT> at length")
    for _ in range(200):
        found = await slack.answers()
        if found and "word0003" in text(found[0]):
            break
        await pause()
    await slack.presses(found[0], "parley:stop")
    (stopped,) = await slack.answered()
    assert 0 < len(text(stopped)) < len(LONG)
    world.bedrock.script = Script(text="Short.", pace=0.01)
    again = next(each for each in buttons(stopped) if each in ("parley:regenerate", "parley:retry"))
    await slack.presses(stopped, again)
    for _ in range(200):
        (answer,) = await slack.answered()
        if text(answer) == "Short.":
            break
        await pause()
    assert text(answer) == "Short."
    assert {"parley:up", "parley:down"} <= {*buttons(answer)}
    await slack.presses(answer, "parley:up")
    assert await slack.whispered()


async def test_the_model_is_chosen(scene):
    slack, world = scene
    await world.serve()
    await slack.does("command", channel=GENERAL, user=ANA, command="/model", text="")
    (picker,) = await slack.whispered()
    (menu,) = elements(picker)
    haiku = next(o["value"] for o in menu["options"] if "haiku" in o["value"])
    await slack.presses(picker, menu["action_id"], haiku)
    await slack.says("<@U0BOT> hello")
    await slack.answered(number=2)  # that the model was chosen is told to all
    assert "haiku" in json.dumps(world.bedrock.calls[-1]["model"])


async def test_a_file_is_read_listed_and_forgotten_with_its_message(scene, opensearch):
    slack, world = scene
    without_index(opensearch)
    world.environ["OPENSEARCH_URL"] = opensearch
    world.bedrock.script = Script(size=200, pace=0.001)
    await world.serve()
    await slack.shares("notes.txt", NOTES)
    (summary,) = await slack.answered()
    assert "depot opens at seven" in text(summary)
    await slack.does("command", channel=GENERAL, user=ANA, command="/files", text="")
    (listed,) = await slack.whispered()
    assert "notes.txt" in json.dumps(listed["blocks"])
    root = summary["thread_ts"]
    await slack.does("delete-message", channel=GENERAL, user=ANA, ts=root)
    for number in range(2, 30):
        await slack.does("command", channel=GENERAL, user=ANA, command="/files", text="")
        told = await slack.whispered(number=number)
        if "notes.txt" not in json.dumps(told[-1]):
            break
    assert "notes.txt" not in json.dumps(told[-1])
    without_index(opensearch)
