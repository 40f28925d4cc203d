"""Grants the calls of one quota to those who wait: finals first, then first text, then progress.

A limiter is one process's side of a ledger (`core.rates.ledger`). It picks the next waiters by the
ledger as it last saw it and publishes their grants; a grant counts once the store has accepted it,
and a refused one is decided again on the ledger that came back. While the store does not answer,
the limiter goes by what it knows and publishes later. README.md in this room has its states and a
worked example.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from operator import attrgetter
from random import Random
from uuid import uuid4

from core.ports.rates import Priority
from core.ports.store_error import StoreError
from core.rates.ledger import (
    NEVER,
    Changes,
    InMemoryStore,
    Ledger,
    LedgerStore,
    Quota,
    Refusal,
    Reservation,
)
from core.rates.scheduler import REFRESH_AFTER, Grants, Waiter, next_grants
from core.runtime.backoff import doubled
from core.runtime.tasks import Background

log = logging.getLogger(__name__)

LEASE = 90.0
"""Seconds that a reservation holds without being renewed."""
FIRST_RETRY, LONGEST_RETRY = 0.5, 10.0
"""Seconds until a store that does not answer is tried again; they double, to the longest."""
STORE_TIMEOUT = 3.0
"""Seconds that the store has to answer."""
FIRST_BACKOFF, LONGEST_BACKOFF = 0.01, 0.32
"""Seconds of the first pause after another process was faster; it doubles, to the longest."""
STALE_PART, STALE_AFTER = 0.15, 1.5
"""The part of a window, and at most these seconds, after which a grant is too old to be used."""
MARGIN_PART = 0.02
"""The part of a window that its margin covers: a call made later than that is dated again."""


class Limiter:
    """The waiters for calls of one quota, and what this process has not published yet."""

    def __init__(
        self,
        quota: Quota,
        clock: Callable[[], float],
        store: LedgerStore | None = None,
        random: Random | None = None,
    ) -> None:
        self._quota = quota
        self._clock = clock
        self._store = store or InMemoryStore(quota.longest)
        self._random = random or Random()  # noqa: S311 - who goes first is no secret
        self._process = uuid4().hex[:8]
        self._seen = Ledger()
        self._seen_at = NEVER
        self._unpublished = Changes()
        self._answers = 0
        self._waiters: list[Waiter] = []
        self._offline_until = NEVER
        self._conflicts = 0
        self._failures = 0
        self._changed = asyncio.Event()
        self._published = asyncio.Event()
        self._background = Background()
        self._runner: asyncio.Task[None] | None = None

    async def acquire(self, priority: Priority) -> float:
        """Returns once a call of this priority is granted, with the time of the grant."""
        waiter = Waiter(priority, asyncio.get_running_loop().create_future())
        insort(self._waiters, waiter, key=attrgetter("priority"))  # behind its equals
        self._wake()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled():
                self.give_back(waiter.future.result())  # granted, never made
            waiter.future.cancel()
            self._wake()
            raise

    def give_back(self, granted_at: float) -> None:
        """The call that was granted then is not made."""
        self._change(Changes(returned=(granted_at,)))

    def use(self, granted_at: float) -> None:
        """The call that was granted then is made now, and counts from now if that is later."""
        now = self._clock()
        if now - granted_at > min(STALE_AFTER / 2, MARGIN_PART * self._quota.shortest):
            self._change(Changes(granted=(now,), returned=(granted_at,)))

    def is_stale(self, granted_at: float, made_at: float) -> bool:
        """Whether a call granted then may not be made that late."""
        return made_at - granted_at > min(STALE_AFTER, STALE_PART * self._quota.shortest)

    def pause(self, seconds: float) -> None:
        """Grants nothing for so long, in any process."""
        self._change(Changes(paused_until=self._clock() + seconds))

    def refused_in(self, channel: str, seconds: float) -> None:
        """A channel was refused and its narrower quota paused; a second channel pauses this one."""
        now = self._clock()
        until, other = self._ledger(now).refusal
        if until > now and other != channel:
            self.pause(seconds)
        else:
            self._change(Changes(refusal=Refusal(now + seconds, channel)))

    def reserve(self, answers: int) -> None:
        """Reserves so many grants more for finals, or fewer if negative."""
        self._answers += answers
        self._wake()

    async def published(self) -> None:
        """Returns once the other processes can see what changed here, or the store is offline."""
        while self._has_changes(now := self._clock()) and self._offline_until <= now:
            self._wake()
            self._published.clear()
            await self._published.wait()

    def wait_for(self, priority: Priority) -> float:
        """Seconds until a new waiter of this priority would be granted its call."""
        now = self._clock()
        ahead = sum(1 for w in self._waiters if w.priority <= priority and not w.future.done())
        return max(0.0, self._ledger(now).ready_at(self._quota, priority, now, ahead) - now)

    @property
    def needs_second_refusal(self) -> bool:
        """Whether this quota is paused only after two channels were refused (`Quota`)."""
        return self._quota.needs_second_refusal

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with this limiter."""
        now = self._clock()
        ledger = self._ledger(now)
        used = ledger.granted or ledger.paused_until > now
        return not (used or self._waiters or self._answers or self._has_changes(now))

    def _ledger(self, now: float) -> Ledger:
        """The ledger as last seen, with what this process has not published yet."""
        return self._changes(now).applied_to(self._seen, self._process).current(self._quota, now)

    def _changes(self, now: float) -> Changes:
        """What is to be published: the reservation is always part of it."""
        return replace(self._unpublished, reservation=Reservation(self._answers, now + LEASE))

    def _has_changes(self, now: float) -> bool:
        """Whether there is something to publish; a reservation is renewed at half its time."""
        answers, until = self._seen.reservations.get(self._process, Reservation())
        lapses = bool(self._answers) and until - now < LEASE / 2
        return self._unpublished != Changes() or answers != self._answers or lapses

    def _change(self, changes: Changes) -> None:
        self._unpublished = self._unpublished.plus(changes)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        if self._runner is None or self._runner.done():
            self._runner = self._background.begin(self._run())

    async def _run(self) -> None:
        """Grants and publishes until nobody waits and nothing has changed."""
        try:
            while await self._step():
                pass
        except Exception as exc:
            log.exception("a rate limiter failed")
            self._offline_until = self._clock() + FIRST_RETRY
            for waiter in self._waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(exc)
        finally:
            self._published.set()

    async def _step(self) -> bool:
        """One step of the state diagram in README.md; False when the limiter is idle."""
        self._changed.clear()
        self._waiters = [each for each in self._waiters if not each.future.done()]
        now = self._clock()
        if not self._waiters and not self._has_changes(now):
            return False
        grants = next_grants(self._waiters, self._ledger(now), self._quota, now)
        if self._offline_until > now:
            await self._step_offline(grants, now)
        elif now - self._seen_at > grants.max_age:
            await self._refresh()
        elif grants.waiters or self._has_changes(now):
            await self._publish(grants, now)
        else:
            await self._wait(grants, now)
        return True

    async def _step_offline(self, grants: Grants, now: float) -> None:
        """Grants without asking the store, or waits for it or for the next grant."""
        if grants.waiters:
            self._unpublished = self._unpublished.plus(grants.changes(now))
            self._grant(grants, now)
        else:
            await self._unless_changed(min(grants.next_at, self._offline_until) - now)

    async def _refresh(self) -> None:
        """Reads what other processes were granted."""
        try:
            async with _store_timeout():
                self._seen = await self._store.read()
            self._seen_at = self._clock()
        except StoreError as exc:
            self._go_offline(exc)

    async def _publish(self, grants: Grants, now: float) -> None:
        """Publishes the grants and what else changed; grants them unless others were faster."""
        unpublished = self._unpublished
        changes = self._changes(now).plus(grants.changes(now))
        try:
            async with _store_timeout():
                accepted, self._seen = await self._store.publish(
                    self._process, changes, self._seen, grants.headroom, now
                )
        except StoreError as exc:
            self._go_offline(exc)
            return
        self._seen_at = self._clock()
        self._failures = 0
        if accepted:
            self._conflicts = 0
            self._unpublished = self._unpublished.minus(unpublished)
            self._grant(grants, now)
        else:
            self._conflicts += 1
            longest = doubled(FIRST_BACKOFF, self._conflicts, LONGEST_BACKOFF)
            await asyncio.sleep(self._random.uniform(0, longest))
        self._published.set()

    def _go_offline(self, error: StoreError) -> None:
        log.warning("a rate is not shared for now: %s", error)
        self._offline_until = self._clock() + doubled(FIRST_RETRY, self._failures, LONGEST_RETRY)
        self._failures += 1
        self._published.set()

    def _grant(self, grants: Grants, now: float) -> None:
        for waiter in grants.waiters:
            if waiter.future.done():  # gave up meanwhile
                self._unpublished = self._unpublished.plus(Changes(returned=(now,)))
            else:
                waiter.future.set_result(now)

    async def _wait(self, grants: Grants, now: float) -> None:
        """Waits until the next waiter may be granted; refreshes now and then, as others may end."""
        at = grants.next_at
        others = sum(each != self._process for each in grants.ledger.reservations)
        priority = self._waiters[0].priority
        if not others or priority == Priority.FINAL:
            await self._unless_changed(at - now)
            return
        if priority == Priority.PROGRESS:
            # each process in its turn on average, or all would ask for every grant
            spacing = min(at - max(grants.ledger.last_progress, now - REFRESH_AFTER), REFRESH_AFTER)
            at += self._random.uniform(0, others * spacing)
        refresh = self._random.uniform(REFRESH_AFTER / 2, REFRESH_AFTER)
        if not await self._unless_changed(min(at - now, refresh)) and at - now > refresh:
            await self._refresh()

    async def _unless_changed(self, seconds: float) -> bool:
        """Waits so long, or until something changes here; True if it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + 1e-4):
                await self._changed.wait()
            return True
        return False


@asynccontextmanager
async def _store_timeout() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(STORE_TIMEOUT):
            yield
    except TimeoutError as exc:
        raise StoreError("no answer") from exc
