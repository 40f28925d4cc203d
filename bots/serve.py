"""The long-lived process: receivers over HTTP and Socket Mode, and workers, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from bots import slots
from bots.dependencies import checks, session
from bots.health import Health
from bots.platforms import platforms
from bots.slack import app as slack_app
from bots.slack.receiver import slack_receiver
from bots.teams import app as teams_app
from bots.teams.receiver import teams_receiver
from bots.worker import Worker
from core import wiring
from core.aws.access.clients import client
from core.aws.bedrock.client import tune_gc
from core.aws.sqs.consumer import Consumer, Handler
from core.aws.sqs.lambda_batch import waited
from core.aws.sqs.receiver_queue import followed
from core.ports.index import IndexRejected
from core.ports.store_error import StoreError
from core.runtime.http import Enqueue, Response
from core.runtime.settings import Settings
from core.runtime.tasks import beside, ended, first_done, running, together
from core.runtime.telemetry import Metering, Metric, count, unmetered
from ingestion.reconciliation.housekeeping import EVERY as RECONCILE_EVERY
from ingestion.reconciliation.housekeeping import forgets, reconciler
from ingestion.wiring import ingester

log = logging.getLogger(__name__)

RECEIVERS = 48
"""Threads that verify and enqueue requests: enough to fill a few SendMessageBatch calls."""
SWEEP_EVERY = 15.0
"""Seconds between checks for answers whose worker is gone."""
FORGET_EVERY = 30.0
"""Seconds between checks for workspaces whose files are due for deletion."""
DRAIN = 25.0
"""Seconds that running answers get after SIGTERM; the rest goes back to the queue."""
BODY_LIMIT = 1024**2


@asynccontextmanager
async def serving(
    settings: Settings,
    host: str,
    port: int,
    metering: Metering = unmetered,
    health: Health | None = None,
) -> AsyncIterator[str]:
    """Run the product inside the context; yields its address once it accepts requests.

    `health` reports on its dependencies and its tasks.
    """
    health = health or Health(time.monotonic)
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(wiring.core(settings))
        receivers = await _receivers(settings, followed(core.turns.enqueue_blocking), stack)
        reach = await stack.enter_async_context(platforms(settings, core.ledgers))
        worker = Worker(
            core.assistant,
            core.commands,
            core.claims,
            core.turns,
            reach,
            presence=core.presence,
            status=core.status,
        )
        sqs = client("sqs", settings.aws_region)
        answer = _measured(worker.handle, metering, "worker")
        sources = [
            Consumer(
                sqs,
                settings.turns_queue_url,
                core.calls,
                answer,
                slots.of_turns(),
                ticket=slots.turn,
            )
        ]
        if core.shelf is not None:
            files = ingester(settings, core.shelf, core.model, core.turns)
            read = _measured(files.handle, metering, "ingester")
            sources.append(
                Consumer(
                    sqs,
                    settings.files_queue_url,
                    core.calls,
                    read,
                    slots.of_files(),
                    ticket=slots.file,
                )
            )
        threads = ThreadPoolExecutor(RECEIVERS, thread_name_prefix="receiver")
        runner = web.AppRunner(application(receivers, threads, health), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, host, port, reuse_address=True)
        await site.start()
        dynamodb = client("dynamodb", settings.aws_region)
        asking = await stack.enter_async_context(session(settings))
        health.depends_on(checks(settings, core.calls, sqs, dynamodb, asking))
        works = [each.run() for each in sources]
        works.append(_every(SWEEP_EVERY, worker.sweep, metering, "schedule"))
        if core.shelf is not None:
            forget = forgets(settings, core.shelf, sqs, core.calls)
            mend = reconciler(settings, core.shelf, sqs, core.calls).run
            works.append(_every(FORGET_EVERY, forget, metering, "reconciler"))
            works.append(_every(RECONCILE_EVERY, mend, metering, "reconciler"))
        names = [*("turns", "files")[: len(sources)], "sweep", "forget", "reconcile"]
        tasks = await stack.enter_async_context(running(*works))
        for name, task in zip(names, tasks, strict=False):
            health.watch(f"The task {name!r}", task)
        tune_gc()
        address = runner.addresses[0]
        try:
            async with _socket_mode(receivers.slack, settings):
                yield f"http://{address[0]}:{address[1]}"
        finally:
            health.ending()
            await runner.cleanup()
            await together(*(each.drain(DRAIN) for each in sources))
            await ended(tasks)
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await worker.close()
            threads.shutdown(wait=False)


@dataclass(frozen=True, slots=True)
class Receivers:
    """The receivers of the configured platforms."""

    slack: slack_app.Receiver | None = None
    teams: teams_app.Receiver | None = None


async def _receivers(settings: Settings, enqueue: Enqueue, stack: AsyncExitStack) -> Receivers:
    slack = teams = None
    if settings.slack is not None:
        slack = slack_receiver(settings, enqueue)
    if settings.teams is not None:
        teams = await stack.enter_async_context(teams_receiver(settings, enqueue))
    return Receivers(slack, teams)


async def until_stopped() -> None:
    """Return on SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def until_stopped_or_dead(health: Health, ready: Callable[[], None]) -> None:
    """Call `ready` once every dependency responds; return on a signal, or once an essential task of
    the process has ended unexpectedly."""

    async def get_ready() -> None:
        await health.until_ready()
        ready()

    async with beside(get_ready()):
        await first_done(until_stopped(), health.until_dead())


