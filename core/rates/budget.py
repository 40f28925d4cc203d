"""What each conversation may call: the limiters of a workspace, shared by its conversations."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from operator import itemgetter

from core.ports.rates import Call, Priority
from core.rates.ledger import InMemoryStore, LedgerStore, Quota, Rate
from core.rates.limiter import Limiter
from core.runtime.tasks import together

__all__ = ["Budgets", "ConversationBudget", "LedgerStores", "Quota", "Rate", "WorkspaceBudget"]

LedgerStores = Callable[[str, str, float], LedgerStore]
"""The store of a ledger: by workspace and name, and how many seconds its grants count."""
EVICTION_STEPS = 8
"""Limiters looked at when a conversation asks for its own: more than it adds."""
MAX_LIMITERS = 1024
"""Limiters beyond which idle ones are evicted."""


class WorkspaceBudget:
    """One workspace's limiters. `of` gives a conversation its view of them.

    `store` gives the place where the ledger of that name, whose grants count for so many seconds,
    is shared with other processes. They all go by the same `clock`, in whole milliseconds.
    """

    def __init__(
        self,
        quotas: tuple[Quota, ...],
        clock: Callable[[], float],
        store: Callable[[str, float], LedgerStore] | None = None,
    ) -> None:
        self._quotas = quotas
        self._clock = clock
        self._store = store or (lambda _, seconds: InMemoryStore(seconds))
        self._limiters: OrderedDict[str, Limiter] = OrderedDict()

    def of(self, channel: str, quotas: tuple[Quota, ...] = ()) -> ConversationBudget:
        """The budget of one channel or chat: each call counts in its own limiter, a shared one, or
        both.

        `quotas`: where others than the workspace's apply. Limiters of quotas in both are shared.
        """
        self._evict_idle()
        limiters: dict[Call, list[Limiter]] = {call: [] for call in Call}
        for quota in quotas or self._quotas:
            # ends in "#": earlier releases put a thread behind the channel
            name = f"{quota.name}#{channel if quota.by == 'channel' else ''}#"
            if name in self._limiters:
                self._limiters.move_to_end(name)
            else:
                store = self._store(name, quota.longest)
                self._limiters[name] = Limiter(quota, self._clock, store)
            for call in quota.calls:
                limiters[call].append(self._limiters[name])
        return ConversationBudget(limiters, channel)

    def _evict_idle(self) -> None:
        """Evicts idle limiters, the least recently used first.

        Looks at a few only, so that a turn costs the same in a crowd; as these are more than a
        conversation adds, the crowd is gone after as many turns.
        """
        for _ in range(min(EVICTION_STEPS, len(self._limiters) - MAX_LIMITERS)):
            name, limiter = next(iter(self._limiters.items()))
            if limiter.idle:
                del self._limiters[name]
            else:
                self._limiters.move_to_end(name)


class Budgets:
    """The budgets of a platform's workspaces."""

    def __init__(self, platform: str, quotas: tuple[Quota, ...], ledgers: LedgerStores) -> None:
        self._platform = platform
        self._quotas = quotas
        self._ledgers = ledgers
        self._workspaces: dict[str, WorkspaceBudget] = {}

    def of(self, tenant: str) -> WorkspaceBudget:
        """The budget of one workspace or tenant."""
        if tenant not in self._workspaces:
            store = partial(self._ledgers, f"{self._platform}/{tenant}")
            self._workspaces[tenant] = WorkspaceBudget(self._quotas, _milliseconds, store)
        return self._workspaces[tenant]


def _milliseconds() -> float:
    """Seconds since 1970, as all processes count them, in the precision in which they are kept."""
    return round(time.time(), 3)


class ConversationBudget:
    """`core.ports.rates.Budget`: each call needs a grant of every limiter it counts in."""

    def __init__(self, limiters: Mapping[Call, list[Limiter]], channel: str) -> None:
        self._limiters = limiters
        self._channel = sha256(channel.encode()).hexdigest()[:8]

    async def spend(self, call: Call, priority: Priority) -> None:
        """Wait for a grant of every limiter that counts the call, and use it."""
        held = await _acquire_all(self._limiters[call], priority)
        for limiter, granted_at in held.items():
            limiter.use(granted_at)

    def wait_for(self, call: Call, priority: Priority) -> float:
        """Seconds until all limiters could grant such a call if it were requested now."""
        return max((each.wait_for(priority) for each in self._limiters[call]), default=0.0)

    def pause(self, call: Call, seconds: float) -> None:
        """A limiter that needs a second refusal is paused only if another channel is refused."""
        limiters = self._limiters[call]
        paused = [each for each in limiters if not each.needs_second_refusal] or limiters
        for limiter in limiters:
            if limiter in paused:
                limiter.pause(seconds)
            else:
                limiter.refused_in(self._channel, seconds)

    async def published(self) -> None:
        """Returns once the other processes can see what changed here, to be at rest then."""
        every = {limiter for each in self._limiters.values() for limiter in each}
        await together(*(limiter.published() for limiter in every))

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While an answer runs, one edit stays reserved for its end."""
        edits = self._limiters[Call.EDIT]
        for limiter in edits:
            limiter.reserve(1)
        try:
            yield
        finally:
            for limiter in edits:
                limiter.reserve(-1)


async def _acquire_all(limiters: Sequence[Limiter], priority: Priority) -> dict[Limiter, float]:
    """A grant of each limiter, with its time; all of about the same time.

    A channel's grants that waited for the workspace's would otherwise all be used at once, when
    that one comes. So what has to be waited for is acquired first, then what can be had at once;
    grants that became stale meanwhile are given back.
    """
    held: dict[Limiter, float] = {}
    try:
        while missing := [each for each in limiters if each not in held]:
            wait, slowest = max(
                ((each.wait_for(priority), each) for each in missing), key=itemgetter(0)
            )
            await _acquire([slowest] if wait else missing, priority, held)
            newest = max(held.values())
            if any(each.is_stale(at, newest) for each, at in held.items()):
                _give_back(held)
    except BaseException:
        _give_back(held)
        raise
    return held


def _give_back(held: dict[Limiter, float]) -> None:
    for limiter, granted_at in held.items():
        limiter.give_back(granted_at)
    held.clear()


async def _acquire(
    limiters: Sequence[Limiter], priority: Priority, held: dict[Limiter, float]
) -> None:
    """Adds a grant of each to those held, also when it is cancelled."""

    async def one(limiter: Limiter) -> None:
        held[limiter] = await limiter.acquire(priority)

    await together(*map(one, limiters))
