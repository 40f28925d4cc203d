"""Picks the waiters that may make their calls now, by what is known of a ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.ports.rates import Priority
from core.rates.ledger import NEVER, Changes, Ledger, Quota

REFRESH_AFTER = 2.0
"""Seconds after which a ledger is read again: other processes may have reserved or used more."""
OUTDATED_AFTER = 3_600.0
"""The same for finals, which need no reservation: by then the ledger may have been deleted."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """A caller that waits for a grant; `future` gets the time of it."""

    priority: Priority
    future: asyncio.Future[float]


@dataclass(slots=True)
class Grants:
    """The waiters to grant now, and the ledger with these grants in it.

    `next_at`: when the first of the others may be granted. `headroom`: how many calls other
    processes may have been granted meanwhile without these breaking a rate; None without grants.
    """

    ledger: Ledger
    waiters: list[Waiter] = field(default_factory=list)
    next_at: float = float("inf")
    headroom: int | None = None

    def changes(self, now: float) -> Changes:
        """The grants as changes to publish."""
        progress = any(each.priority is Priority.PROGRESS for each in self.waiters)
        return Changes((now,) * len(self.waiters), last_progress=now if progress else NEVER)

    @property
    def max_age(self) -> float:
        """Seconds that the ledger may be old for these grants."""
        if any(each.priority is not Priority.FINAL for each in self.waiters):
            return REFRESH_AFTER
        return OUTDATED_AFTER


def next_grants(waiters: Iterable[Waiter], ledger: Ledger, quota: Quota, now: float) -> Grants:
    """Goes through the waiters in their order up to the first that has to wait."""
    grants = Grants(ledger)
    for waiter in waiters:
        at = grants.ledger.ready_at(quota, waiter.priority, now)
        if at > now:
            grants.next_at = at
            break
        others = grants.ledger.available(quota, waiter.priority, now) - 1
        grants.headroom = others if grants.headroom is None else min(grants.headroom, others)
        grants.ledger = grants.ledger.with_grant(waiter.priority, now)
        grants.waiters.append(waiter)
    return grants
