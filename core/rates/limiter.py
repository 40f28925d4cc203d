"""Calls that count together, shared out: finals first, then first text, then progress.

What was granted is a `core.rates.ledger.Tally`; a bucket has those who wait for more of it. A
process that shares a tally with others reads it off what a grant meets: a grant counts once the
store has it, and is made over what the others were granted meanwhile. Of those who wait here the
most urgent go first, then the longest-waiting; between processes that show progress it is left to
chance.

While the store does not answer, a process goes by what it knows, and tells the others later.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import count
from random import Random
from uuid import uuid4

from core.ports.rates import Priority
from core.ports.store_error import StoreError
from core.rates.ledger import NEVER, News, OwnStore, Quota, Store, Tally
from core.rates.scheduler import LOOK, Grants, Waiting, granted
from core.runtime.backoff import doubled

log = logging.getLogger(__name__)

HELD = 90.0
"""Seconds that other processes keep an edit for an answer of one they do not hear from."""
AGAIN = 0.5
"""Seconds until a store that does not answer is tried again; they double, up to `RARELY`."""
RARELY = 10.0
ANSWERS_IN = 3.0
"""Seconds that it has to answer."""
CLASH, LONGEST_CLASH = 0.01, 0.32
"""Seconds of the first pause after another process was faster; it doubles, to the longest."""
STALE = 0.15
"""The part of a window, and at most `OLD` seconds, after which a grant is too old to be used."""
OLD = 1.5
SLIGHT = 0.02
"""The part of a window that its margin covers: a call that comes later is counted anew."""


class Bucket:
    """What counts together, and those who wait for it."""

    def __init__(
        self,
        quota: Quota,
        clock: Callable[[], float],
        store: Store | None = None,
        chance: Random | None = None,
    ) -> None:
        self._quota = quota
        self._clock = clock
        self._store = store or OwnStore(quota.longest)
        self._chance = chance or Random()  # noqa: S311 - who goes first is no secret
        self._me = uuid4().hex[:8]
        self._seen: Tally | None = None
        self._seen_at = NEVER
        self._waiting: list[Waiting] = []
        self._order = count()
        self._answers = 0
        self._untold = News()
        self._paused_until = NEVER
        self._silent_until = NEVER
        self._clashes = 0
        self._failures = 0
        self._changed = asyncio.Event()
        self._told = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    async def spend(self, priority: Priority) -> float:
        """Returns once a call of this priority is granted, with the time of that."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), future))
        self._wake()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back(future.result())  # granted, never made
            future.cancel()
            self._wake()
            raise

    def give_back(self, at: float) -> None:
        """What was granted then is not made."""
        self._untold = self._untold.plus(News(returned=(at,)))
        self._wake()

    def move(self, at: float) -> None:
        """What was granted then is made only now."""
        now = self._clock()
        if now - at > min(OLD / 2, SLIGHT * self._quota.shortest):
            self._untold = self._untold.plus(News(granted=(now,), returned=(at,)))
            self._wake()

    def is_stale(self, at: float, made: float) -> bool:
        """Whether what was granted then may not be `made` that much later."""
        return made - at > min(OLD, STALE * self._quota.shortest)

    def pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._untold = self._untold.plus(News(paused_until=self._paused_until))
        self._wake()

    def suspect(self, seconds: float, whose: str) -> None:
        """A narrower count is paused for so long; where another is already, this one is too."""
        now = self._clock()
        until, another = self._tally(now).suspected
        if until > now and another != whose:
            self.pause(seconds)
            return
        self._untold = self._untold.plus(News(suspected=(now + seconds, whose)))
        self._wake()

    def keep(self, finals: int) -> None:
        """Keeps this many grants more (or fewer, if negative) for finals."""
        self._answers += finals
        self._wake()

    async def told(self) -> None:
        """Returns once the others could know what changed here, or cannot be told now."""
        while self._has_news(now := self._clock()) and self._silent_until <= now:
            self._wake()
            self._told.clear()
            await self._told.wait()

    def wait_for(self, priority: Priority) -> float:
        """Seconds until a call of this priority would be granted, those before it counted."""
        now = self._clock()
        ahead = sum(1 for p, _, f in self._waiting if p <= priority and not f.done())
        return max(0.0, self._tally(now).ready_at(self._quota, priority, now, ahead) - now)

    @property
    def is_spared(self) -> bool:
        return self._quota.spared

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it."""
        now = self._clock()
        tally = self._tally(now)
        used = tally.granted or tally.paused_until > now
        return not (used or self._waiting or self._answers or self._has_news(now))

    def _tally(self, now: float) -> Tally:
        """What was granted, to others and here, what they do not know yet included."""
        tally = self._news(now).over(self._seen or Tally(), self._me)
        paused = max(tally.paused_until, self._paused_until)
        return replace(tally, paused_until=paused).current(self._quota, now)

    def _news(self, now: float) -> News:
        return replace(self._untold, running=(self._answers, now + HELD))

    def _has_news(self, now: float) -> bool:
        """Whether the others should be told of something."""
        running = self._seen.running if self._seen else {}
        said, until = running.get(self._me, (0, NEVER))
        lapses = bool(self._answers) and until - now < HELD / 2
        return self._untold != News() or said != self._answers or lapses

    def _wake(self) -> None:
        self._changed.set()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._pumping())

    async def _pumping(self) -> None:
        """Grants, and tells, until nobody waits and nothing is new."""
        try:
            while await self._step():
                pass
        except Exception as exc:
            log.exception("a budget failed")
            self._silent_until = self._clock() + AGAIN
            for _, _, future in self._waiting:
                if not future.done():
                    future.set_exception(exc)
        finally:
            self._told.set()

    async def _step(self) -> bool:
        """Does what can be done now, or waits for more; False when there is nothing to wait for."""
        self._changed.clear()
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)
        now = self._clock()
        grants = self._grants(now)
        if self._silent_until > now:
            if grants.served:
                self._untold = self._untold.plus(grants.news(now))
                self._give(grants, now)
            elif self._waiting or self._has_news(now):
                await self._unless_changed(min(grants.next_at, self._silent_until) - now)
            else:
                return False
        elif grants.urgency < now - self._seen_at:
            await self._look()
        elif grants.served or self._has_news(now):
            await self._tell(grants, now)
        elif self._waiting:
            await self._wait(grants, now)
        else:
            return False
        return True

    def _grants(self, now: float) -> Grants:
        """What can be granted, by what is known here."""
        return granted(self._waiting, self._tally(now), self._quota, now)

    async def _look(self) -> None:
        """Learns what others were granted."""
        try:
            async with _in_time():
                self._seen = await self._store.read()
            self._seen_at = self._clock()
        except StoreError as exc:
            self._silence(exc)

    async def _tell(self, grants: Grants, now: float) -> None:
        """Grants, unless others were faster, and tells what is new."""
        untold = self._untold
        news = self._news(now).plus(grants.news(now))
        until = now + max(self._quota.longest, HELD)
        try:
            async with _in_time():
                done, self._seen = await self._store.tell(
                    self._me, news, self._seen, grants.spare, until
                )
        except StoreError as exc:
            self._silence(exc)
            return
        self._seen_at = self._clock()
        self._failures = 0
        if done:
            self._clashes = 0
            self._untold = self._untold.minus(untold)
            self._give(grants, now)
        else:
            self._clashes += 1
            await asyncio.sleep(
                self._chance.uniform(0, doubled(CLASH, self._clashes, LONGEST_CLASH))
            )
        self._told.set()

    def _silence(self, error: StoreError) -> None:
        log.warning("a budget is not shared for now: %s", error)
        self._silent_until = self._clock() + doubled(AGAIN, self._failures, RARELY)
        self._failures += 1
        self._told.set()

    def _give(self, grants: Grants, now: float) -> None:
        for _, future in grants.served:
            if future.done():
                self._untold = self._untold.plus(News(returned=(now,)))  # gave up meanwhile
            else:
                future.set_result(now)

    async def _wait(self, grants: Grants, now: float) -> None:
        """Waits until the first could be served; looks now and then whether that is sooner."""
        at = grants.next_at
        others = sum(who != self._me for who in grants.tally.running)
        priority = self._waiting[0][0]
        if not others or priority == Priority.FINAL:
            await self._unless_changed(at - now)
            return
        if priority == Priority.PROGRESS:
            # each process in its turn on average, or all would ask for every grant
            spacing = min(at - max(grants.tally.progress, now - LOOK), LOOK)
            at += self._chance.uniform(0, others * spacing)
        look = self._chance.uniform(LOOK / 2, LOOK)
        if not await self._unless_changed(min(at - now, look)) and at - now > look:
            await self._look()

    async def _unless_changed(self, seconds: float) -> bool:
        """Waits so long, or until something changes here; True if it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + 1e-4):
                await self._changed.wait()
            return True
        return False


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWERS_IN):
            yield
    except TimeoutError as exc:
        raise StoreError("no answer") from exc
