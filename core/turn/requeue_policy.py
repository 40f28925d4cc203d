"""Decides which open turns are to be queued again, and in which order. Pure.

A conversation's questions share one group of a FIFO queue, so they are answered in order unless one
is queued past another. Hence:

1. Only the first open turn of a group may be queued again; those behind it wait.
2. It is lost if its worker's lease ended, or if it was delivered to a worker that never began it.
   The latter differs from a backlog: in a backlog no later turn is being answered, and some worker
   is busy.
3. A turn that was delivered and never begun blocks its group for as long as the queue hides it. So
   the whole group is queued again, in order, in another message group that is not blocked.
4. A turn that waits for documents has no worker, and is not lost. Once it could continue, it is
   lost if nobody takes it, which differs from a backlog as above.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNTAKEN = 60.0
"""Seconds after which a turn that no worker took may be lost."""
SHOWN_AGAIN = 1_800.0
"""Seconds after which the queue redelivers such a turn by itself."""
RESUMED = 30.0
"""Seconds within which a worker takes a turn that need not wait for documents any more."""
ORPHANED = 15.0
"""Seconds after the end of its lease when a turn counts as abandoned."""
AGAIN = 120.0
"""Seconds after which a turn that still no worker takes may be queued once more."""
OVERTAKEN = 60.0
"""Seconds by which a turn must be younger than another to prove that it overtook it: queues keep
the order between groups only roughly."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn that is not answered yet; times are seconds since the epoch.

    `group` is its message group, whose turns are answered in order. `since` is when it was queued,
    or if its receiver did not record that (`noted`), when it was taken. `lease` is None if no
    worker took it. `requeued` is when it was last queued again, 0 if never. `goes_on_at` is when a
    turn that waits for documents should continue, infinite if that is not known yet.
    """

    event_id: str
    group: str
    since: float
    noted: bool = False
    lease: float | None = None
    requeued: float = 0.0
    goes_on_at: float | None = None


def lost(turns: Iterable[OpenTurn], now: float) -> list[tuple[OpenTurn, Sequence[OpenTurn]]]:
    """The lost turns, oldest first, each with the turns to be queued behind it."""
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
    if turn.goes_on_at is not None and turn.goes_on_at > now:
        return False
    if turn.requeued:
        return now - turn.requeued >= AGAIN and _passed_over(turn.requeued, at_work)
    if turn.goes_on_at is not None:
        return now - turn.goes_on_at >= RESUMED and _passed_over(turn.goes_on_at, at_work)
    if turn.lease is not None:
        return turn.lease < now - ORPHANED
    return UNTAKEN <= now - turn.since < SHOWN_AGAIN and _passed_over(turn.since, at_work)


def _passed_over(since: float, at_work: Sequence[OpenTurn]) -> bool:
    """Whether all workers are idle, or some answer a turn that was queued later."""
    later = (each.noted and each.since >= since + OVERTAKEN for each in at_work)
    return not at_work or any(later)
