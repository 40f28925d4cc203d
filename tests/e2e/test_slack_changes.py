"""Questions that are edited, and threads of which Slack lets little be read."""

import asyncio

from local.bedrock.server import Script
from tests.support.world import ANA, BEN, DM, GENERAL, until

LONG = "".join(f"word{i:04d} " for i in range(200))


async def settled(parley, channel=GENERAL):
    """The answers a while after the last of Slack's events: one too many would be there."""
    await parley.answered(channel)
    await asyncio.sleep(1.5)
    return parley.answers(channel)


async def test_an_edited_question_is_not_answered_twice(parley):
    ts = parley.slack.say(ANA, GENERAL, "@Parley helo")
    await parley.answered()
    parley.slack.edit(ANA, GENERAL, ts, "@Parley hello, what is new?")
    assert len(await settled(parley)) == 1
    assert len(parley.bedrock.calls) == 1


async def test_nor_is_one_that_is_edited_while_it_is_answered(parley):
    parley.bedrock.script = Script(text=LONG, size=16, pace=0.02)
    ts = parley.slack.say(ANA, DM, "helo")
    await until(lambda: parley.answers(DM))
    parley.slack.edit(ANA, DM, ts, "hello")
    (answer,) = await settled(parley, DM)
    assert parley.text(answer) == LONG.strip()
    assert len(parley.bedrock.calls) == 1


async def test_a_links_preview_is_no_new_question(parley):
    ts = parley.slack.say(ANA, GENERAL, "@Parley see https://example.com/")
    await parley.answered()
    parley.slack.unfurl(GENERAL, ts, "Example")
    assert len(await settled(parley)) == 1


async def test_a_mention_that_an_edit_adds_is_a_question(parley):
    ts = parley.slack.say(ANA, GENERAL, "what is new?")
    parley.slack.edit(ANA, GENERAL, ts, "@Parley what is new?")
    assert len(await settled(parley)) == 1


async def test_an_app_that_may_read_little_answers_from_what_it_may(parley):
    """One page of 15 messages a minute: nothing waits for the next."""
    parley.slack.distribute()
    root = parley.slack.say(ANA, GENERAL, "The root says Friday.")
    for number in range(40):
        parley.slack.say(BEN, GENERAL, f"reply {number}", thread_ts=root)
    for number in (1, 2):
        parley.slack.say(ANA, GENERAL, f"@Parley question {number}", thread_ts=root)
        await parley.answered(GENERAL, number, 15)
        first = str(parley.bedrock.calls[-1]["body"]["messages"])
        assert f"question {number}" in first
    assert "The root says Friday." in str(parley.bedrock.calls[0]["body"]["messages"])
    assert parley.slack.api.limits.refused["conversations.replies"] >= 1
