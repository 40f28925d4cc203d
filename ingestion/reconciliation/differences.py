"""Compare bucket, manifest and index, and decide what to repair. Pure.

1. Only what has not changed for `GRACE` is considered, so nothing in progress is touched.
2. A row records, as `etag`, which object it was read from; a listing says which object is there
   now.
3. Whatever must be read or removed goes through the queue of files again, where the object as it is
then counts. Its version is ours (`core.aws.access.sequencers.after`): newer than what the row
knows, older than anything that S3 reports later.
"""

from __future__ import annotations

from enum import StrEnum

from core.knowledge.files.overdue import TRIES, tries
from core.ports.documents import StoredObject
from core.values.conversation import LIBRARY
from core.values.documents import Document, State

GRACE = 3 * 3_600.0
"""Seconds without a change: longer than ten tries of a quarter of an hour each."""


class Repair(StrEnum):
    """What was wrong, as it is counted in metrics."""

    UNSEEN = "LostWrite"
    STUCK = "Stuck"
    GIVEN_UP = "GivenUp"
    GONE = "LostDeletion"
    MISSING = "MissingChunks"
    STRAY = "StrayChunks"
    ERASED = "HalfForgotten"


def of_object(found: StoredObject, row: Document | None, now: float) -> Repair | None:
    """Return what is wrong with an object, given its row."""
    if found.modified > now - GRACE:
        return None
    if row is None:
        return Repair.UNSEEN
    if not _rests(row, now) or (row.message and row.key != found.key):
        return None
    if row.erase_at:
        return None  # it can still be restored
    if row.forgotten and _was_forgotten(found, row):
        return Repair.ERASED if row.id.place != LIBRARY.prefix else None
    if row.state not in (State.READY, State.FAILED, State.DELETED):
        return None  # `of_row` handles it
    differs = row.etag != found.etag if row.etag else found.modified > row.updated
    is_back = row.state is State.DELETED
    return Repair.UNSEEN if (differs or is_back) and tries(row, now) <= TRIES else None


def of_row(row: Document, now: float, *, there: bool, held: int) -> Repair | None:
    """Return what is wrong with a document: whether its object is `there`, and how many chunks are
    `held`."""
    if not looked_at(row, now):
        return None
    if row.state is State.READY:
        if not there:
            return Repair.GONE
        return Repair.MISSING if held != row.chunks and tries(row, now) <= TRIES else None
    if not there:
        return Repair.GONE if row.seen else Repair.GIVEN_UP
    return Repair.STUCK if tries(row, now) <= TRIES else Repair.GIVEN_UP


def looked_at(row: Document, now: float) -> bool:
    """Whether `of_row` could find anything."""
    return row.state not in (State.FAILED, State.DELETED) and bool(row.key) and _rests(row, now)


def of_chunks(version: str, row: Document | None, now: float) -> Repair | None:
    """Return what is wrong with the chunks of a version, given a row that was read after them."""
    if row is None:
        return Repair.STRAY
    if not _rests(row, now) or row.version == version or row.erase_at:
        return None
    ended = row.state in (State.READY, State.FAILED, State.DELETED)
    return Repair.STRAY if ended else None


def _rests(row: Document, now: float) -> bool:
    return row.updated <= now - GRACE


def _was_forgotten(found: StoredObject, row: Document) -> bool:
    """Whether a person erased this very object, not one that came after it.

    A post's file returns only when it is shared again, which its row records.
    """
    return bool(row.message) or row.etag == found.etag
