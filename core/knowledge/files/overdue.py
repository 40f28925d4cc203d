"""When the queue of files is told of a document once more. Pure.

A queue that feeds Lambda hides a message for six times as long as its function may run: 90 minutes
for a file whose reader died. People who shared it do not wait for that.
"""

from __future__ import annotations

from core.values.documents import Document, State

TRIES = 3
"""Times that a document is queued anew; after that it has failed."""
FORGIVEN = 7 * 86_400.0
"""Seconds without a change after which earlier tries count no more."""
UNTAKEN = 300.0
"""Seconds that a document lies in the bucket, and nobody begins to read it."""
UNMOVED = 960.0
"""Seconds without progress in one that is read: longer than an invocation of the reader."""


def tries(row: Document, now: float) -> int:
    """Which try the next one would be. `now`, and a row's times, are seconds since 1970."""
    return 1 if now - row.updated > FORGIVEN else row.tries + 1


def overdue(row: Document, now: float) -> bool:
    """Whether somebody should have gone on with a document that is not read yet."""
    patience = UNTAKEN if row.state is State.RECEIVED else UNMOVED
    return row.updated <= now - patience and tries(row, now) <= TRIES
