"""`parley run`: the product, with a stand-in for everything that is not configured."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from uuid import uuid4

from aiohttp import web

from bots.serve import serving, until_stopped
from cli.commands.upload import note
from core.aws.provision import provision
from core.runtime.tasks import beside, retrying
from core.wiring import settings_of
from local.aws import LocalAws, free_port
from local.bedrock.server import BedrockStandIn
from local.lock import locked
from local.opensearch.node import LocalOpenSearch, OpenSearchError
from local.slack.server import SlackStandIn
from local.teams.server import TeamsStandIn

HOST = "127.0.0.1"
NAME = "parley"
PLATFORMS = ("SLACK_BOT_TOKEN", "MICROSOFT_APP_ID")
"""Whose presence means that a real platform is configured."""
OFFLINE = (
    "No AWS credentials were found, so an offline stand-in answers here instead of Claude. "
    "It can only quote what was said and what files say."
)
ENDING = "Ending: answers that run may finish first, 25 s at most. Ctrl-C again ends at once."
WARMING = "Search is starting: files that you share now are read in a moment."
NO_SEARCH = "Search could not be started, so files wait until it can. Talk works without."
SEARCH_AGAIN = 60.0
"""Seconds after which a search that could not be started is tried again."""
AWS_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
AWS_CREDENTIALS_TOO = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_BEARER_TOKEN_BEDROCK")


async def run(port: int, state: Path, *, as_json: bool) -> None:
    """Run until SIGTERM or Ctrl-C."""
    async with running(port, state, os.environ) as endpoints:
        if as_json:
            print(json.dumps(endpoints), flush=True)
        else:
            print(_welcome(endpoints), flush=True)
        await until_stopped()
        print(ENDING, file=sys.stderr, flush=True)
        if (task := asyncio.current_task()) is not None:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)


@asynccontextmanager
async def running(
    port: int, state: Path, environ: MutableMapping[str, str]
) -> AsyncIterator[dict[str, str]]:
    """Run everything on this machine; yields the endpoints. Fills in `environ` for what is
    missing."""
    state = _made(state)
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(state))
        endpoints: dict[str, str] = {}
        offline = not any(environ.get(name) for name in (*AWS_CREDENTIALS, *AWS_CREDENTIALS_TOO))
        if offline:
            endpoints["bedrock"] = await _bedrock(stack, environ)
        if offline or environ.get("AWS_ENDPOINT_URL"):
            endpoints["aws"] = await _aws(stack, state, environ)
        _provision(environ)
        search = None
        if not environ.get("OPENSEARCH_URL"):
            search = LocalOpenSearch(state / "opensearch", free_port())
            environ["OPENSEARCH_URL"] = search.url
        endpoints["opensearch"] = environ["OPENSEARCH_URL"]
        real = any(environ.get(name) for name in PLATFORMS)
        product_port = port if real else free_port()
        page = None
        if not real:
            page = await _page(stack, state, environ, port, f"http://{HOST}:{product_port}")
            page.say("info", OFFLINE if offline else "")
            endpoints["page"] = page.url
        if search is not None:
            await stack.enter_async_context(_searching(search, page, offline=offline))
        settings = settings_of(environ)
        address = await stack.enter_async_context(serving(settings, HOST, product_port))
        endpoints |= {
            "slack_events": f"{address}/slack/events",
            "teams_messages": f"{address}/api/messages",
            "bucket": settings.bucket,
            "table": settings.table,
            "turns_queue": settings.turns_queue_url,
            "files_queue": settings.files_queue_url,
        }
        noted = note(environ, state)
        stack.callback(noted.unlink, missing_ok=True)
        yield endpoints


def _made(state: Path) -> Path:
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    return state


async def _bedrock(stack: AsyncExitStack, environ: MutableMapping[str, str]) -> str:
    if environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
        return environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    url = await _served(stack, BedrockStandIn().app, 0)
    environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = url
    environ.setdefault("PARLEY_ANSWERED_BY", "An offline stand-in, not Claude")
    return url


async def _aws(stack: AsyncExitStack, state: Path, environ: MutableMapping[str, str]) -> str:
    if not environ.get("AWS_ENDPOINT_URL"):
        server = LocalAws(state / "aws", free_port())
        print("Starting queues, table and storage on this machine…", file=sys.stderr, flush=True)
        await asyncio.to_thread(server.start)
        stack.callback(server.stop)
        for name, value in server.env.items():
            environ.setdefault(name, value)
    return environ["AWS_ENDPOINT_URL"]


def _provision(environ: MutableMapping[str, str]) -> None:
    names = ("PARLEY_BUCKET", "PARLEY_TABLE", "PARLEY_TURNS_QUEUE_URL", "PARLEY_FILES_QUEUE_URL")
    if all(environ.get(name) for name in names):
        return
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    environ.setdefault("AWS_REGION", region)
    made = provision(
        region,
        bucket=environ.get("PARLEY_BUCKET") or NAME,
        table=environ.get("PARLEY_TABLE") or NAME,
    )
    values = (made.bucket, made.table, made.turns_queue, made.files_queue)
    for name, value in zip(names, values, strict=True):
        environ.setdefault(name, value)


@dataclass(frozen=True, slots=True)
class Standins:
    """The Slack and Teams stand-ins on one page."""

    url: str
    slack: SlackStandIn
    teams: TeamsStandIn

    def say(self, level: str, text: str) -> None:
        """What both halves show at the top; nothing if empty."""
        if text:
            self.slack.set_banner(level, text)
        else:
            self.slack.clear_banner()
        self.teams.page.set_banner(level, text)


async def _page(
    stack: AsyncExitStack,
    state: Path,
    environ: MutableMapping[str, str],
    port: int,
    product: str,
) -> Standins:
    secret, token = secrets.token_hex(16), f"xoxb-{secrets.token_hex(12)}"
    slack = SlackStandIn(
        signing_secret=secret,
        bot_token=token,
        events_url=f"{product}/slack/events",
        state=state / "slack.jsonl",
    )
    teams = TeamsStandIn(
        app_id=str(uuid4()),
        password=secrets.token_hex(16),
        messages_url=f"{product}/api/messages",
        state=state / "teams.jsonl",
    )
    app = slack.app
    app.add_subapp("/teams", teams.app)
    url = await _served(stack, app, port)
    slack.delivery.base_url, teams.base_url = url, f"{url}/teams"
    environ["SLACK_SIGNING_SECRET"], environ["SLACK_BOT_TOKEN"] = secret, token
    environ["SLACK_API_URL"] = f"{url}/slack/api/"
    environ.update(teams.settings())
    return Standins(url, slack, teams)


@asynccontextmanager
async def _searching(
    search: LocalOpenSearch, page: Standins | None, *, offline: bool
) -> AsyncIterator[None]:
    """Start the index alongside everything else; the page shows its progress."""

    def say(level: str, text: str) -> None:
        if page is not None:
            page.say(level, " ".join(each for each in (text, OFFLINE if offline else "") if each))
        elif level == "warn":
            print(text, file=sys.stderr, flush=True)

    async def start() -> None:
        def pause(exc: Exception, delay: float) -> float:
            say("warn", f"{NO_SEARCH} {exc}")
            return delay

        starting = partial(asyncio.to_thread, search.start)
        await retrying(starting, repeat(SEARCH_AGAIN), OpenSearchError, asyncio.sleep, pause=pause)
        say("info", "")

    say("info", WARMING)
    try:
        async with beside(start()):
            yield
    finally:
        await asyncio.to_thread(search.stop)


async def _served(stack: AsyncExitStack, app: web.Application, port: int) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, HOST, port, reuse_address=True).start()
    return f"http://{HOST}:{runner.addresses[0][1]}"


def _welcome(endpoints: dict[str, str]) -> str:
    if "page" in endpoints:
        where = f"Parley is ready: open {endpoints['page']}"
    else:
        where = "Parley is ready in your workspace."
    model = "an offline stand-in, not Claude" if "bedrock" in endpoints else "Claude on Bedrock"
    return f"{where}\nAnswers come from {model}. Ctrl-C ends it."
