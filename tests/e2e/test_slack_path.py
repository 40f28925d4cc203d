"""From a person's message in Slack to the answer's last edit, through every process there is."""

import asyncio

import pytest

from local.bedrock.server import Script
from tests.support.world import ANA, BEN, DM, GENERAL, until

LONG = "".join(f"word{i:04d} " for i in range(600))


async def test_a_mention_is_answered_in_one_message_that_grows_in_its_thread(parley):
    parley.bedrock.script = Script(text=LONG[:2000], size=8, pace=0.02)
    asked = parley.slack.say(ANA, GENERAL, "@Parley tell me everything")
    first = await until(lambda: parley.answers())
    assert "Thinking" in parley.text(first[0])
    assert parley.buttons(first[0]) == ["parley:stop"]
    (answer,) = await parley.answered()
    assert answer["thread_ts"] == asked
    assert parley.text(answer) == LONG[:2000].strip()
    assert parley.buttons(answer) == ["parley:regenerate", "parley:up", "parley:down"]
    assert parley.small(answer) == "Claude Sonnet 5.5"
    sizes = [len(c.arguments["blocks"][0]["text"]["text"]) for c in parley.called("chat.update")]
    assert len(sizes) > 4
    assert sizes == sorted(sizes)
    assert parley.called("chat.postMessage")[0].arguments["unfurl_links"] is False


async def test_one_post_gets_one_answer_however_often_it_is_delivered(parley):
    asked = parley.slack.say(ANA, GENERAL, "@Parley hello")  # app_mention and message both
    message = parley.slack.workspace.get(GENERAL, asked)
    for _ in range(4):
        parley.slack.delivery.said(message)  # fresh event ids and signatures
    await parley.answered()
    await asyncio.sleep(2)
    parley.slack.delivery.said(message)
    await asyncio.sleep(2)
    assert len(parley.answers()) == 1
    assert len(parley.bedrock.calls) == 1


async def test_a_direct_chat_remembers_what_was_said(parley):
    parley.slack.say(ANA, DM, "My name is Ana.")
    await parley.answered(DM)
    parley.slack.say(ANA, DM, "What is my name?")
    await parley.answered(DM, 2)
    turns = parley.bedrock.calls[-1]["body"]["messages"]
    assert [t["role"] for t in turns] == ["user", "assistant", "user"]
    assert [t["content"][0]["text"] for t in turns] == [
        "My name is Ana.",
        "The answer is **forty-two**.",
        "What is my name?",
    ]
    assert parley.answers(DM)[0].get("thread_ts") is None


async def test_a_mention_in_a_thread_is_answered_from_the_thread_so_far(parley):
    root = parley.slack.say(ANA, GENERAL, "The launch moves to Friday.")
    parley.slack.say(BEN, GENERAL, "Because of the audit?", thread_ts=root)
    parley.slack.say(ANA, GENERAL, "@Parley summarise this", thread_ts=root)
    (answer,) = await parley.answered()
    assert answer["thread_ts"] == root
    (turn,) = parley.bedrock.calls[0]["body"]["messages"]
    assert turn["content"][0]["text"] == (
        "Ana Kim: The launch moves to Friday.\n\nBen Ortiz: Because of the audit?\n\n"
        "Ana Kim: summarise this"
    )


async def test_what_is_not_for_us_has_no_effect(parley):
    root = parley.slack.say(ANA, GENERAL, "@Parley hello")
    await parley.answered()
    parley.slack.say(ANA, GENERAL, "thanks everyone", thread_ts=root)
    parley.slack.edit(ANA, GENERAL, root, "@Parley hello, edited")
    other = parley.slack.say(BEN, GENERAL, "@Parley bye")
    await parley.answered(number=2)
    parley.slack.delete(BEN, GENERAL, other)
    await asyncio.sleep(2)
    assert len(parley.bedrock.calls) == 2
    assert len(parley.answers()) == 1  # a deleted question's answer goes with it


