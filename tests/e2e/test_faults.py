"""What people see when something breaks, and that nothing is lost or doubled by it."""

import asyncio
import signal

import pytest

from local.aws import LocalAws, free_port
from local.bedrock.server import Script
from tests.support.world import ANA, BEN, GENERAL, HURRIED, until

LONG = "".join(f"word{i:04d} " for i in range(300))


@pytest.mark.parametrize("moment", ["after the post", "mid-stream"])
async def test_a_killed_workers_answer_goes_on_in_the_message_it_had_posted(world, moment):
    if moment == "after the post":  # the other waits as long as people do
        world.command = HURRIED
    first = await world.serve()
    silent = 60 if moment == "after the post" else 0
    world.bedrock.script = Script(text=LONG, pace=0.03, silent=silent)
    world.slack.say(ANA, GENERAL, "@Parley hello")
    if moment == "mid-stream":
        await until(lambda: any("word0020" in world.text(m) for m in world.answers()))
    else:
        await until(lambda: world.answers() and world.bedrock.calls)
    await world.kill(first)
    shown = [len(world.text(m)) for m in world.answers()]
    world.bedrock.script = Script(text=LONG, pace=0.001)
    await world.serve()
    (answer,) = await world.answered(seconds=75)
    assert world.text(answer) == LONG.strip()
    sizes = [len(c.arguments["blocks"][0]["text"]["text"]) for c in world.called("chat.update")]
    assert min(sizes[-2:]) >= min(shown)
    assert len(world.called("chat.postMessage")) == 1


async def test_a_worker_killed_between_post_and_record_posts_no_second_message(world):
    world.command = HURRIED
    world.slack.api.faults["chat.postMessage"] = ["lost"]  # posted, but the worker never hears
    first = await world.serve()
    world.slack.say(ANA, GENERAL, "@Parley hello")
    await until(lambda: world.answers())
    await world.kill(first)
    await world.serve()
    answers = await world.answered(seconds=75)
    assert len(answers) == 1


async def test_a_post_whose_answer_was_lost_is_not_repeated(parley):
    parley.slack.api.faults["chat.postMessage"] = ["lost"]
    parley.slack.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await parley.answered()
    assert "forty-two" in parley.text(answer)
    assert len(parley.called("chat.postMessage")) == 1


async def test_a_worker_killed_before_its_post_leaves_the_question_to_the_next(world):
    world.command = HURRIED
    world.slack.api.faults["chat.postMessage"] = ["500"] * 99
    first = await world.serve()
    world.slack.say(ANA, GENERAL, "@Parley hello")
    await until(lambda: world.called("chat.postMessage"))
    await world.kill(first)
    world.slack.api.faults.clear()
    assert world.answers() == []
    await world.serve()
    (answer,) = await world.answered(seconds=75)
    assert "forty-two" in world.text(answer)


async def test_of_two_workers_with_the_same_event_one_answers(world):
    await world.serve()
    await world.serve(free_port())
    for number in range(6):
        asked = world.slack.say((ANA, BEN)[number % 2], GENERAL, f"@Parley question {number}")
        world.slack.delivery.said(world.slack.workspace.get(GENERAL, asked))
    await world.answered(number=6, seconds=60)
    await asyncio.sleep(2)
    assert len(world.answers()) == 6
    assert len(world.bedrock.calls) == 6


async def test_sigterm_lets_a_running_answer_end(world):
    process = await world.serve()
    world.bedrock.script = Script(text=LONG[:900], pace=0.02)
    world.slack.say(ANA, GENERAL, "@Parley hello")
    await until(lambda: any("word" in world.text(m) for m in world.answers()))
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    (answer,) = world.answers()
    assert world.text(answer) == LONG[:900].strip()
    assert world.ended(answer)


