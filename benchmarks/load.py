"""What 200 streams at once cost a process, beside bare readers of the same wire.

The Bedrock stand-in runs in a process of its own. Bytes only: aiohttp reads 200 responses and
throws them away; decoded: it also takes the text out of the frames. Ours: `BedrockModel` into
`LiveMessage`, text rendered for Slack, the budget asked, calls answered after 50 ms. Each in a
fresh process, its clients built before, 400 deltas, 60 ms apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import date

import aiohttp
import boto3
from aiohttp import web

from bots.slack.api.quotas import QUOTAS
from bots.slack.rendering.mrkdwn import MrkdwnSurface, render
from core.aws.bedrock.client import BedrockModel, tune_gc
from core.aws.bedrock.eventstream import Decoder
from core.rates.budget import WorkspaceBudget
from core.streaming.live import LiveMessage
from core.streaming.markdown.presentable import Policy
from core.values.answer import Message, MessageId, Prompt, Rendered
from local.bedrock.server import BedrockStandIn, Script

STREAMS = 200
TEXT = "".join(f"word{i:03d} " for i in range(400))
PROMPT = Prompt("sonnet", "Be brief.", (Message("user", f"Hello on {date(2026, 1, 1)}"),))


class _Chat:
    surface = MrkdwnSurface()

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        render(message.markdown)
        await asyncio.sleep(0.05)
        return MessageId("1")

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        render(message.markdown)
        await asyncio.sleep(0.05)


async def _serve() -> None:
    runner = web.AppRunner(BedrockStandIn(Script(text=TEXT, pace=0.06)).app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def _bare(url: str, *, decode: bool) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]})
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=t/20260101/us-east-1/bedrock/x"}
    path = f"{url}/model/us.anthropic.claude-sonnet-5-5/converse-stream"

    async def one(http: aiohttp.ClientSession) -> None:
        async with http.post(path, data=body, headers=headers) as response:
            decoder, text = Decoder(), ""
            while data := await response.content.readany():
                if decode:
                    for frame in decoder.feed(data):
                        event = json.loads(frame.payload)
                        text += event.get("delta", {}).get("text", "")

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(one(http) for _ in range(STREAMS)))


async def _built(url: str) -> BedrockModel:
    """The model client as a process has it after its first answer."""
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = url
    model = BedrockModel(["us-east-1"], boto3.Session("test", "test"))
    async for _ in model.stream(PROMPT):
        break
    tune_gc()
    return model


async def _ours(model: BedrockModel) -> None:
    workspace = WorkspaceBudget(QUOTAS, asyncio.get_running_loop().time)

    async def posted(_: Sequence[MessageId]) -> None:
        return None

    async def one(number: int) -> None:
        budget = workspace.of(f"C{number}")
        live = LiveMessage(_Chat(), budget, Policy(), mark="", running=(), posted=posted)  # type: ignore[arg-type]
        with budget.answering():
            await live.start()
            writer = asyncio.create_task(live.run())
            async for delta in model.stream(PROMPT):
                live.feed(delta.text)
            live.close()
            await writer
        assert live.text == TEXT

    await asyncio.gather(*(one(i) for i in range(STREAMS)))
    await model.close()


async def _measure(kind: str, url: str) -> None:
    """Runs one client and prints its figures as JSON."""
    lags: list[float] = []
    model = await _built(url) if kind == "ours" else None

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            lags.append(time.perf_counter() - before - 0.01)

    watcher = asyncio.create_task(watch())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu = time.process_time()
    await (_bare(url, decode=kind == "decoded") if model is None else _ours(model))
    cpu = time.process_time() - cpu
    watcher.cancel()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    lag = statistics.quantiles(lags, n=100)[98]
    print(json.dumps({"cpu": cpu, "lag": lag * 1000, "rss": grown}), flush=True)


async def _child(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", *arguments, stdout=asyncio.subprocess.PIPE
    )


async def main() -> None:
    """Prints the table."""
    server = await _child("serve")
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(await server.stdout.readline())}"
    figures = {}
    for kind in ("bytes only", "decoded", "ours"):
        child = await _child(kind, url)
        out, _ = await child.communicate()
        figures[kind] = json.loads(out)
    server.kill()
    await server.wait()
    print(f"\n{STREAMS} streams at once, 60 ms a delta: process CPU, lag of the event loop")
    print("| client | CPU s | × decoded | lag p99 ms | RSS growth MB |")
    print("|---|---|---|---|---|")
    for kind, f in figures.items():
        ratio = f["cpu"] / figures["decoded"]["cpu"]
        print(f"| {kind} | {f['cpu']:.1f} | {ratio:.2f} | {f['lag']:.1f} | {f['rss']:.0f} |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(_serve())
        case [kind, url]:
            asyncio.run(_measure(kind, url))
        case _:
            asyncio.run(main())
