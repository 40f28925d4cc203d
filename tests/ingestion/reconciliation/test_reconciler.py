"""Bucket, table and index that differ, and are mended: over a real queue, table and index."""

import asyncio
import time

import pytest

from core.aws.dynamodb.cursors import DynamoCursors
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.sqs.file_queue import SqsNotices
from core.knowledge.files.overdue import TRIES
from core.values.documents import Document, DocumentId, State
from ingestion.reconciliation import reconciler as module
from ingestion.reconciliation.differences import GRACE, Repair
from ingestion.reconciliation.reconciler import Reconciler, Shelves
from tests.ingestion.shelf import Shelf

GENERAL = "slack/T1/C1"
HERON, STORK = "The heron nests in reeds.", "The stork nests on chimneys."


class Later:
    """A reconciler to which, run by run, all that was before is longer ago than the grace."""

    def __init__(self, shelf):
        aws, dynamodb = shelf.aws, shelf.aws.client("dynamodb")
        self.shelf = shelf
        self.ahead = 0.0
        self.monotonic = 0.0
        manifest = DynamoManifest(dynamodb, aws.resources.table, aws.calls, clock=self.now)
        self.file_events = SqsNotices(
            shelf.sqs, shelf.queue, aws.calls, bucket=shelf.bucket, clock=self.now
        )
        self.cursors = DynamoCursors(dynamodb, aws.resources.table, aws.calls)
        shelves = Shelves(shelf.vault, manifest, shelf.index, self.file_events, self.cursors)
        self.reconciler = Reconciler(shelves, clock=self.now, monotonic=lambda: self.monotonic)

    def now(self):
        return time.time() + self.ahead

    async def run(self, after=GRACE + 60):
        self.ahead += after
        await self.shelf.index.refresh()
        return dict(await self.reconciler.run())


@pytest.fixture
async def shelf(aws, index):
    await index.ensure()
    return Shelf(aws, index)


@pytest.fixture
def later(shelf):
    return Later(shelf)


async def read(shelf, key, text):
    shelf.put(key, text)
    await shelf.handle(*shelf.events(1))


async def test_where_nothing_is_wrong_nothing_is_done(shelf, later):
    await read(shelf, "library/a.txt", HERON)
    await read(shelf, f"{GENERAL}/F1/b.txt", STORK)
    shelf.put("no document.txt", HERON)
    shelf.events(1)
    shelf.remove("library/a.txt")
    await shelf.handle(*shelf.events(1))
    assert await later.run() == {}
    assert shelf.events() == []


async def test_an_object_whose_notification_was_lost_is_read(shelf, later):
    shelf.put("library/a b.txt", HERON)
    shelf.events(1)
    assert await later.run(after=0) == {}  # its notification may be on its way
    assert await later.run() == {Repair.UNSEEN: 1}
    assert (await shelf.document("library/a b.txt")).state is State.RECEIVED
    assert await shelf.handle(*shelf.events(1)) == []
    assert await shelf.search("heron nests") == [HERON]
    assert await later.run() == {}


async def test_a_newer_object_whose_notification_was_lost_takes_the_olders_place(shelf, later):
    await read(shelf, "library/a.txt", HERON)
    shelf.put("library/a.txt", STORK)
    (lost,) = shelf.events(1)
    assert await later.run() == {Repair.UNSEEN: 1}
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("what nests on chimneys") == [STORK]
    assert await shelf.chunks() == 1
    # the lost one comes after all, and then a newer one
    await shelf.handle(lost)
    await read(shelf, "library/a.txt", "The swift never nests.")
    assert await shelf.search("what never nests") == ["The swift never nests."]
    assert await shelf.chunks() == 1


async def test_an_older_notification_never_wins_over_what_was_mended(shelf, later):
    shelf.put("library/a.txt", HERON)
    (first,) = shelf.events(1)
    await shelf.handle(first)
    shelf.put("library/a.txt", STORK)
    shelf.events(1)
    await later.run()
    await shelf.handle(*shelf.events(1))
    mended = await shelf.document("library/a.txt")
    await shelf.handle(first)
    assert await shelf.document("library/a.txt") == mended


