"""The calls a workspace may make, shared out: finals first, then first text, then progress.

Invariants, per bucket (one method of one workspace, or of one of its channels):

1. Never more than `rate.calls` grants in any `rate.seconds`. That also keeps under a bucket of
   `calls` refilled evenly, the other reading of Slack's tiers.
2. While n answers run, n grants are kept for their finals: first text and progress see what is
   left beyond them.
3. Progress is spread so that what is free now would last `HORIZON` seconds: a lone answer starts
   lively and slows as the window fills; many share, longest-waiting first.
4. A pause (a 429's Retry-After) holds for everyone, finals included.

Published rates: https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from core.ports import Call, Priority

HORIZON = 13.0
"""Seconds over which the free part of a window is spread."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds`. Give `seconds` a margin for the journey to the server."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """A platform's rates: by workspace and, where it has one, by channel as well."""

    workspace: Mapping[Call, Rate]
    channel: Mapping[Call, Rate]


class Bucket:
    """One rate and those who wait for it."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._granted: deque[float] = deque()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._paused_until = 0.0
        self._last_progress = -HORIZON
        self._timer: asyncio.TimerHandle | None = None
        self._answers = 0

    async def spend(self, priority: Priority) -> None:
        """Returns once a call of this priority is granted."""
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), future))
        self._pump()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._granted.pop()  # granted, never made
            future.cancel()
            self._pump()
            raise

    def pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._pump()

    def keep(self, finals: int) -> None:
        """Keeps this many grants more (or fewer, if negative) for finals."""
        self._answers += finals
        self._pump()

    def wait_for(self, priority: Priority) -> float:
        """Seconds until a call of this priority would be granted, those before it counted."""
        now = self._clock()
        ahead = sum(1 for p, _, f in self._waiting if p <= priority and not f.done())
        return max(0.0, self._ready_at(priority, now, ahead) - now)

    def _ready_at(self, priority: Priority, now: float, ahead: int = 0) -> float:
        self._forget(now)
        kept = self._answers if priority > Priority.FINAL else 0
        free = self._rate.calls - len(self._granted) - kept - ahead
        at = max(now, self._paused_until)
        if free <= 0:
            # enough grants must leave the window; with more kept than a window holds, never soon
            leave = 1 - free
            if leave > len(self._granted):
                at = max(at, now + self._rate.seconds)
            else:
                at = max(at, self._granted[leave - 1] + self._rate.seconds)
        elif priority is Priority.PROGRESS:
            at = max(at, self._last_progress + HORIZON / free)
        return at

    def _forget(self, now: float) -> None:
        while self._granted and self._granted[0] + self._rate.seconds <= now:
            self._granted.popleft()

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            priority, _, future = self._waiting[0]
            if future.done():
                heapq.heappop(self._waiting)
                continue
            now = self._clock()
            at = self._ready_at(Priority(priority), now)
            if at > now:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(at - now + 1e-4, self._pump)
                return
            heapq.heappop(self._waiting)
            self._granted.append(now)
            if priority == Priority.PROGRESS:
                self._last_progress = now
            future.set_result(None)


class WorkspaceBudget:
    """One workspace's buckets, in this process. `of` gives a conversation its view of them."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._workspace = {call: Bucket(rate, clock) for call, rate in limits.workspace.items()}
        self._channels: dict[tuple[str, Call], Bucket] = {}

    def of(self, channel: str) -> ConversationBudget:
        """The budget of one channel: its own buckets, and those it shares."""
        buckets: dict[Call, list[Bucket]] = {}
        for call in Call:
            shared = [self._workspace[call]] if call in self._workspace else []
            own = self._own(channel, call)
            buckets[call] = [*([own] if own else []), *shared]
        return ConversationBudget(buckets)

    def _own(self, channel: str, call: Call) -> Bucket | None:
        rate = self._limits.channel.get(call)
        if rate is None:
            return None
        return self._channels.setdefault((channel, call), Bucket(rate, self._clock))


class ConversationBudget:
    """`core.ports.Budget` over the buckets a conversation's calls count in."""

    def __init__(self, buckets: Mapping[Call, list[Bucket]]) -> None:
        self._buckets = buckets

    async def spend(self, call: Call, priority: Priority) -> None:
        for bucket in self._buckets[call]:
            await bucket.spend(priority)

    def wait_for(self, call: Call, priority: Priority) -> float:
        return max((b.wait_for(priority) for b in self._buckets[call]), default=0.0)

    def pause(self, call: Call, seconds: float) -> None:
        for bucket in self._buckets[call]:
            bucket.pause(seconds)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While an answer runs, one edit stays reserved for its end."""
        edits = self._buckets[Call.EDIT]
        for bucket in edits:
            bucket.keep(1)
        try:
            yield
        finally:
            for bucket in edits:
                bucket.keep(-1)