async def test_a_final_that_is_rate_limited_is_posted_anew_and_the_old_one_goes(parley):
    parley.bedrock.script = Script(text="Short answer.", pace=0)
    parley.slack.api.faults["chat.update"] = ["ratelimited:30"]
    parley.slack.say(ANA, GENERAL, "@Parley hello")
    done = await until(
        lambda: [parley.text(m) for m in parley.answers()] == ["Short answer."] and parley.answers()
    )
    assert parley.ended(done[0])
    assert len(parley.called("chat.postMessage")) == 2
    assert len(parley.called("chat.delete")) == 1


@pytest.mark.parametrize("fault", ["archived", "deleted", "revoked", "500", "lost"])
async def test_a_platform_that_refuses_one_answer_does_not_hurt_the_next(parley, fault):
    parley.bedrock.script = Script(text=LONG[:600], pace=0.03)
    parley.slack.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await until(lambda: [m for m in parley.answers() if "word" in parley.text(m)])
    api, workspace = parley.slack.api, parley.slack.workspace
    match fault:
        case "archived":
            workspace.archived.add(GENERAL)
        case "deleted":
            workspace.remove(GENERAL, answer["ts"])
        case "revoked":
            api.revoked = True
        case _:
            api.faults["chat.update"] = [fault] * 3
    if fault in ("500", "lost"):
        (answer,) = await parley.answered()
        assert parley.text(answer) == LONG[:600].strip()
    else:
        await until(lambda: parley.bedrock.closed == 1)
        workspace.archived.clear()
        api.revoked = False
    parley.bedrock.script = Script(text="Next.", pace=0)
    parley.slack.say(BEN, "C0SUPPORT", "@Parley and now?")
    (following,) = await parley.answered("C0SUPPORT")
    assert parley.text(following) == "Next."


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (Script(throttle=999), "too busy"),
        (Script(fail_after=0), "broke off"),
        (Script(text="Half an answer", stop="max_tokens"), "length limit"),
        (Script(text="So far", stop="guardrail_intervened"), "content filter"),
    ],
    ids=["throttled", "broken", "max_tokens", "filtered"],
)
async def test_people_get_one_plain_sentence_when_the_model_does_not_finish(
    parley, script, sentence
):
    parley.bedrock.script = script
    parley.slack.say(ANA, GENERAL, "@Parley hello")
    (answer,) = await parley.answered()
    assert sentence in parley.text(answer) + parley.small(answer)
    assert set(parley.buttons(answer)) & {"parley:retry", "parley:regenerate"}


async def test_an_outage_of_queue_and_table_delays_answers_and_loses_none(
    world, aws, tmp_path, monkeypatch
):
    world.command = HURRIED
    server = LocalAws(tmp_path / "aws", free_port())
    server.start()
    world.environ["AWS_ENDPOINT_URL"] = server.url
    for name in ("PARLEY_TURNS_QUEUE_URL", "PARLEY_FILES_QUEUE_URL"):
        queue = world.environ[name].rpartition("/")[2]
        world.environ[name] = f"{server.url}/000000000000/{queue}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    from core.aws.provision import provision  # noqa: PLC0415 - after the endpoint is set

    names = aws.resources
    provision(
        "us-east-1",
        bucket=names.bucket,
        table=names.table,
        turns_queue=names.turns_queue.rpartition("/")[2],
        files_queue=names.files_queue.rpartition("/")[2],
        session=aws.session,
    )
    try:
        await world.serve()
        world.bedrock.script = Script(text=LONG, pace=0.02)
        world.slack.delivery.retry_delays = (0.5, 12.0, 12.0)
        world.slack.say(ANA, GENERAL, "@Parley first")
        await until(lambda: any("word0010" in world.text(m) for m in world.answers()))
        server.stop()
        world.slack.say(BEN, "C0SUPPORT", "@Parley second")  # refused with 5xx, repeated by Slack
        await asyncio.sleep(9)  # longer than a hurried lease
        server.start()
        (first,) = await world.answered(seconds=60)
        assert world.text(first) == LONG.strip()
        (second,) = await world.answered("C0SUPPORT", seconds=60)
        assert world.text(second) == LONG.strip()
    finally:
        server.stop()
