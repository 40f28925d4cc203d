"""The whole product as a process of its own, `parley serve`, between stand-ins that tests drive."""

import asyncio
import atexit
import json
import os
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from opensearchpy import OpenSearch

from local.aws import free_port
from local.bedrock.server import BedrockStandIn, Script
from local.slack.server import SlackStandIn

PARLEY = [sys.executable, "-c", "from cli.main import main; main()"]
HURRIED = [sys.executable, "-m", "tests.support.hurried"]
SPARE = [sys.executable, "-m", "tests.support.spare"]
ROOT = str(Path(__file__).parents[2])
ANA, BEN, GENERAL, DM = "U0ANA", "U0BEN", "C0GENERAL", "D0ANA"


async def until(condition, seconds=20.0):
    """Waits until `condition()` is true and returns it; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not (result := condition()):  # noqa: ASYNC110 - what is awaited is in another process
            await asyncio.sleep(0.02)
        return result


class Served:
    """A process of `parley serve`; what it writes goes to files."""

    def __init__(self, command, environ, out=None, err=None):
        self._out = out or tempfile.TemporaryFile()  # noqa: SIM115 - until `close`
        self._process = subprocess.Popen(
            [*command, "serve"],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=self._out,
            stderr=err,
            cwd="/",
        )

    @property
    def returncode(self):
        return self._process.poll()

    def tell(self, environ):
        """Tells a spare one what it is for."""
        self._process.stdin.write(json.dumps(environ).encode() + b"\n")
        self._process.stdin.close()

    async def ready(self):
        """Returns once it accepts requests."""
        await until(lambda: self._said() or self.returncode is not None, 40)
        assert self._said().startswith(b"ready "), self._said()

    def send_signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        self._process.kill()

    async def wait(self):
        await until(lambda: self.returncode is not None, 60)
        return self.returncode

    def close(self):
        """Ends it at once: how it ends by itself is asked where it matters, and takes seconds."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._out.close()

    def _said(self):
        return os.pread(self._out.fileno(), 1000, 0)


_spare: list[Served] = []
"""The one that is started ahead, at most."""


def _spares_turn(environ):
    """The spare process, told its environment; the next test's is started meanwhile."""
    while len(_spare) < 2:
        _spare.append(Served(SPARE, {**os.environ, "PYTHONPATH": ROOT}))
    process = _spare.pop(0)
    process.tell(environ)
    return process


@atexit.register
def _without_a_spare():
    for each in _spare:
        each.close()


@dataclass
class World:
    """Slack, Bedrock and any number of `parley serve`; `command` starts one that is no spare."""

    slack: SlackStandIn
    bedrock: BedrockStandIn
    environ: dict
    port: int
    running: list = field(default_factory=list)
    command: list = field(default_factory=list)

    async def serve(self, port=None, **more):
        environ = {**self.environ, "PORT": str(self.port if port is None else port), **more}
        process = Served(self.command, environ) if self.command else _spares_turn(environ)
        self.running.append(process)
        await process.ready()
        return process

    async def kill(self, process):
        process.kill()
        await process.wait()

    # what people see

    def answers(self, channel=GENERAL):
        """The bot's messages in a channel, oldest first."""
        within = self.slack.workspace.messages[channel].values()
        return sorted((m for m in within if m.get("bot_id")), key=lambda m: m["ts"])

    def text(self, message):
        return "\n".join(b["text"]["text"] for b in message["blocks"] if b["type"] == "section")

    def small(self, message):
        blocks = [b for b in message["blocks"] if b["type"] == "context"]
        return "".join(e["text"] for b in blocks for e in b["elements"])

    def buttons(self, message):
        blocks = [b for b in message["blocks"] if b["type"] == "actions"]
        return [e["action_id"] for b in blocks for e in b["elements"]]

    def ended(self, message):
        return "parley:stop" not in self.buttons(message)

    async def answered(self, channel=GENERAL, number=1, seconds=30.0):
        """The answers of a channel, once there are that many and all have ended."""

        def done():
            found = self.answers(channel)
            return len(found) >= number and all(map(self.ended, found)) and found

        return await until(done, seconds)

    async def whispered(self, number=1, seconds=20.0):
        found = self.slack.workspace.ephemerals
        await until(lambda: len(found) >= number, seconds)
        return list(found.values())

    def called(self, method):
        return [c for c in self.slack.api.calls if c.method == method]


@asynccontextmanager
async def served(app, port):
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def world_at(aws):
    slack_port, bedrock_port, port = free_port(), free_port(), free_port()
    bedrock = BedrockStandIn(Script(text="The answer is **forty-two**.", pace=0.01))
    slack = SlackStandIn(
        signing_secret="s3cret",
        bot_token="xoxb-test-token",
        app_token="xapp-test-token",
        events_url=f"http://127.0.0.1:{port}/slack/events",
        base_url=f"http://127.0.0.1:{slack_port}",
        retry_delays=(0.5, 2.0, 5.0),
    )
    ours = ("SLACK_", "PARLEY_", "MICROSOFT_", "TEAMS_", "GRAPH_")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    environ |= {
        "PYTHONPATH": ROOT,
        "SLACK_SIGNING_SECRET": "s3cret",
        "SLACK_BOT_TOKEN": "xoxb-test-token",
        "SLACK_API_URL": f"http://127.0.0.1:{slack_port}/slack/api/",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"http://127.0.0.1:{bedrock_port}",
        "PARLEY_BUCKET": aws.resources.bucket,
        "PARLEY_TABLE": aws.resources.table,
        "PARLEY_TURNS_QUEUE_URL": aws.resources.turns_queue,
        "PARLEY_FILES_QUEUE_URL": aws.resources.files_queue,
    }
    world = World(slack, bedrock, environ, port)
    async with served(slack.app, slack_port), served(bedrock.app, bedrock_port):
        try:
            yield world
        finally:
            for process in world.running:
                process.close()


def without_index(url):
    """Removes an earlier test's index: with another table it is another deployment."""
    client = OpenSearch(url)
    client.indices.delete(index="parley-chunks-*")
    client.close()


@asynccontextmanager
async def reading_files(opening, url):
    """What `opening` opens, with an index that begins empty, and a Claude that answers at once."""
    without_index(url)
    async with opening as world:
        world.environ["OPENSEARCH_URL"] = url
        world.bedrock.script = Script(size=200, pace=0.001)
        yield world
    without_index(url)
