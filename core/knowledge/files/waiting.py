"""When a question that waits for its files goes on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.knowledge.files.overdue import overdue, patience
from core.ports.waits import Wait
from core.values.documents import Document, DocumentId, State

LONGEST = 86_400.0
"""Seconds that a question waits for its files; then it goes on without those that are not read."""
ENDED = frozenset({State.READY, State.FAILED, State.DELETED})
NEVER = float("inf")

Rows = Mapping[DocumentId, Document]
"""What the manifest has of documents."""


def unread(documents: Iterable[DocumentId], rows: Rows) -> list[Document]:
    """Those of these documents that somebody has yet to read, or reads."""
    return [rows[each] for each in documents if each in rows and rows[each].state not in ENDED]


def given_up(wait: Wait | None, now: float) -> bool:
    """Whether a question has waited so long that it goes on without what is not read."""
    return wait is not None and now - wait.since >= LONGEST


def goes_on_at(wait: Wait, rows: Rows, now: float) -> float:
    """When a worker should have gone on with a question that waits, in seconds since 1970.

    That is when the last of its documents was done, or when one of them was overdue, for the worker
    to have it read by another. `NEVER` while there is nothing to be done.
    """
    left = unread(wait.documents, rows)
    if not left:
        return max((rows[e].updated for e in wait.documents if e in rows), default=wait.since)
    if given_up(wait, now):
        return wait.since + LONGEST
    return min((e.updated + patience(e) for e in left if overdue(e, now)), default=NEVER)
