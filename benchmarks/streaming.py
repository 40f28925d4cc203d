"""Growing answers at Slack's real tiers, in virtual time: who is refused, and how far text lags.

The product's `LiveMessage` and `WorkspaceBudget` write to a Slack that counts as the stand-in does
(the stricter reading of each tier) and takes 50 ms a call. Only waiting is simulated, so a run of
minutes takes seconds and gives the same figures on any machine. Peers' editors, by the constants
they publish, run over the same streams.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bots.slack.api.quotas import QUOTAS
from core.ports.chat import RateLimited
from core.ports.rates import Call
from core.rates.budget import WorkspaceBudget
from core.streaming.live import Ending, LiveMessage
from core.streaming.markdown.presentable import Policy
from core.values.answer import MessageId, Rendered
from local.slack.web.limits import RateLimits
from tests.support.virtual import now, run

DELTAS, SIZE = 400, 8
LATENCY = 0.05
GAPS = (0.02, 0.06)
STREAMS = (1, 10, 50, 200)


class Plain:
    limit = 4000

    def size(self, markdown: str) -> int:
        return len(markdown)


@dataclass
class Slack:
    """What one workspace's app may do; counts what it refuses."""

    limits: RateLimits
    calls: int = 0
    refused: int = 0

    async def call(self, method: str, channel: str) -> None:
        await asyncio.sleep(LATENCY)
        self.calls += 1
        wait = self.limits.wait(method, channel)
        if wait:
            self.refused += 1
            raise RateLimited(int(wait) + 1)


@dataclass
class Channel:
    """One conversation and what a reader sees of it over time."""

    slack: Slack
    name: str
    messages: dict[MessageId, str] = field(default_factory=dict)
    seen: list[tuple[float, int]] = field(default_factory=list)
    shrunk: int = 0
    surface = Plain()

    def _look(self) -> None:
        texts = (text for text in self.messages.values() if not text.startswith(("_", "…")))
        size = max(map(len, texts), default=0)
        if self.seen and size < self.seen[-1][1]:
            self.shrunk += 1
        self.seen.append((now(), size))

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        await self.slack.call("chat.postMessage", self.name)
        message_id = MessageId(f"{self.name}/{len(self.seen)}")
        self.messages[message_id] = message.markdown
        self._look()
        return message_id

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        await self.slack.call("chat.update", self.name)
        self.messages[message_id] = message.markdown
        self._look()

    async def delete(self, message_id: MessageId) -> None:
        await self.slack.call("chat.delete", self.name)
        del self.messages[message_id]


@dataclass
class Run:
    """One stream's figures, seconds and characters."""

    first: float = 0.0
    final: float = 0.0
    behind: float = 0.0
    whole: bool = False
    shrunk: int = 0


TEXT = "".join(f"word{i:03d} " for i in range(DELTAS))


async def ours(slack: Slack, workspace: WorkspaceBudget, number: int, gap: float) -> Run:
    """One answer by the product's engine."""
    channel = Channel(slack, f"C{number}")
    budget = workspace.of(channel.name)

    async def posted(_: Sequence[MessageId]) -> None:
        return None

    live = LiveMessage(channel, budget, Policy(), mark="", running=(), posted=posted)  # type: ignore[arg-type]
    with budget.answering():
        await live.start()
        writer = asyncio.create_task(live.run())
        began = now()
        for i in range(DELTAS):
            await asyncio.sleep(gap)
            live.feed(TEXT[i * SIZE : (i + 1) * SIZE])
        live.close()
        await writer
        ended = now()
        await live.finish(Ending("Claude"))
    figures = measured(channel, began + gap, ended, gap)
    figures.whole = figures.whole and len(live.ids) == 1
    return figures


async def fixed(slack: Slack, number: int, gap: float, every: float) -> Run:
    """One answer by an editor that edits every so often, drops what is refused, and at the end
    tries again as Retry-After says, three times."""
    channel = Channel(slack, f"C{number}")
    message_id = await channel.post(Rendered("…"))
    began, shown = now(), now()
    text = ""
    for i in range(DELTAS):
        await asyncio.sleep(gap)
        text += TEXT[i * SIZE : (i + 1) * SIZE]
        if now() - shown >= every:
            shown = now()
            try:
                await channel.edit(message_id, Rendered(text))
            except RateLimited:
                continue
    ended = now()
    for _ in range(3):
        try:
            await channel.edit(message_id, Rendered(text))
            break
        except RateLimited as exc:
            await asyncio.sleep(exc.retry_after)
    return measured(channel, began + gap, ended, gap)


