"""Who of those that wait for a call may make it, by what is known of a tally."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.ports.rates import Priority
from core.rates.ledger import NEVER, News, Quota, Tally

OLDEST = 3_600.0
"""Seconds that what is known of a tally is of use: it may have begun anew."""
LOOK = 2.0
"""Seconds after which a process that waits looks what others have left."""

Waiting = tuple[int, int, asyncio.Future[float]]
"""Its priority, its place among those of the same, and what tells it when it was granted."""


@dataclass(slots=True)
class Grants:
    """Who is served now, the tally with them in it, and when the next could be.

    `spare`: so many calls more may have been granted elsewhere.
    """

    tally: Tally
    served: list[tuple[Priority, asyncio.Future[float]]] = field(default_factory=list)
    next_at: float = float("inf")
    spare: int | None = None

    def news(self, now: float) -> News:
        progress = any(priority is Priority.PROGRESS for priority, _ in self.served)
        return News((now,) * len(self.served), progress=now if progress else NEVER)

    @property
    def urgency(self) -> float:
        """How old what is known may be, in seconds: what is kept for finals changes."""
        if any(priority is not Priority.FINAL for priority, _ in self.served):
            return LOOK
        return OLDEST


def granted(waiting: Iterable[Waiting], tally: Tally, quota: Quota, now: float) -> Grants:
    """The most urgent first, then the longest-waiting."""
    grants = Grants(tally)
    for number, _, future in sorted(waiting):
        if future.done():
            continue
        priority = Priority(number)
        at = grants.tally.ready_at(quota, priority, now)
        if at > now:
            grants.next_at = at
            break
        room = grants.tally.room(quota, priority, now) - 1
        grants.spare = room if grants.spare is None else min(grants.spare, room)
        grants.tally = grants.tally.grant(priority, now)
        grants.served.append((priority, future))
    return grants
