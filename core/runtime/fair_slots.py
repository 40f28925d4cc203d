"""Who of those that wait for a slot gets the next one: each kind of work has slots of its own, and
nobody's work takes more than a share of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

PERSONS_SHARE, PLACES_SHARE = 4, 2
"""A person has at most this part of a kind's slots, and a place: a fourth and half of them."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a piece of work is, for whom, and where; an empty `person` or `place` has no share."""

    kind: str
    person: str = ""
    place: str = ""


class FairSlots:
    """One for a queue. `limits` are the slots of each kind; other kinds have no limit.

    Of those that wait for a kind's slot, the person with the fewest slots is next, then whoever has
    waited longest.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._taken: Counter[tuple[str, str, str]] = Counter()
        """Slots by kind, what they are counted by, and whose they are."""
        self._waiting: dict[asyncio.Future[None], Ticket] = {}

    @property
    def total(self) -> int:
        """The slots of all kinds."""
        return sum(self._limits.values())

    @asynccontextmanager
    async def held(self, ticket: Ticket) -> AsyncIterator[None]:
        """Waits for a slot, and holds it during the block."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = ticket
        self._admit(ticket.kind)
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(turn, None) is None:
                self._leave(ticket)  # it had just got one
            raise
        try:
            yield
        finally:
            self._leave(ticket)

    def _leave(self, ticket: Ticket) -> None:
        for key in _counted(ticket):
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
        self._admit(ticket.kind)

    def _admit(self, kind: str) -> None:
        """Gives free slots of a kind to those that wait for them."""
        while True:
            fit = [t for t, each in self._waiting.items() if each.kind == kind and self._fits(each)]
            if not fit:
                return
            turn = min(fit, key=lambda each: self._held_by_person(self._waiting[each]))
            ticket = self._waiting.pop(turn)
            self._taken.update(_counted(ticket))
            turn.set_result(None)

    def _fits(self, ticket: Ticket) -> bool:
        if ticket.kind not in self._limits:
            return True
        limit = self._limits[ticket.kind]
        most = {"kind": limit}
        most["person"] = max(1, limit // PERSONS_SHARE)
        most["place"] = max(1, limit // PLACES_SHARE)
        return all(self._taken[key] < most[key[1]] for key in _counted(ticket))

    def _held_by_person(self, ticket: Ticket) -> int:
        return self._taken[ticket.kind, "person", ticket.person]


def _counted(ticket: Ticket) -> list[tuple[str, str, str]]:
    whose = (("kind", ticket.kind), ("person", ticket.person), ("place", ticket.place))
    return [(ticket.kind, by, name) for by, name in whose if name]