async def test_stop_ends_an_answer_where_it_is(parley):
    parley.bedrock.script = Script(text=LONG, pace=0.03)
    parley.slack.say(ANA, GENERAL, "@Parley go on and on")
    (answer,) = await until(lambda: [m for m in parley.answers() if "word0010" in parley.text(m)])
    assert await parley.slack.click(ANA, GENERAL, answer["ts"], "parley:stop") == ""
    (answer,) = await parley.answered(seconds=4)
    assert parley.small(answer) == "Stopped."
    assert 80 < len(parley.text(answer)) < 3000
    await until(lambda: parley.bedrock.closed == 1)


async def test_a_failed_answer_keeps_its_text_and_retry_replaces_it(parley):
    parley.bedrock.script = Script(text=LONG[:900], pace=0.005, fail_after=50, size=9)
    parley.slack.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await parley.answered()
    assert "word0030" in parley.text(answer)
    assert "Retry" in parley.small(answer)
    assert parley.buttons(answer) == ["parley:retry"]
    parley.bedrock.script = Script(text="All good.", pace=0)
    for _ in range(2):  # a double click is one retry
        await parley.slack.click(ANA, GENERAL, answer["ts"], "parley:retry")
    await until(lambda: [parley.text(m) for m in parley.answers()] == ["All good."])
    await asyncio.sleep(1)
    assert len(parley.bedrock.calls) == 2


async def test_regenerate_replaces_an_answer_and_the_history_with_it(parley):
    parley.slack.say(ANA, DM, "Question")
    (answer,) = await parley.answered(DM)
    parley.bedrock.script = Script(text="Second thoughts.", pace=0)
    await parley.slack.click(ANA, DM, answer["ts"], "parley:regenerate")
    await until(lambda: [parley.text(m) for m in parley.answers(DM)] == ["Second thoughts."])
    await parley.answered(DM)
    parley.slack.say(ANA, DM, "And?")
    await parley.answered(DM, 2)
    turns = parley.bedrock.calls[-1]["body"]["messages"]
    assert [t["content"][0]["text"] for t in turns] == ["Question", "Second thoughts.", "And?"]


async def test_a_thumb_is_thanked_for_to_one_person_only(parley):
    parley.slack.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await parley.answered()
    await parley.slack.click(BEN, GENERAL, answer["ts"], "parley:up")
    (said,) = await parley.whispered()
    assert (said["to"], parley.text(said)) == (BEN, "Thanks, noted.")
    assert len(parley.answers()) == 1


async def test_the_model_is_chosen_for_a_channel_by_picker_or_by_name(parley):
    assert await parley.slack.command(ANA, GENERAL, "/model") == ""
    (picker,) = await parley.whispered()
    assert picker["to"] == ANA
    assert "*Claude Sonnet 5.5* (current)" in parley.text(picker)
    await parley.slack.click(ANA, GENERAL, picker["ts"], "parley:model", "haiku")
    await until(lambda: "From now on *Claude Haiku 5.5*" in parley.text(picker))
    (notice,) = parley.answers()
    assert parley.text(notice).startswith("Ana Kim chose *Claude Haiku 5.5*")
    parley.slack.say(BEN, GENERAL, "@Parley hello")
    await parley.answered(number=2)
    assert parley.bedrock.calls[-1]["model"].endswith("claude-haiku-5-5")
    await parley.slack.command(BEN, "C0SUPPORT", "/model", "opus")
    await parley.slack.command(BEN, "C0SUPPORT", "/model", "gpt")
    said = [parley.text(m) for m in await parley.whispered(3) if m["to"] == BEN]
    assert any("From now on *Claude Opus 5.5*" in text for text in said)
    assert any("I don't know that model" in text for text in said)
    parley.slack.say(BEN, GENERAL, "@Parley and here?")
    await parley.answered(number=3)
    assert parley.bedrock.calls[-1]["model"].endswith("claude-haiku-5-5")


async def test_an_empty_mention_is_greeted_without_asking_the_model(parley):
    parley.slack.say(ANA, GENERAL, "@Parley")
    (answer,) = await parley.answered()
    assert "Write your question" in parley.text(answer)
    assert parley.bedrock.calls == []


