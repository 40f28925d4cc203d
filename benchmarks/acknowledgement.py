"""How soon one `parley serve` acknowledges 100 questions a second while it answers them.

`parley serve` is a process of its own; so is who sends. The stand-ins of Slack and Bedrock and the
local AWS share the machine with both. Every question is answered: 200 at a time, the others wait.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import aiohttp

from benchmarks.receiver import _event, _signed
from core.aws.provision import provision
from local.aws import LocalAws, free_port
from local.bedrock.server import Script
from tests.support.world import GENERAL, PARLEY, world_at

RATE = 100
SECONDS = int(os.environ.get("PARLEY_BENCH_SECONDS", "20"))
CHANNELS = 200
REGION = "us-east-1"
SECRET = "s3cret"
TEXT = "".join(f"word{number:03d} " for number in range(400))


async def send(url: str) -> None:
    """Sends, and prints each answer's status and seconds as JSON."""
    waits: list[tuple[int, float]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(number: int) -> None:
            body = _event(number, f"C0BENCH{number % CHANNELS:03d}")
            before = time.perf_counter()
            try:
                async with http.post(url, data=body, headers=_signed(body, SECRET)) as answer:
                    await answer.read()
                    status = answer.status
            except aiohttp.ClientError:
                status = 0
            waits.append((status, time.perf_counter() - before))

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(RATE * SECONDS):
                await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
                group.create_task(one(number))
    print(json.dumps(waits))


async def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as state, LocalAws(Path(state), free_port()) as aws:
        os.environ |= dict(aws.env)
        made = provision(REGION, bucket="bench", table="bench")
        async with world_at(SimpleNamespace(resources=made)) as world:
            world.command = PARLEY
            world.bedrock.script = Script(text=TEXT, pace=0.06)
            for number in range(CHANNELS):
                workspace = world.slack.workspace
                channel = next(each for each in workspace.channels if each["id"] == GENERAL)
                name = f"C0BENCH{number:03d}"
                workspace.channels.append({**channel, "id": name, "name": name.lower()})
                workspace.messages[name] = {}
            await world.serve()
            sender = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.acknowledgement"),
                f"http://127.0.0.1:{world.port}/slack/events",
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await sender.communicate()
            answers = len(world.called("chat.postMessage"))
    waits = json.loads(out)
    times = [seconds for _, seconds in waits]
    cuts = statistics.quantiles(times, n=100)
    refused = sum(status != 200 for status, _ in waits)
    print(f"Acknowledgement at {RATE} questions/s for {SECONDS} s, beside their answers:")
    print(
        f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, slowest "
        f"{max(times) * 1000:.0f} ms, not acknowledged {refused}; {answers} answers begun"
    )


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1]) if len(sys.argv) > 1 else main())