def measured(channel: Channel, first_token: float, last_token: float, gap: float) -> Run:
    """The figures of what a reader saw."""
    texts = [(at, size) for at, size in channel.seen if size]
    total, figures = DELTAS * SIZE, Run(shrunk=channel.shrunk)
    if not texts:
        return figures
    figures.first = texts[0][0] - first_token
    figures.whole = TEXT.strip() in channel.messages.values() or TEXT in channel.messages.values()
    done = [at for at, size in texts if size >= total - 1]
    figures.final = (done[0] if done else now()) - last_token
    steps, area = 400, 0.0
    for step in range(steps):
        at = first_token + (last_token - first_token) * step / steps
        there = min(total, int((at - first_token) / gap + 1) * SIZE)
        area += max(0, there - max((s for t, s in channel.seen if t <= at), default=0))
    figures.behind = area / steps
    return figures


def best(gap: float, interval: float) -> float:
    """Mean characters behind of edits every `interval` seconds, each taking the latency."""
    return (interval / 2 + LATENCY) * SIZE / gap


def simulate(streams: int, gap: float, every: float | None = None) -> tuple[list[Run], Slack]:
    """`streams` answers at once in a workspace of their own; by a fixed editor if `every`."""

    async def main() -> tuple[list[Run], Slack]:
        slack = Slack(RateLimits(now))
        workspace = WorkspaceBudget(QUOTAS, now)
        runs = await asyncio.gather(
            *(
                ours(slack, workspace, i, gap) if every is None else fixed(slack, i, gap, every)
                for i in range(streams)
            )
        )
        return list(runs), slack

    return run(main)


def main() -> None:
    """Prints the tables."""
    print("Growing answers: 400 deltas of 8 characters, 50 ms a call, Slack's tiers (virtual time)")
    print(
        "| ms a delta | streams | calls | 429 | first text p95 s | final p99 s | bound s | lost |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for gap in GAPS:
        for streams in STREAMS:
            runs, slack = simulate(streams, gap)
            print(
                f"| {gap * 1000:.0f} | {streams} | {slack.calls} | {slack.refused} | "
                f"{percentile([r.first for r in runs], 95):.2f} | "
                f"{percentile([r.final for r in runs], 99):.2f} | {_bound(streams):.2f} | "
                f"{sum(not r.whole or r.shrunk > 0 for r in runs)} |"
            )
    print("\nMean characters behind the model, one stream")
    print("| ms a delta | ours | every 1.2 s, as 50 a minute sustain | 49 edits spread over it |")
    print("|---|---|---|---|")
    for gap in GAPS:
        (alone,), _ = simulate(1, gap)
        spread = DELTAS * gap / 49
        steady, known = best(gap, 1.2), best(gap, spread)
        print(f"| {gap * 1000:.0f} | {alone.behind:.0f} | {steady:.0f} | {known:.0f} |")
    print("\nFixed-interval editors over the same streams, 20 ms a delta")
    print("| editor | streams | calls | 429 | final p99 s | not whole at the end |")
    print("|---|---|---|---|---|---|")
    for name, every in (
        ("0.5 s", 0.5),
        ("0.6 s", 0.6),
        ("0.8 s", 0.8),
        ("1.0 s", 1.0),
        ("ours", None),
    ):
        for streams in (1, 10, 50):
            runs, slack = simulate(streams, 0.02, every)
            final = percentile([r.final for r in runs], 99)
            cut = sum(not r.whole for r in runs)
            print(f"| {name} | {streams} | {slack.calls} | {slack.refused} | {final:.1f} | {cut} |")


def _bound(streams: int) -> float:
    """Seconds until the last final of simultaneous answers can stand, by the tiers alone: 50
    edits at once, the others as new messages out of what placeholders left of the minute."""
    ((edits,), (posts,)) = (
        quota.rates
        for call in (Call.EDIT, Call.POST)
        for quota in QUOTAS
        if call in quota.calls and quota.by == "workspace"
    )
    over = max(0, streams - edits.calls)
    return 2 * LATENCY if over <= posts.calls - streams else posts.seconds


def percentile(values: Sequence[float], percent: int) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