def application(
    receivers: Receivers, threads: ThreadPoolExecutor, health: Health | None = None
) -> web.Application:
    """Build the HTTP application. Blocking work runs on `threads`."""
    state = health or Health(time.monotonic)
    slack, teams = receivers.slack, receivers.teams

    async def slack_events(request: web.Request) -> web.Response:
        if slack is None:
            raise web.HTTPNotFound
        headers, body = await _read(request)
        loop = asyncio.get_running_loop()
        return _told(await loop.run_in_executor(threads, partial(slack.handle, headers, body)))

    async def teams_messages(request: web.Request) -> web.Response:
        if teams is None:
            raise web.HTTPNotFound
        return _told(await teams.handle(*await _read(request)))

    async def healthz(request: web.Request) -> web.Response:
        if state.died:
            return web.json_response({"ok": False, "reason": f"{state.died} died."}, status=503)
        return web.json_response({"ok": True})

    async def readyz(request: web.Request) -> web.Response:
        missing = dict(await state.unready())
        if state.died:
            missing["process"] = f"{state.died} died."
        return web.json_response(
            {"ok": not missing, "missing": missing}, status=503 if missing else 200
        )

    app = web.Application(client_max_size=BODY_LIMIT)
    app.add_routes(
        [
            web.post("/slack/events", slack_events),
            web.post("/api/messages", teams_messages),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
        ]
    )
    return app


async def _read(request: web.Request) -> tuple[list[tuple[str, str]], bytes]:
    """Return the headers as received, duplicates included, and the raw body."""
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.raw_headers]
    return headers, await request.read()


def _told(answer: Response) -> web.Response:
    return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)


@asynccontextmanager
async def _socket_mode(
    receiver: slack_app.Receiver | None, settings: Settings
) -> AsyncIterator[None]:
    if receiver is None or settings.slack is None or not settings.slack.app_token:
        yield
        return
    handler = slack_app.socket_mode(receiver, settings.slack.app_token)
    await asyncio.to_thread(handler.connect)
    try:
        yield
    finally:
        await asyncio.to_thread(handler.close)


def _measured(handler: Handler, metering: Metering, service: str) -> Handler:
    """Wrap a handler of queued messages: also count their time in the queue and those put back."""

    async def handle(event: Mapping[str, Any]) -> Mapping[str, Any]:
        with metering(service):
            for record in event["Records"]:
                count(Metric.QUEUED, waited(record))
            failed = len(event["Records"])
            try:
                answer = await handler(event)
                failed = len(answer.get("batchItemFailures", ()))
                return answer
            finally:
                count(Metric.PUT_OFF, failed)

    return handle


async def _every(
    seconds: float, work: Callable[[], Awaitable[object]], metering: Metering, service: str
) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            with metering(service):
                await work()
        except (StoreError, IndexRejected):
            log.warning("a sweep is put off: the store does not answer")
        except Exception:
            # a bug of ours: the next run may not hit it
            log.exception("a sweep failed")
