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
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, Protocol

from core.ports.rates import Call, Priority

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

    `gap` are the fewest seconds between two calls that show progress. `spared`: a refusal that does
    not say whose it is is a narrower count's; this one's only if a second of those meets one too.
    """

    calls: frozenset[Call]
    rates: tuple[Rate, ...]
    by: Literal["workspace", "channel"] = "workspace"
    gap: float = 0.0
    spared: bool = False

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

    `granted`: calls that may still count, oldest first; `total`: all there ever were. `progress`:
    when the last that shows progress was granted. `running`: of each process that shares it, its
    answers, and until when that holds unless it is said again. `suspected`: until when a narrower
    count is paused, and whose.
    """

    granted: tuple[float, ...] = ()
    total: int = 0
    progress: float = NEVER
    paused_until: float = NEVER
    running: Mapping[str, tuple[int, float]] = field(default_factory=lambda: MappingProxyType({}))
    suspected: tuple[float, str] = (NEVER, "")

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

    def room(self, quota: Quota, priority: Priority, now: float) -> int:
        """Calls that could be granted at once."""
        kept = self.answers(now) if priority > Priority.FINAL else 0
        return min(self._free(rate, now, kept)[0] for rate in quota.rates)

    def grant(self, priority: Priority, now: float) -> Tally:
        """With one call more."""
        progress = now if priority is Priority.PROGRESS else self.progress
        granted = (*self.granted, now)
        return replace(self, granted=granted, total=self.total + 1, progress=progress)

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
        free, start = self._free(rate, now, answers)
        free -= ahead
        if free > 0:
            if progress_since is None:
                return now
            return max(now, progress_since + HORIZON * rate.seconds / free)
        # enough grants must leave the window; with more kept than a window holds, never soon
        leave = 1 - free
        if leave > len(self.granted) - start:
            return now + rate.seconds
        return max(now, self.granted[start + leave - 1] + rate.seconds)

    def _free(self, rate: Rate, now: float, answers: int) -> tuple[int, int]:
        """What is left of a rate, and where in `granted` its window begins."""
        start = bisect_right(self.granted, now - rate.seconds)
        kept = min(answers, rate.calls // 2) if rate.seconds <= SHORT else answers
        return rate.calls - (len(self.granted) - start) - kept, start


@dataclass(frozen=True, slots=True)
class News:
    """What happened in one process: calls granted, and granted but not made, a pause, here or of a
    narrower count, and how many answers it runs and until when that holds. `progress`: when one of
    the calls showed progress."""

    granted: tuple[float, ...] = ()
    returned: tuple[float, ...] = ()
    progress: float = NEVER
    paused_until: float = NEVER
    running: tuple[int, float] = (0, NEVER)
    suspected: tuple[float, str] = (NEVER, "")

    def plus(self, other: News) -> News:
        """Both, as the earlier says them."""
        return replace(
            self,
            granted=(*self.granted, *other.granted),
            returned=(*self.returned, *other.returned),
            progress=max(self.progress, other.progress),
            paused_until=max(self.paused_until, other.paused_until),
            suspected=max(self.suspected, other.suspected),
        )

    def minus(self, told: News) -> News:
        """What came since `told`, which this began with."""
        return News(
            self.granted[len(told.granted) :],
            self.returned[len(told.returned) :],
            self.progress if self.progress > told.progress else NEVER,
            self.paused_until if self.paused_until > told.paused_until else NEVER,
            suspected=self.suspected if self.suspected > told.suspected else (NEVER, ""),
        )

    def over(self, tally: Tally, me: str) -> Tally:
        """The tally with this in it."""
        granted = sorted((*tally.granted, *self.granted))
        for at in self.returned:
            with suppress(ValueError):
                granted.remove(at)
        running = {who: each for who, each in tally.running.items() if who != me}
        if self.running[0]:
            running[me] = self.running
        return Tally(
            tuple(granted),
            tally.total + len(self.granted),
            max(tally.progress, self.progress),
            max(tally.paused_until, self.paused_until),
            MappingProxyType(running),
            max(tally.suspected, self.suspected),
        )


class Store(Protocol):
    """Keeps one tally where all who share it see it."""

    async def tell(
        self, me: str, news: News, seen: Tally | None, spare: int | None, until: float
    ) -> tuple[bool, Tally]:
        """Adds news to the tally and keeps it till `until`. Whether that was done, and what is kept
        now. Raises StoreError.

        It is not done if, since it was `seen`, more than `spare` calls were granted elsewhere or,
        for news of progress, others showed progress; with None for `spare` it does not matter. Nor
        if a longer pause was not seen yet: told once more, it is done.
        """
        ...

    async def read(self) -> Tally:
        """What is kept now. Raises StoreError."""
        ...


class OwnStore:
    """Of a tally that this process shares with no other, whose calls count for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._tally = Tally()
        self._seconds = seconds

    async def tell(
        self, me: str, news: News, seen: Tally | None, spare: int | None, until: float
    ) -> tuple[bool, Tally]:
        seen = seen or Tally()
        if spare is not None:
            more = self._tally.total - seen.total > spare
            shown = news.progress > NEVER and self._tally.progress != seen.progress
            if more or shown:
                return False, self._tally
        tally = news.over(self._tally, me)
        start = bisect_right(tally.granted, max(tally.granted, default=0.0) - self._seconds)
        self._tally = replace(tally, granted=tally.granted[start:])
        return True, self._tally

    async def read(self) -> Tally:
        return self._tally
