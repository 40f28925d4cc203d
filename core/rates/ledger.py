"""What a platform granted of the calls that one quota counts, and when the next may be made.

Values only: no clock, no I/O. Invariants, per ledger:

1. Never more than `rate.calls` grants in any `rate.seconds`, for each rate of the quota. That also
   satisfies a token bucket of `calls` that is refilled evenly, the other reading of Slack's tiers.
2. While n answers run, n grants are reserved for their final edits: first text and progress see
   only what is left. In a window of a few seconds at most half is reserved: a final can wait it
   out.
3. Progress is spread so that what is free now lasts for a part of the window: a lone answer starts
   lively and slows down as the window fills.
4. A pause (the Retry-After of a 429) holds for every priority, finals included.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from core.ports.rates import Call, Priority

PROGRESS_SPREAD = 0.21
"""The part of a window over which the free grants in it are spread."""
SHORT_WINDOW = 5.0
"""Seconds of a window that is short enough for a final to wait for."""
NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds`. Give `seconds` a margin for the way to the server."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Quota:
    """The rates that some calls share: one ledger for the workspace, or one for each channel.

    `gap`: the least seconds between two calls that show progress. `needs_second_refusal`: a 429
    that does not name its quota is taken to be a narrower one's; this one is paused only when a
    second channel is refused meanwhile.
    """

    calls: frozenset[Call]
    rates: tuple[Rate, ...]
    by: Literal["workspace", "channel"] = "workspace"
    gap: float = 0.0
    needs_second_refusal: bool = False

    @property
    def name(self) -> str:
        """What the quota counts by, and its calls: `channel:edit+post`."""
        return f"{self.by}:{'+'.join(sorted(self.calls))}"

    @property
    def shortest(self) -> float:
        """Seconds of the shortest window."""
        return min(rate.seconds for rate in self.rates)

    @property
    def longest(self) -> float:
        """Seconds of the longest window: older grants count nowhere."""
        return max(rate.seconds for rate in self.rates)


class Reservation(NamedTuple):
    """One process's running answers, each of which has an edit reserved for its end.

    It lapses at `until` unless the process renews it: a process that died reserves nothing.
    """

    answers: int = 0
    until: float = NEVER


class Refusal(NamedTuple):
    """A channel was refused, and its narrower quota is paused until then."""

    until: float = NEVER
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The grants of one quota. Times are seconds of a clock that all processes go by.

    `granted`: when calls were granted that may still count, oldest first. `total`: how many were
    ever granted. `last_progress`: when the last of them that shows progress was. `reservations`: by
    process. `refusal`: the latest, for a quota that needs a second one.
    """

    granted: tuple[float, ...] = ()
    total: int = 0
    last_progress: float = NEVER
    paused_until: float = NEVER
    reservations: Mapping[str, Reservation] = field(default_factory=lambda: MappingProxyType({}))
    refusal: Refusal = Refusal()

    def reserved(self, now: float) -> int:
        """Grants reserved for finals: one for each answer that runs now, in all processes."""
        return sum(each.answers for each in self.reservations.values() if each.until > now)

    def ready_at(self, quota: Quota, priority: Priority, now: float, ahead: int = 0) -> float:
        """When one more call may be granted, if `ahead` others are granted first."""
        reserved = self.reserved(now) if priority > Priority.FINAL else 0
        progress = priority is Priority.PROGRESS
        since = self.last_progress if progress else None
        at = max(self._window(rate, now, reserved, ahead, since) for rate in quota.rates)
        if progress:
            at = max(at, self.last_progress + quota.gap)
        return max(at, self.paused_until)

    def available(self, quota: Quota, priority: Priority, now: float) -> int:
        """How many calls of this priority could be granted at once."""
        reserved = self.reserved(now) if priority > Priority.FINAL else 0
        return min(self._free(rate, now, reserved)[0] for rate in quota.rates)

    def with_grant(self, priority: Priority, now: float) -> Ledger:
        """This ledger with one more call granted now."""
        progress = now if priority is Priority.PROGRESS else self.last_progress
        granted = (*self.granted, now)
        return replace(self, granted=granted, total=self.total + 1, last_progress=progress)

    def current(self, quota: Quota, now: float) -> Ledger:
        """This ledger without what no longer counts, and nothing granted later than now."""
        start = bisect_right(self.granted, now - quota.longest)
        granted = tuple(min(at, now) for at in self.granted[start:])
        reservations = {who: each for who, each in self.reservations.items() if each.until > now}
        return replace(
            self,
            granted=granted,
            last_progress=min(self.last_progress, now),
            reservations=MappingProxyType(reservations),
        )

    def _window(
        self, rate: Rate, now: float, reserved: int, ahead: int, progress_since: float | None
    ) -> float:
        """When this rate has room for one more grant, after `ahead` others.

        `progress_since`: when progress was last granted; None for other calls.
        """
        free, start = self._free(rate, now, reserved)
        free -= ahead
        if free > 0:
            if progress_since is None:
                return now
            return max(now, progress_since + PROGRESS_SPREAD * rate.seconds / free)
        # enough grants must leave the window; with more reserved than it holds, never soon
        leaving = 1 - free
        if leaving > len(self.granted) - start:
            return now + rate.seconds
        return max(now, self.granted[start + leaving - 1] + rate.seconds)

    def _free(self, rate: Rate, now: float, reserved: int) -> tuple[int, int]:
        """How many grants a rate has left, and where in `granted` its window begins."""
        start = bisect_right(self.granted, now - rate.seconds)
        if rate.seconds <= SHORT_WINDOW:
            reserved = min(reserved, rate.calls // 2)
        return rate.calls - (len(self.granted) - start) - reserved, start


@dataclass(frozen=True, slots=True)
class Changes:
    """What one process adds to a ledger.

    `granted` and `returned`: calls granted, and those of them that were not made. `last_progress`:
    when one of the granted calls showed progress. `reservation`: the process's own, as it is now.
    """

    granted: tuple[float, ...] = ()
    returned: tuple[float, ...] = ()
    last_progress: float = NEVER
    paused_until: float = NEVER
    reservation: Reservation = Reservation()
    refusal: Refusal = Refusal()

    def plus(self, later: Changes) -> Changes:
        """These changes, then the later ones; the reservation stays this one's."""
        return replace(
            self,
            granted=(*self.granted, *later.granted),
            returned=(*self.returned, *later.returned),
            last_progress=max(self.last_progress, later.last_progress),
            paused_until=max(self.paused_until, later.paused_until),
            refusal=max(self.refusal, later.refusal),
        )

    def minus(self, published: Changes) -> Changes:
        """What came after `published`, with which these changes began."""
        newer_refusal = self.refusal > published.refusal
        return Changes(
            self.granted[len(published.granted) :],
            self.returned[len(published.returned) :],
            self.last_progress if self.last_progress > published.last_progress else NEVER,
            self.paused_until if self.paused_until > published.paused_until else NEVER,
            refusal=self.refusal if newer_refusal else Refusal(),
        )

    def applied_to(self, ledger: Ledger, process: str) -> Ledger:
        """The ledger with these changes of that process in it."""
        granted = sorted((*ledger.granted, *self.granted))
        for at in self.returned:
            with suppress(ValueError):
                granted.remove(at)
        reservations = {who: each for who, each in ledger.reservations.items() if who != process}
        if self.reservation.answers:
            reservations[process] = self.reservation
        return Ledger(
            tuple(granted),
            ledger.total + len(self.granted),
            max(ledger.last_progress, self.last_progress),
            max(ledger.paused_until, self.paused_until),
            MappingProxyType(reservations),
            max(ledger.refusal, self.refusal),
        )


class LedgerStore(Protocol):
    """Keeps one ledger where every process that shares it sees it."""

    async def publish(
        self, process: str, changes: Changes, seen: Ledger, headroom: int | None, now: float
    ) -> tuple[bool, Ledger]:
        """Adds a process's changes to the ledger. Returns whether that was done, and the ledger as
        it is kept now. Raises StoreError.

        `seen`: what the last call here returned. Refused are grants that were decided on an
        outdated ledger: it is paused now, or since `seen` other processes were granted more than
        `headroom` calls, or the changes show progress and another process showed some. None for
        `headroom` skips these checks: nothing is granted. A pause is refused once if a longer one
        was not seen yet.
        """
        ...

    async def read(self) -> Ledger:
        """The ledger as it is kept now. Raises StoreError."""
        ...


class InMemoryStore:
    """`LedgerStore` for processes in one memory. Grants count for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._ledger = Ledger()
        self._seconds = seconds

    async def publish(
        self, process: str, changes: Changes, seen: Ledger, headroom: int | None, now: float
    ) -> tuple[bool, Ledger]:
        """Add a process's changes unless they are refused, as `LedgerStore.publish` says."""
        if headroom is not None:
            crowded = self._ledger.total - seen.total > headroom
            progressed = self._ledger.last_progress != seen.last_progress
            paused = self._ledger.paused_until > now
            if paused or crowded or (progressed and changes.last_progress > NEVER):
                return False, self._ledger
        ledger = changes.applied_to(self._ledger, process)
        start = bisect_right(ledger.granted, now - self._seconds)
        self._ledger = replace(ledger, granted=ledger.granted[start:])
        return True, self._ledger

    async def read(self) -> Ledger:
        """The ledger as it is now."""
        return self._ledger
