"""The calls a workspace may make, shared out among its conversations (`core.rates.limiter`)."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from operator import itemgetter

from core.ports.rates import Call, Priority
from core.rates.ledger import OwnStore, Quota, Rate, Store
from core.rates.limiter import Bucket
from core.runtime.tasks import ended

__all__ = ["Budgets", "ConversationBudget", "Quota", "Rate", "SharedTally", "WorkspaceBudget"]

SharedTally = Callable[[str, str, float], Store]
"""Where a tally is shared: by workspace and name, and how many seconds its calls count."""
LOOKS = 8
"""Buckets that are looked at when a conversation asks for its own: more than come anew with it."""
MANY = 1024
"""Buckets of channels after which those that are not in use are dropped."""


class WorkspaceBudget:
    """One workspace's buckets. `of` gives a conversation its view of them.

    `store` gives the place where a tally of that name, whose calls count for so many seconds, is
    shared with other processes, which go by the same `clock`, in whole milliseconds.
    """

    def __init__(
        self,
        quotas: tuple[Quota, ...],
        clock: Callable[[], float],
        store: Callable[[str, float], Store] | None = None,
    ) -> None:
        self._quotas = quotas
        self._clock = clock
        self._store = store or (lambda _, seconds: OwnStore(seconds))
        self._buckets: OrderedDict[tuple[str, str, str], Bucket] = OrderedDict()

    def of(self, channel: str, quotas: tuple[Quota, ...] = ()) -> ConversationBudget:
        """The budget of one channel or chat: of each call one bucket, or its own and a shared one.

        `quotas` where others than the workspace's hold; those that are in both are shared.
        """
        self._tidy()
        buckets: dict[Call, list[Bucket]] = {call: [] for call in Call}
        for quota in quotas or self._quotas:
            # rows of earlier releases have a thread behind the channel
            key = (quota.name, channel if quota.by == "channel" else "", "")
            if key in self._buckets:
                self._buckets.move_to_end(key)
            else:
                self._buckets[key] = Bucket(
                    quota, self._clock, self._store("#".join(key), quota.longest)
                )
            for call in quota.calls:
                buckets[call].append(self._buckets[key])
        return ConversationBudget(buckets, channel)

    def _tidy(self) -> None:
        """Drops what is not in use, the longest unasked for first, and looks at a few only: more
        than come anew with a conversation, so that a crowd is gone after as many turns."""
        for _ in range(min(LOOKS, len(self._buckets) - MANY)):
            key, bucket = next(iter(self._buckets.items()))
            if bucket.idle:
                del self._buckets[key]
            else:
                self._buckets.move_to_end(key)


class Budgets:
    """The budgets of a platform's workspaces."""

    def __init__(self, platform: str, quotas: tuple[Quota, ...], tally: SharedTally) -> None:
        self._platform = platform
        self._quotas = quotas
        self._tally = tally
        self._workspaces: dict[str, WorkspaceBudget] = {}

    def of(self, tenant: str) -> WorkspaceBudget:
        if tenant not in self._workspaces:
            store = partial(self._tally, f"{self._platform}/{tenant}")
            self._workspaces[tenant] = WorkspaceBudget(self._quotas, _milliseconds, store)
        return self._workspaces[tenant]


def _milliseconds() -> float:
    """Seconds since 1970, as all processes count them, in the precision in which they are kept."""
    return round(time.time(), 3)


class ConversationBudget:
    """`core.ports.rates.Budget` over the buckets a conversation's calls count in."""

    def __init__(self, buckets: Mapping[Call, list[Bucket]], channel: str) -> None:
        self._buckets = buckets
        self._place = sha256(channel.encode()).hexdigest()[:8]

    async def spend(self, call: Call, priority: Priority) -> None:
        buckets = self._buckets[call]
        held = await _granted(buckets, priority)
        for bucket, at in held.items():
            bucket.move(at)

    def wait_for(self, call: Call, priority: Priority) -> float:
        return max((b.wait_for(priority) for b in self._buckets[call]), default=0.0)

    def pause(self, call: Call, seconds: float) -> None:
        """A count that is spared is paused with them when a second place is refused meanwhile."""
        buckets = self._buckets[call]
        narrow = [each for each in buckets if not each.is_spared] or buckets
        for bucket in narrow:
            bucket.pause(seconds)
        for bucket in buckets:
            if bucket not in narrow:
                bucket.suspect(seconds, self._place)

    async def told(self) -> None:
        """Returns once the other processes could know what changed here, to be at rest then."""
        every = {bucket for each in self._buckets.values() for bucket in each}
        await asyncio.gather(*(bucket.told() for bucket in every))

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


async def _granted(buckets: Sequence[Bucket], priority: Priority) -> dict[Bucket, float]:
    """A grant of each, at about the same time: else those that wait for the shared bucket would be
    made together.

    What has to be waited for is asked for first; what can be had at once, at the same time.
    """
    held: dict[Bucket, float] = {}
    try:
        while wanted := [each for each in buckets if each not in held]:
            wait, longest = max(
                ((each.wait_for(priority), each) for each in wanted), key=itemgetter(0)
            )
            await _spend_all([longest] if wait else wanted, priority, held)
            newest = max(held.values())
            if any(each.is_stale(at, newest) for each, at in held.items()):
                _give_back(held)
    except BaseException:
        _give_back(held)
        raise
    return held


def _give_back(held: dict[Bucket, float]) -> None:
    for bucket, at in held.items():
        bucket.give_back(at)
    held.clear()


async def _spend_all(
    buckets: Sequence[Bucket], priority: Priority, held: dict[Bucket, float]
) -> None:
    """Adds a grant of each to those held, cancelled or not."""
    tasks = {each: asyncio.create_task(each.spend(priority)) for each in buckets}
    try:
        await asyncio.wait(tasks.values())
    finally:
        await ended(tasks.values())
        for each, task in tasks.items():
            if not task.cancelled() and task.exception() is None:
                held[each] = task.result()
    for task in tasks.values():
        task.result()
