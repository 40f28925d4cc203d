"""What was granted of calls that count together, and when the next may be made: values only.

Invariants, per tally:

1. Never more than `rate.calls` grants in any `rate.seconds`, for each of its rates. That also keeps
   under a bucket of `calls` refilled evenly, the other reading of Slack's tiers.
2. While n answers run, n grants are kept for their finals: first text and progress see what is
   left beyond them. In a window of a few seconds at most half: a final can wait it out.
3. Progress is spread so that what is free now would last a part of the window: a lone answer starts
   lively and slows as the window fills.
4. A pause (a 429's Retry-After) holds for everyone, finals included.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, Protocol

from core.ports import Call, Priority

HORIZON = 0.21
"""The part of a window over which what is free in it is spread."""
SHORT = 5.0
"""Seconds of a window that is short enough to wait for."""
NEVER = float("-inf")


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

    @property
    def name(self) -> str:
        return f"{self.by}:{'+'.join(sorted(self.calls))}"

    @property
    def shortest(self) -> float:
        """Seconds of the shortest window."""
        return min(rate.seconds for rate in self.rates)

    @property
    def longest(self) -> float:
        """Seconds of the longest window: what is older counts nowhere."""
        return max(rate.seconds for rate in self.rates)


@dataclass(frozen=True, slots=True)
class Tally:
    """Times are seconds of a clock that all who share the tally go by.

    `granted`: calls that may still count, oldest first. `progress`: when the last that shows
    progress was granted. `running`: of each process that shares it, its answers, and until when
    that holds unless it is said again.
    """

    granted: tuple[float, ...] = ()
    progress: float = NEVER
    paused_until: float = NEVER
    running: Mapping[str, tuple[int, float]] = field(default_factory=lambda: MappingProxyType({}))

    def answers(self, now: float) -> int:
        """Answers that run now, in all processes."""
        return sum(count for count, until in self.running.values() if until > now)

    def ready_at(self, quota: Quota, priority: Priority, now: float, ahead: int = 0) -> float:
        """When one more call may be granted, if `ahead` others go first."""
        kept = self.answers(now) if priority > Priority.FINAL else 0
        progress = priority is Priority.PROGRESS
        since = self.progress if progress else None
        at = max(self._window(rate, now, kept, ahead, since) for rate in quota.rates)
        if progress:
            at = max(at, self.progress + quota.gap)
        return max(at, self.paused_until)

    def grant(self, priority: Priority, now: float) -> Tally:
        """With one call more."""
        progress = now if priority is Priority.PROGRESS else self.progress
        return replace(self, granted=(*self.granted, now), progress=progress)

    def current(self, quota: Quota, now: float) -> Tally:
        """Without what no longer counts, and nothing granted later than now."""
        start = bisect_right(self.granted, now - quota.longest)
        granted = tuple(min(at, now) for at in self.granted[start:])
        running = {who: each for who, each in self.running.items() if each[1] > now}
        return replace(
            self,
            granted=granted,
            progress=min(self.progress, now),
            running=MappingProxyType(running),
        )

    def _window(
        self, rate: Rate, now: float, answers: int, ahead: int, progress_since: float | None
    ) -> float:
        """When this rate has room for one more; `answers` are kept for, `ahead` go first.

        `progress_since` is when progress was last granted, None for other calls.
        """
        calls, seconds = rate.calls, rate.seconds
        start = bisect_right(self.granted, now - seconds)
        used = len(self.granted) - start
        kept = min(answers, calls // 2) if seconds <= SHORT else answers
        free = calls - used - kept - ahead
        if free > 0:
            if progress_since is None:
                return now
            return max(now, progress_since + HORIZON * seconds / free)
        # enough grants must leave the window; with more kept than a window holds, never soon
        leave = 1 - free
        if leave > used:
            return now + seconds
        return max(now, self.granted[start + leave - 1] + seconds)


@dataclass(frozen=True, slots=True)
class Kept:
    """A tally as it is kept, and which of its versions that is; 0 where there is none yet."""

    version: int = 0
    tally: Tally = field(default_factory=Tally)


class Store(Protocol):
    """Keeps one tally where all who share it see it. Raises StoreError."""

    async def swap(self, version: int, tally: Tally, seconds: float) -> tuple[bool, Kept]:
        """Keeps `tally`, for `seconds` at least, if what is kept has this version still. Whether
        it was kept, and what is kept now."""
        ...

    async def read(self) -> Kept:
        """What is kept now."""
        ...


class OwnStore:
    """Of a tally that this process shares with no other."""

    def __init__(self) -> None:
        self._kept = Kept()

    async def swap(self, version: int, tally: Tally, seconds: float) -> tuple[bool, Kept]:
        if version != self._kept.version:
            return False, self._kept
        self._kept = Kept(version + 1, tally)
        return True, self._kept

    async def read(self) -> Kept:
        return self._kept