async def test_where_no_index_is_set_up_people_are_told_that_files_are_not_read(parley):
    file = ("report.pdf", b"%PDF-1.7", "application/pdf")
    parley.slack.share(ANA, GENERAL, [file], "@Parley")
    (only,) = await parley.answered()
    assert "I did not read “report.pdf”: reading files is not set up here" in parley.text(only)
    parley.slack.share(ANA, GENERAL, [file])
    await asyncio.sleep(1)
    assert len(parley.answers()) == 1
    assert parley.bedrock.calls == []


async def test_a_message_of_40000_characters_is_answered(parley):
    parley.slack.say(ANA, DM, "한국어 text " * 4000)
    await parley.answered(DM)
    sent = parley.bedrock.calls[0]["body"]["messages"][-1]["content"][0]["text"]
    assert len(sent) == len(("한국어 text " * 4000).strip())


async def test_a_long_answer_takes_several_messages_and_loses_nothing(parley):
    text = "\n\n".join(f"Paragraph {i}. " + "Some words here. " * 20 for i in range(40))
    parley.bedrock.script = Script(text=text, size=200, pace=0.01)
    parley.slack.say(ANA, GENERAL, "@Parley at length")
    await until(lambda: sum("Paragraph 39." in parley.text(m) for m in parley.answers()) == 1, 60)
    shown = [parley.text(m) for m in await parley.answered(number=4)]
    assert max(map(len, shown)) <= 3000
    assert [i for i in range(40) if "\n".join(shown).count(f"Paragraph {i}. ") != 1] == []


@pytest.mark.parametrize(
    "hostile",
    ["<!channel> <@U0BEN> [x](https://evil.example/?q=1) https://evil.example", "x" * 20_000],
    ids=["mentions and links", "a 20,000-character word"],
)
async def test_what_the_model_says_is_never_live(parley, hostile):
    parley.bedrock.script = Script(text=hostile, size=7 if len(hostile) < 99 else 900, pace=0)
    parley.slack.say(ANA, GENERAL, "@Parley go")
    await parley.answered()
    for call in parley.called("chat.update") + parley.called("chat.postMessage"):
        for block in call.arguments["blocks"]:
            if block["type"] == "section":
                assert "<" not in block["text"]["text"]
                assert block["text"]["verbatim"] is True


async def test_socket_mode_takes_the_same_path(world):
    await world.serve(SLACK_APP_TOKEN="xapp-test-token")
    await until(lambda: world.slack.delivery.sockets)
    world.slack.delivery.events_url = "http://127.0.0.1:9/"  # nothing comes over HTTP
    world.slack.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await world.answered()
    assert "forty-two" in world.text(answer)
    assert await world.slack.command(ANA, GENERAL, "/model", "opus") == ""
    (said,) = await world.whispered()
    assert "Claude Opus 5.5" in world.text(said)
    await world.slack.click(BEN, GENERAL, answer["ts"], "parley:up")
    await world.whispered(2)


async def test_a_threads_root_that_is_deleted_is_not_kept_in_the_history(parley, aws):
    """With replies beneath it Slack makes a tombstone of it, and sends no `message_deleted`."""
    root = parley.slack.say(ANA, GENERAL, "@Parley the password of the safe is heron")
    await parley.answered()
    db, table = aws.client("dynamodb"), aws.resources.table

    def kept():
        rows = db.scan(TableName=table, FilterExpression="begins_with(pk, :turn)",
                       ExpressionAttributeValues={":turn": {"S": "turn"}})["Items"]  # fmt: skip
        return [row for row in rows if "heron" in str(row)]

    await until(kept)
    parley.slack.delete(ANA, GENERAL, root)
    await until(lambda: not kept())


async def test_a_question_that_is_deleted_takes_its_answer_with_it_while_it_runs_and_later(parley):
    parley.bedrock.script = Script(text=LONG, size=8, pace=0.05)
    running = parley.slack.say(ANA, GENERAL, "@Parley tell me everything")
    await until(lambda: parley.answers() and "word0003" in parley.text(parley.answers()[0]))
    parley.slack.delete(ANA, GENERAL, running)
    await until(lambda: not parley.answers())
    parley.bedrock.script = Script(text="short", pace=0.001)
    ended = parley.slack.say(BEN, GENERAL, "@Parley and this?")
    await parley.answered()
    parley.slack.delete(BEN, GENERAL, ended)
    await until(lambda: not parley.answers())
