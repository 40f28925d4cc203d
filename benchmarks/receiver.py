"""The Slack receiver: what its import costs, and how soon it acknowledges 100 events a second.

Requests are signed, over HTTP, into the aiohttp application that `parley serve` uses; each is
queued in the local SQS before it is acknowledged. Nothing takes them off the queue.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
from aiohttp import web

from bots.serve import Receivers, application
from bots.slack.app import Receiver
from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.provision import provision
from core.aws.sqs.turns import SqsTurns
from local.aws import LocalAws, free_port

RATE = 100
SECONDS = int(os.environ.get("PARLEY_BENCH_SECONDS", "60"))
SECRET = "secret"


def imports() -> tuple[float, list[tuple[str, float]]]:
    """Milliseconds of a cold import (best of five), and of its dearest parts."""
    code = "import time; t=time.perf_counter(); import bots.slack.app; print(time.perf_counter()-t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    timed = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import bots.slack.app"],
        capture_output=True,
        check=True,
        text=True,
    )
    parts: dict[str, float] = {}
    for line in timed.stderr.splitlines()[1:]:
        own, _, name = (piece.strip() for piece in line.removeprefix("import time:").split("|"))
        top = name.split(".")[0]
        parts[top] = parts.get(top, 0) + int(own) / 1000
    return min(runs) * 1000, sorted(parts.items(), key=lambda p: -p[1])[:6]


async def main() -> None:
    """Prints both figures."""
    best, parts = imports()
    print(f"\nCold import of the Slack receiver: {best:.0f} ms (best of five)")
    print("of which, with the cost of timing it: " + ", ".join(f"{n} {ms:.0f}" for n, ms in parts))
    with tempfile.TemporaryDirectory() as state, LocalAws(Path(state), free_port()) as aws:
        os.environ |= dict(aws.env)
        made = provision("us-east-1", bucket="bench", table="bench")
        calls = Calls()
        turns = SqsTurns(client("sqs", "us-east-1"), made.turns_queue, calls)
        waits = await _load(turns)
        calls.close()
    slow = sum(status != 200 for _, status in waits)
    times = [seconds for seconds, _ in waits]
    cuts = statistics.quantiles(times, n=100)
    print(f"Acknowledgement at {RATE} events/s for {SECONDS} s ({len(times)} events):")
    print(
        f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, "
        f"slowest {max(times) * 1000:.0f} ms, not acknowledged {slow}"
    )


async def _load(turns: SqsTurns) -> list[tuple[float, int]]:
    receiver = Receiver(
        signing_secret=SECRET,
        bot_token="xoxb-bench",
        api_url="http://127.0.0.1:9/",
        enqueue=turns.enqueue_blocking,
    )
    threads = ThreadPoolExecutor(16)
    runner = web.AppRunner(application(Receivers(slack=receiver), threads), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    waits: list[tuple[float, int]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(number: int) -> None:
            body = _event(number)
            before = time.perf_counter()
            async with http.post(url, data=body, headers=_signed(body)) as answer:
                await answer.read()
                waits.append((time.perf_counter() - before, answer.status))

        began = time.perf_counter()
        tasks = []
        for number in range(RATE * SECONDS):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(one(number)))
        await asyncio.gather(*tasks)
    await runner.cleanup()
    threads.shutdown()
    return waits


def _event(number: int, channel: str = "") -> bytes:
    ts = f"{1_700_000_000 + number}.000100"
    event = {"type": "app_mention", "user": "U1", "text": "<@U0> hello", "ts": ts}
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": "T1",
            "event_id": f"Ev{number}",
            "event": {**event, "channel": channel or f"C{number % 50}", "event_ts": ts},
            "authorizations": [{"team_id": "T1", "user_id": "U0", "is_bot": True}],
        }
    ).encode()


def _signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    now = str(int(time.time()))
    digest = hmac.new(secret.encode(), b"v0:" + now.encode() + b":" + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }


if __name__ == "__main__":
    asyncio.run(main())
