"""Which open turns are to be queued anew, and in which order. Pure.

A conversation's questions stand in one group of a FIFO queue, so they are answered in their order
as long as nobody queues one past another. Hence:

1. Only the first open turn of a group may be queued anew: those behind it wait.
2. It is lost when its worker's lease ended, or when it was handed to a worker that never began.
   The latter is told from a backlog by the others: in a backlog nobody is overtaken, and somebody
   is at work.
3. A turn that was handed over and never begun blocks its group for as long as the queue hides it.
   So the whole group is queued anew, in its order, in one line past the blocked one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNTAKEN = 60.0
"""Seconds after which a turn that nobody took may be lost."""
SHOWN_AGAIN = 1_800.0
"""Seconds after which the queue shows such a turn by itself."""
ORPHANED = 15.0
"""Seconds after the end of its lease that a turn counts as abandoned."""
AGAIN = 120.0
"""Seconds after which what still nobody takes may be queued once more."""
OVERTAKEN = 60.0
"""Seconds by which a turn must be younger than another that it shows to be overtaken: queues keep
the order of their groups only roughly."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn that is not answered yet; times are seconds since 1970.

    `group` is what is answered in order. `since`: when it was queued, or taken where nobody noted
    it before (`noted`). `lease` is None where no worker took it. `requeued` is when it was last
    queued anew, 0 for never.
    """

    event_id: str
    group: str
    since: float
    noted: bool = False
    lease: float | None = None
    requeued: float = 0.0


def lost(turns: Iterable[OpenTurn], now: float) -> list[tuple[OpenTurn, Sequence[OpenTurn]]]:
    """Lost turns, oldest first, each with those to be queued behind it."""
    groups = defaultdict[str, list[OpenTurn]](list)
    for each in sorted(turns, key=lambda turn: (turn.since, turn.event_id)):
        groups[each.group].append(each)
    at_work = [
        each
        for group in groups.values()
        for each in group
        if each.lease is not None and each.lease > now
    ]
    found: list[tuple[OpenTurn, Sequence[OpenTurn]]] = []
    for first, *behind in groups.values():
        if any(each.lease is not None and each.lease > now for each in (first, *behind)):
            continue
        if not _lost(first, at_work, now):
            continue
        blocked = first.lease is None or bool(first.requeued)
        found.append((first, behind if blocked else ()))
    return found


def _lost(turn: OpenTurn, at_work: Sequence[OpenTurn], now: float) -> bool:
    if turn.requeued:
        return now - turn.requeued >= AGAIN and _passed_over(turn.requeued, at_work)
    if turn.lease is not None:
        return turn.lease < now - ORPHANED
    return UNTAKEN <= now - turn.since < SHOWN_AGAIN and _passed_over(turn.since, at_work)


def _passed_over(since: float, at_work: Sequence[OpenTurn]) -> bool:
    """Whether workers are idle, or at work on what was queued later."""
    later = (each.noted and each.since >= since + OVERTAKEN for each in at_work)
    return not at_work or any(later)
