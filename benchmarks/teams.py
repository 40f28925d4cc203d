"""Teams: growing answers inside its limits, native streams, and how soon activities are taken.

The growing answers run in virtual time, against limits that count as the stand-in does, 50 ms a
call. The receiver is real: signed activities over HTTP, each queued in the local SQS.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.streaming import DELTAS, LATENCY, SIZE, TEXT, percentile
from bots.serve import Receivers, application
from bots.teams.api.hosts import Hosts
from bots.teams.api.quotas import PERSONAL, QUOTAS
from bots.teams.app import Receiver
from bots.teams.inbound.auth import Authenticator, SigningKeys
from bots.teams.outbound.streaming import Streams
from bots.teams.rendering.cards import activity, as_text, size
from bots.teams.rendering.markup import said as unprinted
from bots.teams.rendering.surface import TeamsSurface
from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.provision import provision
from core.aws.sqs.turns import SqsTurns
from core.ports.chat import RateLimited
from core.rates.budget import WorkspaceBudget
from core.streaming.live import Ending, LiveMessage
from core.streaming.markdown.presentable import Policy
from core.values.answer import Button, MessageId, Rendered, Stage
from local.aws import LocalAws, free_port
from local.teams.services.limits import RateLimits
from local.teams.services.signing import Signer
from local.teams.tenant.people import TENANT
from tests.support.virtual import now, run

APP = "5d1f1d0e-0000-4000-8000-000000000000"
SERVICE = "https://smba.trafficmanager.net/emea/"
RATE = 100
SECONDS = int(os.environ.get("PARLEY_BENCH_SECONDS", "60"))
STOP = (Button("stop", "Stop", "teams/T/C/1"),)
FIRST_TOKEN = 1.0
"""Seconds before the model's first token, as Claude takes about."""


@dataclass
class Place:
    """One conversation and what a reader sees of it; several answers may be in it."""

    limits: RateLimits
    name: str
    personal: bool = False
    refused: int = 0
    calls: list[float] = field(default_factory=list)
    shown: dict[MessageId, list[tuple[float, int]]] = field(default_factory=dict)
    texts: dict[MessageId, str] = field(default_factory=dict)
    streams: Streams = field(default_factory=lambda: Streams(now))
    text_only: bool = False
    """Whether nothing has controls, so that all is text: for comparison."""
    sent: int = 0
    """Bytes of all activities, as Teams counts them."""
    surface = TeamsSurface()

    def look(self, message: Rendered) -> None:
        said = as_text(message) if self.text_only else activity(message, "teams/T/C/1")
        self.sent += size(said)

    async def call(self, *, stream: bool = False) -> None:
        await asyncio.sleep(LATENCY)
        self.calls.append(now())
        wait = self.limits.wait(self.name, self.name if stream else "")
        if wait:
            self.refused += 1
            raise RateLimited(int(wait) + 1)

    def see(self, message_id: MessageId, text: str, *, status: bool) -> None:
        self.texts[message_id] = text
        self.shown.setdefault(message_id, []).append((now(), 0 if status else len(text)))

    async def send(self, said: Mapping[str, Any]) -> str:
        """A native stream's calls."""
        self.sent += size(said)
        await self.call(stream=True)
        info = next(e for e in said["entities"] if e["type"] == "streaminfo")
        message_id = MessageId(info.get("streamId") or f"{self.name}/{len(self.texts)}")
        self.see(message_id, said["text"], status=info["streamType"] == "informative")
        return str(message_id)

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        if self.personal:
            streamed = await self.streams.start(self.name, message, self.send)
            if streamed is not None:
                return streamed
        self.look(message)
        await self.call()
        message_id = MessageId(f"{self.name}/{len(self.texts)}")
        self.see(message_id, message.markdown, status=message.stage is Stage.STATUS)
        return message_id

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        if not await self.streams.edit(self.name, message_id, message, self.send):
            self.look(message)
            await self.call()
            self.see(message_id, message.markdown, status=message.stage is Stage.STATUS)


@dataclass
class Run:
    first: float
    final: float
    whole: bool


async def answer(place: Place, workspace: WorkspaceBudget, gap: float) -> Run:
    budget = workspace.of(place.name)

    async def posted(_: Sequence[MessageId]) -> None:
        return None

    live = LiveMessage(place, budget, Policy(), mark="", running=STOP, posted=posted)  # type: ignore[arg-type]
    with budget.answering():
        await live.start()
        writer = asyncio.create_task(live.run())
        await asyncio.sleep(FIRST_TOKEN)
        began = now()
        for i in range(DELTAS):
            live.feed(TEXT[i * SIZE : (i + 1) * SIZE])
            await asyncio.sleep(gap)
        live.close()
        await writer
        ended = now()
        await live.finish(Ending("Claude"))
    seen = [each for message in live.ids for each in place.shown[message] if each[1]]
    whole = unprinted(place.texts[live.ids[0]]) == TEXT.strip() and len(live.ids) == 1
    sizes = [size for _, size in seen]
    return Run(seen[0][0] - began, now() - ended, whole and sizes == sorted(sizes))


