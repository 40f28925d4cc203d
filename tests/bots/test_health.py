"""Alive and ready are two things, and both are told in plain words."""

import asyncio
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from bots.dependencies import checks
from bots.health import AGAIN, FRESH, PATIENCE, Health
from bots.serve import Receivers, application, until_stopped_or_dead
from bots.slots import of_turns
from cli.main import _serve
from core.aws.access.calls import Calls
from core.aws.sqs.consumer import Consumer
from core.ports.chat import Forbidden
from core.ports.store_error import StoreError
from core.runtime.settings import load
from core.runtime.telemetry import unmetered
from tests.support import virtual
from tests.support.fakes import Clock


async def asked(health, path):
    """What a process of this health answers."""
    threads = ThreadPoolExecutor(1)
    runner = web.AppRunner(application(Receivers(), threads, health))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return answer.status, json.loads(await answer.read())
    finally:
        await runner.cleanup()
        threads.shutdown()


async def fails():
    raise RuntimeError("a defect")


async def returns():
    return None


@pytest.mark.parametrize("work", [fails, returns])
async def test_a_task_that_ends_by_itself_is_told_and_ends_the_process(work):
    health = Health(Clock())
    assert await asked(health, "/healthz") == (200, {"ok": True})
    health.watch("The task 'turns'", asyncio.create_task(work()))
    await health.until_dead()
    status, said = await asked(health, "/healthz")
    assert (status, said["ok"]) == (503, False)
    assert "turns" in said["reason"]
    assert (await asked(health, "/readyz"))[0] == 503


async def test_tasks_that_are_told_to_end_are_no_failure():
    health = Health(Clock())
    task = health.watch("The task 'turns'", asyncio.create_task(asyncio.Event().wait()))
    other = health.watch("The task 'files'", asyncio.create_task(returns()))
    health.ending()
    task.cancel()
    await asyncio.gather(task, other, return_exceptions=True)
    assert health.died == ""


async def test_what_is_missing_is_told_by_name_and_asked_again_after_a_while():
    clock, there = Clock(), []

    async def queue():
        if not there:
            raise StoreError("EndpointConnectionError")
        return ""

    async def slack():
        if not there:
            raise Forbidden("invalid_auth")
        return ""

    health = Health(clock)
    health.depends_on({"turns queue": queue, "Slack": slack, "table": returns_nothing})
    status, said = await asked(health, "/readyz")
    assert status == 503
    assert set(said["missing"]) == {"turns queue", "Slack"}
    assert "EndpointConnectionError" in said["missing"]["turns queue"]
    assert "invalid_auth" in said["missing"]["Slack"]
    assert await asked(health, "/healthz") == (200, {"ok": True})
    there.append(1)
    assert (await asked(health, "/readyz"))[0] == 503  # asked a moment ago
    clock.now += FRESH
    assert await asked(health, "/readyz") == (200, {"ok": True, "missing": {}})


async def returns_nothing():
    return ""


def test_the_process_is_ready_once_everything_answered(caplog):
    async def main():
        async def late():
            if virtual.now() < 20:
                await asyncio.Event().wait()
            return ""

        health = Health(virtual.now)
        health.depends_on({"table": late})
        await health.until_ready()
        return virtual.now()

    assert 20 <= virtual.run(main) <= 20 + 2 * PATIENCE + AGAIN
    assert [each.getMessage() for each in caplog.records] == [
        "not ready: table: It did not answer in time."
    ]


ENVIRON = {
    "AWS_REGION": "us-east-1",
    "PARLEY_BUCKET": "b",
    "PARLEY_TABLE": "t",
    "PARLEY_TURNS_QUEUE_URL": "https://sqs/turns.fifo",
    "PARLEY_FILES_QUEUE_URL": "https://sqs/files",
    "SLACK_SIGNING_SECRET": "s",
    "SLACK_BOT_TOKEN": "xoxb-1",
}


async def test_every_dependency_is_asked_in_its_own_way():
    called = []

    async def calls(operation, **arguments):
        called.append((operation, arguments.get("QueueUrl") or arguments.get("TableName")))
        return {}

    settings = load({**ENVIRON, "PARLEY_MODEL_REGIONS": "us-east-1,mars"})
    sqs, table = SimpleNamespace(get_queue_attributes="q"), SimpleNamespace(get_item="g")
    found = checks(settings, calls, sqs, table, None)
    assert set(found) == {"turns queue", "table", "model regions", "Slack"}
    assert await found["turns queue"]() == ""
    assert await found["table"]() == ""
    assert called == [("q", "https://sqs/turns.fifo"), ("g", "t")]
    assert "mars" in await found["model regions"]()
    assert "us-east-1" not in await found["model regions"]()


class Defect:
    """A queue's client with a defect of ours in it."""

    class meta:  # noqa: N801 - boto3's name
        region_name = "us-east-1"

    def receive_message(self, **_):
        raise KeyError("Messages")


def probe(url):
    """The status that ECS's health check exits with, run as the container runs it."""
    template = (Path(__file__).parents[2] / "deploy/ecs.yaml").read_text()
    (command,) = re.findall(r"^ +- (python -c \".*/healthz.*)$", template, re.MULTILINE)
    here = command.replace("http://127.0.0.1:8080/healthz", url).replace("python", sys.executable)
    return subprocess.run(["sh", "-c", here], check=False, capture_output=True).returncode


async def test_a_consumer_that_dies_fails_the_health_check_and_ends_the_process():
    health, calls = Health(Clock()), Calls(8)
    threads, url = ThreadPoolExecutor(1), "https://sqs.us-east-1.amazonaws.com/1/turns.fifo"
    runner = web.AppRunner(application(Receivers(), threads, health))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        healthz = f"http://127.0.0.1:{runner.addresses[0][1]}/healthz"
        assert await asyncio.to_thread(probe, healthz) == 0
        consumer = Consumer(Defect(), url, calls, returns_nothing, of_turns())
        health.watch("The task 'turns'", asyncio.create_task(consumer.run()))
        async with asyncio.timeout(20):
            await until_stopped_or_dead(health, lambda: None)
        assert health.died == "The task 'turns'"
        assert await asyncio.to_thread(probe, healthz) != 0
    finally:
        await runner.cleanup()
        threads.shutdown()
        calls.close()


async def test_a_process_that_is_not_alive_exits_with_a_failure(monkeypatch):
    @asynccontextmanager
    async def serving(settings, host, port, metering, health):
        health.watch("The task 'turns'", asyncio.create_task(fails()))
        yield "http://127.0.0.1:1"

    monkeypatch.setattr("bots.serve.serving", serving)
    monkeypatch.setattr("core.wiring.settings_of", lambda _: SimpleNamespace(port=0))
    with pytest.raises(SystemExit) as ended:
        await _serve("127.0.0.1", unmetered)
    assert "turns" in str(ended.value.code)  # a sentence: Python exits with 1
