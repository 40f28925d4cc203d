"""`parley run`: the product, with a stand-in for everything that is not configured."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from bots.serve import serving, until_stopped
from core.aws.provision import provision
from core.wiring import settings_of
from local.aws import LocalAws
from local.bedrock import BedrockStandIn
from local.bulk import note
from local.opensearch import LocalOpenSearch, OpenSearchError
from local.slack.server import SlackStandIn

HOST = "127.0.0.1"
NAME = "parley"
OFFLINE = (
    "No AWS credentials were found, so an offline stand-in answers here instead of Claude. "
    "It can only quote what was said and what files say."
)
WARMING = "Search is starting: files that you share now are read in a moment."
NO_SEARCH = "Search could not be started, so files wait until it can. Talk works without."
AWS_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
AWS_CREDENTIALS_TOO = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_BEARER_TOKEN_BEDROCK")


async def run(port: int, state: Path, *, as_json: bool) -> None:
    """Runs until SIGTERM or Ctrl-C."""
    async with running(port, state, os.environ) as endpoints:
        if as_json:
            print(json.dumps(endpoints), flush=True)
        else:
            print(_welcome(endpoints), flush=True)
        await until_stopped()


@asynccontextmanager
async def running(
    port: int, state: Path, environ: MutableMapping[str, str]
) -> AsyncIterator[dict[str, str]]:
    """Everything on this machine; gives the endpoints. Fills in `environ` for what is missing."""
    state = _made(state)
    async with AsyncExitStack() as stack:
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
        real_slack = bool(environ.get("SLACK_BOT_TOKEN"))
        product_port = port if real_slack else free_port()
        events_url = f"http://{HOST}:{product_port}/slack/events"
        standin = None
        if not real_slack:
            standin = await _slack(stack, state, environ, port, events_url, offline=offline)
            endpoints["page"] = standin.delivery.base_url
        if search is not None:
            await stack.enter_async_context(_searching(search, standin, offline=offline))
        settings = settings_of(environ)
        address = await stack.enter_async_context(serving(settings, HOST, product_port))
        endpoints |= {
            "slack_events": f"{address}/slack/events",
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
    return url


async def _aws(stack: AsyncExitStack, state: Path, environ: MutableMapping[str, str]) -> str:
    if not environ.get("AWS_ENDPOINT_URL"):
        server = LocalAws(state / "aws", free_port())
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


async def _slack(
    stack: AsyncExitStack,
    state: Path,
    environ: MutableMapping[str, str],
    port: int,
    events_url: str,
    *,
    offline: bool,
) -> SlackStandIn:
    secret, token = secrets.token_hex(16), f"xoxb-{secrets.token_hex(12)}"
    standin = SlackStandIn(
        signing_secret=secret,
        bot_token=token,
        events_url=events_url,
        state=state / "slack.jsonl",
    )
    if offline:
        standin.set_banner("info", OFFLINE)
    url = await _served(stack, standin.app, port)
    standin.delivery.base_url = url
    environ["SLACK_SIGNING_SECRET"], environ["SLACK_BOT_TOKEN"] = secret, token
    environ["SLACK_API_URL"] = f"{url}/slack/api/"
    return standin


@asynccontextmanager
async def _searching(
    search: LocalOpenSearch, standin: SlackStandIn | None, *, offline: bool
) -> AsyncIterator[None]:
    """Starts the index beside everything else; the page says how far it is."""

    def say(level: str, text: str) -> None:
        if standin is not None:
            told = " ".join(each for each in (text, OFFLINE if offline else "") if each)
            if told:
                standin.set_banner(level, told)
            else:
                standin.clear_banner()
        elif level == "warn":
            print(text, file=sys.stderr, flush=True)

    async def start() -> None:
        try:
            await asyncio.to_thread(search.start)
        except OpenSearchError as exc:
            say("warn", f"{NO_SEARCH} {exc}")
        else:
            say("info", "")

    say("info", WARMING)
    starting = asyncio.create_task(start())
    try:
        yield
    finally:
        await asyncio.gather(starting, return_exceptions=True)
        await asyncio.to_thread(search.stop)


async def _served(stack: AsyncExitStack, app: web.Application, port: int) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, HOST, port, reuse_address=True).start()
    return f"http://{HOST}:{runner.addresses[0][1]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _welcome(endpoints: dict[str, str]) -> str:
    if "page" in endpoints:
        where = f"Parley is ready: open {endpoints['page']}"
    else:
        where = "Parley is ready in your Slack workspace."
    model = "an offline stand-in, not Claude" if "bedrock" in endpoints else "Claude on Bedrock"
    return f"{where}\nAnswers come from {model}. Ctrl-C ends it."
