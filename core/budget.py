"""The calls a workspace may make, shared out: finals first, then first text, then progress.

Invariants, per bucket (what counts together: some calls of one workspace, channel or conversation):

1. Never more than `rate.calls` grants in any `rate.seconds`, for each of its rates. That also keeps
   under a bucket of `calls` refilled evenly, the other reading of Slack's tiers.
2. While n answers run, n grants are kept for their finals: first text and progress see what is
   left beyond them. In a window of a few seconds at most half: a final can wait it out.
3. Progress is spread so that what is free now would last a part of the window: a lone answer starts
   lively and slows as the window fills; many share, longest-waiting first.
4. A pause (a 429's Retry-After) holds for everyone, finals included.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Literal

from core.ports import Call, Priority

HORIZON = 0.21
"""The part of a window over which what is free in it is spread."""
SHORT = 5.0
"""Seconds of a window that is short enough to wait for."""
MANY = 1024
"""Buckets of channels and conversations after which those that are not in use are dropped."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds`. Give `seconds` a margin for the journey to the server."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Quota:
    """Rates that some calls count in together: one count for each of what `by` names.

    `gap` are the fewest seconds between two calls that show progress.
    """

    calls: frozenset[Call]
    rates: tuple[Rate, ...]
    by: Literal["workspace", "channel", "conversation"] = "workspace"
    gap: float = 0.0


class _Window:
    """One rate, and the grants that still count in it."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.granted: deque[float] = deque()

    def forget(self, now: float) -> None:
        while self.granted and self.granted[0] + self.rate.seconds <= now:
            self.granted.popleft()

    def ready_at(self, now: float, answers: int, ahead: int, progress_since: float | None) -> float:
        """When one more may be granted; `answers` are kept for, `ahead` go first.

        `progress_since` is when progress was last granted, None for other calls.
        """
        self.forget(now)
        calls, seconds = self.rate.calls, self.rate.seconds
        kept = min(answers, calls // 2) if seconds <= SHORT else answers
        free = calls - len(self.granted) - kept - ahead
        if free > 0:
            if progress_since is None:
                return now
            return max(now, progress_since + HORIZON * seconds / free)
        # enough grants must leave the window; with more kept than a window holds, never soon
        leave = 1 - free
        if leave > len(self.granted):
            return now + seconds
        return max(now, self.granted[leave - 1] + seconds)


class Bucket:
    """What counts together, and those who wait for it."""

    def __init__(self, quota: Quota, clock: Callable[[], float]) -> None:
        self._windows = [_Window(rate) for rate in quota.rates]
        self._gap = quota.gap
        self._clock = clock
        self._waiting: list[tuple[int, int, asyncio.Future[float]]] = []
        self._order = count()
        self._paused_until = 0.0
        self._last_progress = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._answers = 0
        self.turn = asyncio.Lock()
        """Held while a call that was granted here waits for another bucket."""

    async def spend(self, priority: Priority) -> float:
        """Returns once a call of this priority is granted, with the time of that."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), future))
        self._pump()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back(future.result())  # granted, never made
            future.cancel()
            self._pump()
            raise

    def give_back(self, at: float) -> None:
        """What was granted then is not made."""
        for window in self._windows:
            with suppress(ValueError):
                window.granted.remove(at)
        self._pump()

    def move(self, at: float) -> None:
        """What was granted then is made only now."""
        now = self._clock()
        if now > at:
            for window in self._windows:
                with suppress(ValueError):
                    window.granted.remove(at)
                window.granted.append(now)

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

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it."""
        now = self._clock()
        for window in self._windows:
            window.forget(now)
        used = any(window.granted for window in self._windows)
        return not (used or self._waiting or self._answers or self._paused_until > now)

    def _ready_at(self, priority: Priority, now: float, ahead: int = 0) -> float:
        answers = self._answers if priority > Priority.FINAL else 0
        progress = priority is Priority.PROGRESS
        since = self._last_progress if progress else None
        at = max(window.ready_at(now, answers, ahead, since) for window in self._windows)
        if progress:
            at = max(at, self._last_progress + self._gap)
        return max(at, self._paused_until)

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
            for window in self._windows:
                window.granted.append(now)
            if priority == Priority.PROGRESS:
                self._last_progress = now
            future.set_result(now)


class WorkspaceBudget:
    """One workspace's buckets, in this process. `of` gives a conversation its view of them."""

    def __init__(self, quotas: tuple[Quota, ...], clock: Callable[[], float]) -> None:
        self._quotas = quotas
        self._clock = clock
        self._buckets: dict[tuple[int, str, str], Bucket] = {}

    def of(self, channel: str, thread: str = "") -> ConversationBudget:
        """The budget of one conversation: of each call one bucket, or its own and a shared one."""
        if len(self._buckets) > MANY:
            self._buckets = {key: each for key, each in self._buckets.items() if not each.idle}
        buckets: dict[Call, list[Bucket]] = {call: [] for call in Call}
        for number, quota in enumerate(self._quotas):
            match quota.by:
                case "conversation":
                    key = (number, channel, thread)
                case "channel":
                    key = (number, channel, "")
                case _:
                    key = (number, "", "")
            if key not in self._buckets:
                self._buckets[key] = Bucket(quota, self._clock)
            for call in quota.calls:
                buckets[call].append(self._buckets[key])
        return ConversationBudget(buckets)


class ConversationBudget:
    """`core.ports.Budget` over the buckets a conversation's calls count in."""

    def __init__(self, buckets: Mapping[Call, list[Bucket]]) -> None:
        self._buckets = buckets

    async def spend(self, call: Call, priority: Priority) -> None:
        *own, last = self._buckets[call]
        if not own:
            await last.spend(priority)
            return
        (first,) = own
        # one after another: else those that wait for the shared bucket would be made together
        async with first.turn:
            at = await first.spend(priority)
            try:
                await last.spend(priority)
            except asyncio.CancelledError:
                first.give_back(at)
                raise
            first.move(at)

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