async def test_two_runs_at_the_same_time_queue_each_document_once(shelf, later):
    await read(shelf, "library/b.txt", STORK)
    shelf.put("library/b.txt", HERON)
    shelf.events(1)
    shelf.put("library/a.txt", HERON)
    shelf.events(1)
    later.ahead = GRACE + 60
    both = await asyncio.gather(later.run(after=0), later.run(after=0))
    assert sum(each.get(Repair.UNSEEN, 0) for each in both) == 2
    assert len(shelf.events(2)) == 2


async def test_what_is_stuck_is_queued_again_and_fails_in_the_end(shelf, later):
    key = f"{GENERAL}/F1/a.txt"
    shelf.put(key, HERON)
    shelf.events(1)
    document = DocumentId(GENERAL, "F1")
    assert await shelf.manifest.begin_version(document, key, "a.txt", "0A".ljust(32, "0"), 3)
    for _ in range(TRIES):
        assert await later.run() == {Repair.STUCK: 1}
        assert len(shelf.events(1)) == 1  # nobody reads it
    assert await later.run() == {Repair.GIVEN_UP: 1}
    failed = await shelf.document(key)
    assert (failed.state, failed.reason) == (State.FAILED, "trouble")
    assert await later.run() == {}


async def test_what_is_stuck_is_read_once_somebody_reads(shelf, later):
    shelf.put("library/a.txt", HERON)
    shelf.events(1)
    document = DocumentId("library", "a.txt")
    await shelf.manifest.begin_version(document, "library/a.txt", "a.txt", "0A".ljust(32, "0"), 3)
    assert await later.run() == {Repair.STUCK: 1}
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests") == [HERON]


async def test_a_share_whose_bytes_never_came_has_failed(shelf, later):
    document = DocumentId(GENERAL, "F1")
    await shelf.manifest.register(Document(document, "a.txt", f"{GENERAL}/F1/a.txt"))
    assert await later.run() == {Repair.GIVEN_UP: 1}
    known = (await shelf.manifest.get([document]))[document]
    assert (known.state, known.reason) == (State.FAILED, "unreachable")


async def test_a_document_whose_object_is_gone_is_deleted_with_its_chunks(shelf, later):
    await read(shelf, "library/a.txt", HERON)
    shelf.remove("library/a.txt")
    shelf.events(1)
    assert await later.run() == {Repair.GONE: 1}
    await shelf.handle(*shelf.events(1))
    assert (await shelf.document("library/a.txt")).state is State.DELETED
    assert await shelf.chunks() == 0


async def test_chunks_that_nobody_knows_of_are_removed(shelf, later):
    await read(shelf, "library/a.txt", HERON)
    lost = Document(DocumentId("library", "gone.txt"), "gone.txt", "")
    (chunk,) = (await shelf.index.texts([(*await known(shelf), 0, 0)]))[0]
    vectors = await shelf.words.embed([STORK])
    await shelf.index.put(lost, "0A", [chunk], vectors)
    old = Document(DocumentId("library", "a.txt"), "a.txt", "")
    await shelf.index.put(old, "0", [chunk], vectors)
    assert await shelf.chunks() == 3
    assert await later.run() == {Repair.STRAY: 2}
    assert await shelf.chunks() == 1
    assert await shelf.search("heron nests") == [HERON]


async def known(shelf):
    document = await shelf.document("library/a.txt")
    return document.id, document.version


async def test_a_document_whose_chunks_are_missing_is_read_again(shelf, later):
    await read(shelf, "library/a.txt", HERON)
    document, version = await known(shelf)
    await shelf.index.delete(document)
    assert await later.run() == {Repair.MISSING: 1}
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests") == [HERON]
    assert (await shelf.document("library/a.txt")).version > version
    assert await later.run() == {}


