"""One workspace, fifty worker processes: who is refused, and what sharing the rate costs.

Each is a process of its own, as a Lambda worker is: it answers one question after another with the
product's `LiveMessage` and budget, over a DynamoDB that all share (ministack). The Slack they write
to runs here, counts in real time as the stand-in does, and answers after 50 ms.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import boto3
from aiohttp import web

from benchmarks.streaming import DELTAS, LATENCY, SIZE, TEXT, Plain, percentile
from bots.slack.api.quotas import QUOTAS
from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.dynamodb.rate_ledger import DynamoLedger
from core.aws.provision import provision
from core.ports.chat import RateLimited
from core.rates.budget import Budgets, WorkspaceBudget
from core.streaming.live import Ending, LiveMessage
from core.streaming.markdown.presentable import Policy
from core.values.answer import MessageId, Rendered
from local.aws import LocalAws, free_port
from local.slack.web.limits import RateLimits

PROCESSES = int(os.environ.get("PARLEY_BENCH_PROCESSES", "50"))
ANSWERS = 3
GAP = 0.04
REGION = "us-east-1"
TABLE = "shared"


@dataclass
class Figures:
    """Of one process: seconds, calls of DynamoDB by operation, and grants that came too late."""

    first: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    clashes: int = 0
    answers: int = 0


@dataclass
class Channel:
    """One conversation, over HTTP."""

    http: aiohttp.ClientSession
    url: str
    name: str
    seen: list[tuple[float, int]] = field(default_factory=list)
    surface = Plain()

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        return MessageId(await self._call("chat.postMessage", "", message.markdown))

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        await self._call("chat.update", message_id, message.markdown)

    async def _call(self, method: str, message_id: str, text: str) -> str:
        query = {"channel": self.name, "ts": message_id}
        async with self.http.post(f"{self.url}/{method}", params=query, data=text) as answered:
            if answered.status == 429:
                raise RateLimited(float(answered.headers["Retry-After"]))
            if not text.startswith("_"):
                self.seen.append((time.time(), len(text)))
            return await answered.text()


@dataclass
class Slack:
    """One workspace, in real time."""

    limits: RateLimits = field(default_factory=lambda: RateLimits(time.monotonic))
    messages: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        method, channel = request.match_info["method"], request.query["channel"]
        text = await request.text()
        wait = self.limits.wait(method, channel)
        if wait:
            self.refused += 1
            return web.Response(status=429, headers={"Retry-After": str(int(wait) + 1)})
        self.calls[method] += 1
        ts = request.query["ts"] or f"{channel}/{len(self.messages)}"
        self.messages[ts] = text
        await asyncio.sleep(LATENCY)
        return web.Response(text=ts)


async def answer(channel: Channel, workspace: WorkspaceBudget, figures: Figures) -> None:
    """One answer by the product's engine."""
    budget = workspace.of(channel.name)

    async def posted(_: Sequence[MessageId]) -> None:
        return None

    live = LiveMessage(channel, budget, Policy(), mark="", running=(), posted=posted)  # type: ignore[arg-type]
    with budget.answering():
        asked = time.time()
        await live.start()
        figures.waits.append(time.time() - asked)
        writer = asyncio.create_task(live.run())
        began = time.time() + GAP
        for i in range(DELTAS):
            await asyncio.sleep(max(0.0, began + i * GAP - time.time()))
            live.feed(TEXT[i * SIZE : (i + 1) * SIZE])
        live.close()
        await writer
        ended = time.time()
        await live.finish(Ending("Claude"))
    await budget.published()
    figures.first.append(channel.seen[0][0] - began)
    figures.final.append(time.time() - ended)
    figures.answers += 1


async def process(number: int, url: str, start: float) -> None:
    """A worker; prints its figures as JSON."""
    figures = Figures()
    dynamodb, calls = client("dynamodb", REGION), Calls(4)
    events = dynamodb.meta.events
    events.register("before-call.dynamodb.*", lambda model, **_: figures.calls.update([model.name]))

    def after(parsed: dict[str, object], **_: object) -> None:
        figures.clashes += "Error" in parsed

    events.register("after-call.dynamodb.*", after)

    def ledgers(workspace: str, name: str, seconds: float) -> DynamoLedger:
        key = {"pk": f"budget#{workspace}", "sk": name}
        return DynamoLedger(dynamodb, TABLE, calls, **key, seconds=seconds)

    workspace = Budgets("slack", QUOTAS, ledgers).of("T1")
    async with aiohttp.ClientSession() as http:
        await asyncio.sleep(max(0.0, start - time.time()))
        for turn in range(ANSWERS):
            channel = Channel(http, url, f"C{number}-{turn}")
            await answer(channel, workspace, figures)
    calls.close()
    print(json.dumps(vars(figures)), flush=True)


async def measured(processes: int) -> tuple[Slack, list[Figures]]:
    """All of them, at once."""
    with (
        tempfile.TemporaryDirectory() as state,
        LocalAws(Path(state), free_port()) as aws,
    ):
        session = boto3.Session("test", "test", region_name=REGION)
        os.environ.update(aws.env)
        provision(
            REGION,
            bucket="shared",
            table=TABLE,
            turns_queue="shared-turns.fifo",
            files_queue="shared-files",
            session=session,
        )
        slack = Slack()
        app = web.Application()
        app.add_routes([web.post("/{method}", slack.handle)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        start = time.time() + 3 + processes * 0.6
        children = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "benchmarks.shared",
                *(str(number), url, str(start)),
                stdout=asyncio.subprocess.PIPE,
            )
            for number in range(processes)
        ]
        async with asyncio.timeout(600):
            ended = [(await each.communicate())[0] for each in children]
        await runner.cleanup()
    return slack, [Figures(**json.loads(each)) for each in ended]


async def main() -> None:
    """Prints the table."""
    print(
        f"\nOne workspace shared by processes, {ANSWERS} answers each one after another, real time"
    )
    print(
        "| processes | answers | whole | 429 | posts | edits | placeholder p50 / p95 s |"
        " first text p95 s | final p99 s | writes an answer | of them clashes | reads an answer |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for processes in sorted({1, 10, PROCESSES}):
        slack, figures = await measured(processes)
        answers = sum(each.answers for each in figures)
        whole = sum(text.startswith(TEXT.strip()) for text in slack.messages.values())
        calls = sum((Counter(each.calls) for each in figures), Counter[str]())
        waits = [each for one in figures for each in one.waits]
        first = [each for one in figures for each in one.first]
        final = [each for one in figures for each in one.final]
        clashes = sum(each.clashes for each in figures)
        print(
            f"| {processes} | {answers} | {whole} | {slack.refused} | "
            f"{slack.calls['chat.postMessage']} | {slack.calls['chat.update']} | "
            f"{percentile(waits, 50):.2f} / {percentile(waits, 95):.2f} | "
            f"{percentile(first, 95):.1f} | {percentile(final, 99):.2f} | "
            f"{calls['UpdateItem'] / answers:.1f} | {clashes / answers:.1f} | "
            f"{calls['GetItem'] / answers:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case [number, url, start]:
            asyncio.run(process(int(number), url, float(start)))
        case _:
            asyncio.run(main())
