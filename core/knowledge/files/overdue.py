"""Decides when a document is queued again because no ingester is reading it. Pure.

A queue that feeds Lambda hides a message for six times the function's time limit: 90 minutes for a
file whose ingester died. The people who shared it do not wait that long.
"""

from __future__ import annotations

from core.values.documents import Document, State

TRIES = 3
"""How often a document is queued again before it has failed."""
FORGIVEN = 7 * 86_400.0
"""Seconds without a change after which earlier attempts no longer count."""
UNTAKEN = 300.0
"""Seconds that a document may wait in the bucket before an ingester begins to read it."""
UNMOVED = 960.0
"""Seconds without progress in reading a document: longer than an invocation of the ingester."""


def tries(row: Document, now: float) -> int:
    """The number of the next attempt. `now` and a row's times are seconds since the epoch."""
    return 1 if now - row.updated > FORGIVEN else row.tries + 1


def overdue(row: Document, now: float) -> bool:
    """Whether a document that is not read yet should have made progress by now."""
    return row.updated <= now - patience(row) and tries(row, now) <= TRIES


def patience(row: Document) -> float:
    """Seconds without a change after which a document that is not read yet is overdue."""
    return UNTAKEN if row.state is State.RECEIVED else UNMOVED