async def test_what_was_half_forgotten_goes_whole(shelf, later):
    await read(shelf, f"{GENERAL}/F1/a.txt", HERON)
    await shelf.manifest.forget(DocumentId(GENERAL, "F1"))
    # of its chunks first, then of its object
    assert await later.run() == {Repair.ERASED: 1, Repair.STRAY: 1}
    assert not await shelf.vault.has(f"{GENERAL}/F1/a.txt")
    await shelf.handle(*shelf.events(1))
    assert await later.run() == {}


async def test_what_was_half_forgotten_and_is_shared_again_meanwhile_stays(
    shelf, later, monkeypatch
):
    key, document = f"{GENERAL}/F1/a.txt", DocumentId(GENERAL, "F1")
    await read(shelf, key, HERON)
    await shelf.manifest.forget(document)
    listed = shelf.vault.listed

    async def shared_again(after, limit):
        found = await listed(after, limit)
        rows = await shelf.manifest.get([document])
        await shelf.manifest.register(Document(document, "a.txt", key, message="2.0"))
        shelf.put(key, STORK)
        monkeypatch.setattr(later.reconciler._on.manifest, "get", lambda _: told(rows))
        return found

    async def told(rows):
        return rows

    monkeypatch.setattr(shelf.vault, "listed", shared_again)
    await later.run()
    assert await shelf.vault.has(key)


@pytest.mark.parametrize("key", ["library/a.txt", f"{GENERAL}/F1/a.txt"])
@pytest.mark.parametrize("told", [True, False])
async def test_what_is_restored_in_the_bucket_is_read_again(shelf, later, key, told):
    if key.startswith(GENERAL):
        share = Document(DocumentId(GENERAL, "F1"), "a.txt", key, message="1.0")
        await shelf.manifest.register(share)
    await read(shelf, key, HERON)
    shelf.remove(key)
    await shelf.handle(*shelf.events(1))
    assert (await shelf.document(key)).state is State.DELETED
    (marker,) = shelf.s3.list_object_versions(Bucket=shelf.bucket)["DeleteMarkers"]
    shelf.s3.delete_object(Bucket=shelf.bucket, Key=key, VersionId=marker["VersionId"])
    events = shelf.events(1)
    if told:
        await shelf.handle(*events)
        assert await later.run() == {}
    else:
        assert await later.run() == {Repair.UNSEEN: 1}
        await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests", GENERAL, "library") == [HERON]
    assert await shelf.chunks() == 1


async def test_while_many_messages_wait_none_is_taken_for_lost(shelf, later, monkeypatch):
    monkeypatch.setattr(module, "BACKLOG", 0)
    shelf.put("library/a.txt", HERON)
    assert await later.run() == {}
    shelf.events(2)  # the bucket's test message was one
    assert await later.run() == {Repair.UNSEEN: 1}


async def test_a_run_is_bounded_and_the_next_one_goes_on(shelf, later, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(module, "PAGES", 1)
    for number in range(5):
        shelf.put(f"library/{number}.txt", HERON)
    shelf.events(5)
    runs = [(await later.run()).get(Repair.UNSEEN, 0) for _ in range(3)]
    assert runs == [2, 2, 1]
    assert await later.cursors.get("bucket") == ""
    assert len(shelf.events(5)) >= 5


async def test_a_run_ends_when_its_time_is_up(shelf, later, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 1)
    monkeypatch.setattr(module, "SECONDS", 0.0)
    for number in range(3):
        shelf.put(f"library/{number}.txt", HERON)
    shelf.events(3)
    assert (await later.run())[Repair.UNSEEN] == 1
    assert await later.cursors.get("bucket") == "library/0.txt"


async def test_of_many_documents_all_rows_and_versions_are_looked_at(shelf, later, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        shelf.put(f"{GENERAL}/F{number}/a.txt", f"{HERON} {number}")
    await shelf.handle(*shelf.events(5))
    for number in range(5):
        shelf.remove(f"{GENERAL}/F{number}/a.txt")
    shelf.events(5)
    assert await later.run() == {Repair.GONE: 5}
    await shelf.handle(*shelf.events(5))
    assert await shelf.chunks() == 0