def simulate(
    places: int, each: int, gap: float, *, personal: bool, text_only: bool = False
) -> tuple[list[Run], list[Place]]:
    """`each` answers at once in each of some channels or chats."""

    async def main() -> tuple[list[Run], list[Place]]:
        limits = RateLimits(now)
        workspace = WorkspaceBudget(PERSONAL if personal else QUOTAS, now)
        used = [Place(limits, f"p{n}", personal, text_only=text_only) for n in range(places)]
        runs = await asyncio.gather(
            *(answer(place, workspace, gap) for place in used for _ in range(each))
        )
        return list(runs), used

    return run(main)


def growing() -> None:
    print("\nTeams: 400 deltas of 8 characters, 50 ms a call, first token after 1 s (virtual time)")
    print(
        "| where | look | answers | ms a delta | calls | KB | 429 | first p95 | final p99 | lost |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, places, each, personal, text_only in (
        ("one channel", 1, 1, False, True),
        ("one channel", 1, 1, False, False),
        ("one channel", 1, 5, False, True),
        ("one channel", 1, 5, False, False),
        ("one channel", 1, 20, False, True),
        ("one channel", 1, 20, False, False),
        ("50 channels", 50, 1, False, True),
        ("50 channels", 50, 1, False, False),
        ("a personal chat", 1, 1, True, False),
        ("50 personal chats", 50, 1, True, False),
    ):
        look = "stream" if personal else "text" if text_only else "card"
        for gap in (0.02, 0.06):
            runs, used = simulate(places, each, gap, personal=personal, text_only=text_only)
            print(
                f"| {name} | {look} | {len(runs)} | {gap * 1000:.0f} | "
                f"{sum(len(p.calls) for p in used)} | {sum(p.sent for p in used) // 1000} | "
                f"{sum(p.refused for p in used)} | "
                f"{percentile([r.first for r in runs], 95):.2f} | "
                f"{percentile([r.final for r in runs], 99):.2f} | "
                f"{sum(not r.whole for r in runs)} |"
            )
    _, (chat,) = simulate(1, 1, 0.06, personal=True)
    gaps = [after - before for before, after in pairwise(chat.calls)]
    print(f"\nA personal chat's calls were at least {min(gaps):.2f} s apart.")


def imports() -> float:
    """Milliseconds of a cold import, best of five."""
    code = "import time; t=time.perf_counter(); import bots.teams.app; print(time.perf_counter()-t)"
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(5)]
    return 1000 * min(map(float, runs))


async def receiving() -> None:
    print(f"\nCold import of the Teams receiver: {imports():.0f} ms (best of five)")
    signer = Signer(APP)

    async def fetch(url: str) -> Mapping[str, Any]:
        return signer.published() if url.endswith("keys") else {"jwks_uri": "https://x/keys"}

    authenticator = Authenticator(
        APP,
        SigningKeys("https://x/openid", fetch, time.monotonic),
        tenants=frozenset({TENANT}),
        hosts=Hosts(["smba.trafficmanager.net"]),
    )
    with tempfile.TemporaryDirectory() as state, LocalAws(Path(state), free_port()) as aws:
        os.environ |= dict(aws.env)
        made = provision("us-east-1", bucket="bench", table="bench")
        calls = Calls()
        turns = SqsTurns(client("sqs", "us-east-1"), made.turns_queue, calls)
        receiver = Receiver(APP, authenticator, turns.enqueue_blocking)
        waits = await _load(receiver, signer)
        calls.close()
    cuts = statistics.quantiles([seconds for seconds, _ in waits], n=100)
    slow = sum(status != 200 for _, status in waits)
    print(f"Acknowledgement at {RATE} activities/s for {SECONDS} s ({len(waits)}):")
    print(
        f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, "
        f"slowest {max(w for w, _ in waits) * 1000:.0f} ms, not acknowledged {slow}"
    )


async def _load(receiver: Receiver, signer: Signer) -> list[tuple[float, int]]:
    threads = ThreadPoolExecutor(4)
    runner = web.AppRunner(application(Receivers(teams=receiver), threads), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/messages"
    waits: list[tuple[float, int]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(number: int) -> None:
            body = _activity(number)
            headers = {"Authorization": f"Bearer {signer.token(SERVICE)}"}
            before = time.perf_counter()
            async with http.post(url, data=body, headers=headers) as answered:
                await answered.read()
                waits.append((time.perf_counter() - before, answered.status))

        began = time.perf_counter()
        tasks = []
        for number in range(RATE * SECONDS):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(one(number)))
        await asyncio.gather(*tasks)
    await runner.cleanup()
    threads.shutdown()
    return waits


def _activity(number: int) -> bytes:
    mention = {"type": "mention", "mentioned": {"id": f"28:{APP}"}, "text": "<at>Parley</at>"}
    root = 1_700_000_000_000 + number % 50
    where = {"conversationType": "channel", "tenantId": TENANT}
    activity = {
        "type": "message",
        "id": str(1_700_000_100_000 + number),
        "channelId": "msteams",
        "serviceUrl": SERVICE,
        "text": "<at>Parley</at> hello",
        "from": {"id": "29:1", "name": "Ana", "aadObjectId": "a"},
        "recipient": {"id": f"28:{APP}"},
        "conversation": {**where, "id": f"19:x@thread.tacv2;messageid={root}"},
        "channelData": {"tenant": {"id": TENANT}, "team": {"id": "19:x@thread.tacv2"}},
        "entities": [mention],
    }
    return json.dumps(activity).encode()


def main() -> None:
    """Prints the tables."""
    growing()
    asyncio.run(receiving())


if __name__ == "__main__":
    main()
