"""What is wrong between bucket, manifest and index, as tables of what is in the three."""

import pytest

from core.aws.access.sequencers import after, comparable
from core.aws.sqs.s3_events import Removed, Written, jobs, notice
from core.knowledge.files.overdue import FORGIVEN, TRIES, tries
from core.ports.documents import StoredObject
from core.values.documents import Document, DocumentId, State
from ingestion.reconciliation.differences import (
    GRACE,
    Repair,
    looked_at,
    of_chunks,
    of_object,
    of_row,
)

NOW = 100 * 86_400.0
OLD, NEW = NOW - GRACE - 1, NOW - GRACE + 1
KEY = "slack/T1/C1/F1/a.txt"
S1, S2 = comparable("0A1"), comparable("0A2")


def row(state=State.READY, **changes):
    usual = {"version": S1 if state is State.READY else "", "seen": S1, "etag": "e1", "chunks": 4}
    fields = {**usual, "updated": OLD, **changes}
    return Document(DocumentId("slack/T1/C1", "F1"), "a.txt", KEY, state, **fields)


def there(etag="e1", modified=OLD - 10, key=KEY):
    return StoredObject(key, 3, etag, modified)


IN_LIBRARY = Document(
    DocumentId("library", "a.txt"),
    "a.txt",
    "library/a.txt",
    State.DELETED,
    etag="e1",
    updated=OLD,
    forgotten=True,
)


@pytest.mark.parametrize(
    ("found", "known", "repair"),
    [
        (there(), None, Repair.UNSEEN),
        (there(modified=NEW), None, None),
        (there(), row(), None),
        (there("e2"), row(), Repair.UNSEEN),
        (there("e2", NEW), row(), None),
        (there("e2"), row(updated=NEW), None),
        (there("e2"), row(State.FAILED), Repair.UNSEEN),
        (there(), row(State.FAILED), None),
        (there("e2"), row(State.EMBEDDING), None),
        (there("e2"), row(tries=TRIES), None),
        # of rows that were written before there were etags, the times are asked
        (there(), row(etag=""), None),
        (there(modified=OLD + 0.5), row(etag="", updated=OLD), Repair.UNSEEN),
        # an object beside a shared file's own
        (there(key=f"{KEY}.bak"), row(etag="e9", message="1.0"), None),
        # what a person had us forget goes; what came after is read, a post's when it is shared
        (there(), row(State.DELETED, forgotten=True), Repair.ERASED),
        (there("e2"), row(State.DELETED, forgotten=True), Repair.UNSEEN),
        (there("e2"), row(State.DELETED, forgotten=True, message="1.0"), Repair.ERASED),
        (there(), row(State.DELETED, etag="", forgotten=True, message="1.0"), Repair.ERASED),
        (there(key="library/a.txt"), IN_LIBRARY, None),
        # what was deleted in the bucket, and is there again
        (there(), row(State.DELETED, etag=""), Repair.UNSEEN),
        (there(), row(State.DELETED, etag="", message="1.0"), Repair.UNSEEN),
        (there(), row(State.DELETED, etag="", updated=NEW), None),
        (there(), row(State.DELETED, etag="", tries=TRIES), None),
    ],
)
def test_an_object_is_compared_with_its_row(found, known, repair):
    assert of_object(found, known, NOW) is repair


@pytest.mark.parametrize(
    ("known", "is_there", "held", "repair"),
    [
        (row(), True, 4, None),
        (row(), True, 3, Repair.MISSING),
        (row(), True, 0, Repair.MISSING),
        (row(tries=TRIES), True, 0, None),
        (row(updated=NEW), True, 0, None),
        (row(), False, 4, Repair.GONE),
        (row(updated=NEW), False, 4, None),
        (row(State.FAILED), False, 0, None),
        (row(State.DELETED), False, 0, None),
        (row(State.RECEIVED), True, 0, Repair.STUCK),
        (row(State.EXTRACTING), True, 0, Repair.STUCK),
        (row(State.EMBEDDING, updated=NEW), True, 0, None),
        (row(State.EMBEDDING, tries=TRIES - 1), True, 0, Repair.STUCK),
        (row(State.EMBEDDING, tries=TRIES), True, 0, Repair.GIVEN_UP),
        (row(State.EXTRACTING), False, 0, Repair.GONE),
        (row(State.RECEIVED, seen=""), False, 0, Repair.GIVEN_UP),
    ],
)
def test_a_row_is_compared_with_its_object_and_its_chunks(known, is_there, held, repair):
    assert of_row(known, NOW, there=is_there, held=held) is repair
    assert looked_at(known, NOW) or repair is None


@pytest.mark.parametrize(
    ("version", "known", "repair"),
    [
        (S1, None, Repair.STRAY),
        (S1, row(), None),
        (S1, row(version=S2, seen=S2), Repair.STRAY),
        (S1, row(version=S2, seen=S2, updated=NEW), None),
        (S1, row(State.DELETED), Repair.STRAY),
        (S1, row(State.FAILED), Repair.STRAY),
        (S2, row(State.EMBEDDING, seen=S2), None),
    ],
)
def test_chunks_are_compared_with_their_row(version, known, repair):
    assert of_chunks(version, known, NOW) is repair


def test_earlier_tries_are_forgiven_after_a_week():
    assert tries(row(tries=2), NOW) == 3
    assert tries(row(tries=2, updated=NOW - FORGIVEN - 1), NOW) == 1


def test_a_version_of_ours_is_newer_than_what_was_noticed_and_older_than_what_s3_tells_later():
    first, second = after(S1), after(after(S1))
    assert S1 < first < second < S2
    assert "" < after("") < after(after("")) < S1
    assert first == comparable(first)


@pytest.mark.parametrize(
    "job",
    [
        Written("library/a b+ü.txt", after(S1), 3, "e1", 1_700_000_000.125),
        Removed("library/a b+ü.txt", after(S1)),
    ],
)
def test_what_is_queued_anew_is_read_as_a_notification_of_s3(job):
    assert jobs(notice(job, "bucket")) == [job]
