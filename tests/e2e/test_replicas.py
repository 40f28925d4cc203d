"""Many `parley serve` on the same queues and table, as deploy/ecs.yaml runs them."""

import asyncio
import signal

from local.aws import free_port
from local.bedrock.server import Script
from tests.support.world import ANA, BEN, GENERAL, until

REPLICAS = 3
QUESTIONS = 12
TEXT = "".join(f"word{i:03d} " for i in range(80))


async def test_three_replicas_answer_each_question_once_while_one_of_them_is_stopped(world):
    world.bedrock.script = Script(text=TEXT, pace=0.02)
    first = await world.serve()  # where Slack's events go
    second, third = [await world.serve(free_port()) for _ in range(REPLICAS - 1)]
    for number in range(QUESTIONS):
        asked = world.slack.say((ANA, BEN)[number % 2], GENERAL, f"@Parley question {number}")
        world.slack.delivery.said(world.slack.workspace.get(GENERAL, asked))  # told twice
    await until(lambda: any("word" in world.text(each) for each in world.answers()))
    third.send_signal(signal.SIGTERM)  # a deployment, or fewer tasks
    answers = await world.answered(number=QUESTIONS, seconds=50)
    async with asyncio.timeout(30):
        assert await third.wait() == 0
    assert first.returncode is None
    assert second.returncode is None
    await asyncio.sleep(1)
    assert [world.text(each) for each in world.answers()] == [TEXT.strip()] * QUESTIONS
    assert len(answers) == len({each["thread_ts"] for each in answers}) == QUESTIONS
    assert len(world.bedrock.calls) == QUESTIONS
