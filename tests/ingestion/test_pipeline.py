"""From the bucket to the index: real notifications, a real table and a real index."""

import asyncio
import json

import pytest
from opensearchpy.exceptions import ConnectionError as Unanswered

from core.aws.sqs.s3_events import Removed, Written, jobs
from core.ports.index import IndexRejected
from core.ports.model import Refused
from core.ports.store_error import StoreError
from core.runtime.tasks import ended
from core.runtime.telemetry import Metric, counting
from core.values.conversation import Scope
from core.values.documents import Document, DocumentId, Picture, State, document_of, key_of
from ingestion import pipeline
from ingestion.text_budget import weight
from tests.ingestion.pdfs import pdf
from tests.ingestion.shelf import Shelf

GENERAL = "slack/T1/C1"
SUPPORT = "slack/T1/C2"
TEXT = "The heron nests in reeds."


@pytest.fixture
def shelf(aws, index):
    return Shelf(aws, index)


async def test_a_document_in_the_bucket_can_be_searched(shelf):
    shelf.put("library/birds/heron notes.txt", TEXT)
    assert await shelf.handle(*shelf.events(1)) == []
    known = await shelf.document("library/birds/heron notes.txt")
    assert (known.state, known.name, known.chunks) == (State.READY, "heron notes.txt", 1)
    assert await shelf.search("where does the heron nest") == [TEXT]


async def test_the_seconds_from_the_upload_to_the_search_are_counted(shelf):
    class Told:
        def __init__(self):
            self.told = []

        def add(self, metric, value, reason):
            self.told.append((metric, value))

    shelf.put("library/a.txt", TEXT)
    (job,) = jobs(shelf.events(1)[0])
    meter = Told()
    with counting(meter):
        await shelf.made(clock=lambda: job.at + 7).run(job)
    assert meter.told == [(Metric.INGESTED, 1.0), (Metric.INGEST_LAG, pytest.approx(7))]


async def test_nothing_is_found_in_another_place(shelf):
    shelf.put(f"{GENERAL}/F1/heron.txt", TEXT)
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests", GENERAL) == [TEXT]
    assert await shelf.search("heron nests", SUPPORT, "library") == []
    assert [*await shelf.library.search("heron nests", frozenset())] == []


async def test_pages_are_known(shelf):
    shelf.put("library/a.pdf", pdf(["Herons eat fish all day long.", "Storks eat frogs at night."]))
    await shelf.handle(*shelf.events(1))
    found = await shelf.library.search("what do storks eat", frozenset({Scope("library")}))
    assert (await shelf.document("library/a.pdf")).pages == 2
    assert found[0].locator.unit == "page"


async def test_an_image_is_known_by_what_claude_reads(shelf, tmp_path):
    from PIL import Image  # noqa: PLC0415

    Image.new("RGB", (40, 40), "red").save(tmp_path / "cat.png")
    shelf.put("library/cat.png", (tmp_path / "cat.png").read_bytes())
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("image of a cat") == ["an image of a cat"]
    assert shelf.eyes.asked[0].images[0].media_type == "image/png"


async def test_while_claude_reads_its_images_a_document_shows_that_somebody_has_it(
    shelf, tmp_path, monkeypatch
):
    from PIL import Image  # noqa: PLC0415

    monkeypatch.setattr(pipeline, "BEAT", 0.02)
    seen, stream = asyncio.Event(), shelf.eyes.stream

    async def slow(prompt):
        await seen.wait()
        async for each in stream(prompt):
            yield each

    shelf.eyes.stream = slow
    Image.new("RGB", (40, 40), "red").save(tmp_path / "cat.png")
    shelf.put("library/cat.png", (tmp_path / "cat.png").read_bytes())
    reading = asyncio.create_task(shelf.handle(*shelf.events(1)))
    times = set()
    async with asyncio.timeout(10):
        while len(times) < 5:
            known = await shelf.document("library/cat.png")
            times |= {known.updated} if known else set()
    seen.set()
    assert await reading == []
    assert await shelf.search("image of a cat") == ["an image of a cat"]


async def test_a_newer_version_takes_the_olders_place(shelf):
    shelf.put("library/a.txt", "The heron nests in reeds.")
    await shelf.handle(*shelf.events(1))
    shelf.put("library/a.txt", "The heron nests on chimneys.")
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests") == ["The heron nests on chimneys."]
    assert await shelf.chunks() == 1


async def test_until_the_newer_version_is_whole_the_older_one_counts(shelf):
    shelf.put("library/a.txt", "The heron nests in reeds.")
    await shelf.handle(*shelf.events(1))
    shelf.put("library/a.txt", "The heron nests on chimneys.")
    (event,) = shelf.events(1)
    shelf.words.fails = [Refused("gone")]
    assert await shelf.handle(event) == ["0"]
    assert await shelf.search("heron nests") == ["The heron nests in reeds."]
    assert await shelf.handle(event, received=2) == []
    assert await shelf.search("heron nests") == ["The heron nests on chimneys."]


async def test_events_ten_times_and_in_any_order_end_in_the_newest(shelf):
    for text in ("first heron", "second heron", "third heron"):
        shelf.put("library/a.txt", text)
    events = shelf.events(3)
    assert len(events) == 3
    await shelf.handle(*(events[::-1] * 10))
    assert await shelf.search("heron") == ["third heron"]
    assert await shelf.chunks() == 1
    calls = shelf.words.calls
    await shelf.handle(*events)
    assert await shelf.search("heron") == ["third heron"]
    assert shelf.words.calls == calls + 1  # the question's own


async def test_a_removed_document_is_gone(shelf):
    shelf.put("library/a.txt", TEXT)
    await shelf.handle(*shelf.events(1))
    shelf.remove("library/a.txt")
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests") == []
    assert (await shelf.document("library/a.txt")).state is State.DELETED
    assert await shelf.chunks() == 0


async def test_nothing_is_noted_of_what_was_gone_before_anybody_looked(shelf):
    shelf.put("library/a.txt", TEXT)
    shelf.remove("library/a.txt")
    made, removed = shelf.events(2)
    await shelf.handle(made, removed, made)
    assert await shelf.document("library/a.txt") is None
    assert await shelf.search("heron nests") == []
    assert await shelf.chunks() == 0


async def test_delete_before_create_and_a_late_redrive_change_nothing(shelf):
    shelf.put("library/a.txt", TEXT)
    shelf.remove("library/a.txt")
    made, removed = shelf.events(2)
    await shelf.handle(removed)
    await shelf.handle(made)
    await shelf.handle(made, received=9)
    assert await shelf.search("heron nests") == []


async def test_what_was_removed_and_written_again_is_there(shelf):
    shelf.put("library/a.txt", "old")
    shelf.remove("library/a.txt")
    shelf.put("library/a.txt", TEXT)
    events = shelf.events(3)
    await shelf.handle(events[2], events[1], events[0])
    assert await shelf.search("heron nests") == [TEXT]


async def test_a_document_that_is_forgotten_while_it_is_read_stays_forgotten(shelf):
    shelf.put(f"{GENERAL}/F1/a.txt", TEXT)
    document = DocumentId(GENERAL, "F1")

    async def forget():
        shelf.words.hook = None
        await shelf.manifest.forget(document)

    shelf.words.hook = forget
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests", GENERAL) == []
    assert await shelf.chunks() == 0


async def test_a_posts_file_that_was_forgotten_on_its_way_is_read_when_it_is_shared_again(shelf):
    key, document = f"{GENERAL}/F1/a.txt", DocumentId(GENERAL, "F1")
    await shelf.manifest.register(Document(document, "a.txt", key, message="1.0"))
    await shelf.manifest.forget(document)
    shelf.put(key, TEXT)
    (event,) = shelf.events(1)
    await shelf.handle(event)
    assert (await shelf.document(key)).state is State.DELETED
    assert await shelf.search("heron nests", GENERAL) == []
    await shelf.manifest.register(Document(document, "a.txt", key, message="2.0"))
    await shelf.handle(event)
    assert await shelf.search("heron nests", GENERAL) == [TEXT]


async def test_a_document_that_nobody_posted_is_read_again_after_it_was_forgotten(shelf):
    key, document = f"{GENERAL}/F1/a.txt", DocumentId(GENERAL, "F1")
    shelf.put(key, "old")
    await shelf.handle(*shelf.events(1))
    await shelf.manifest.forget(document)
    await shelf.vault.forget(f"{GENERAL}/F1/")
    shelf.put(key, TEXT)
    await shelf.handle(*shelf.events(2))
    assert await shelf.search("heron nests", GENERAL) == [TEXT]
    assert not (await shelf.document(key)).forgotten


async def test_forgetting_counts_at_once_and_empties_bucket_and_index(shelf):
    shelf.put(f"{GENERAL}/F1/a.txt", TEXT)
    await shelf.handle(*shelf.events(1))
    await shelf.manifest.forget(DocumentId(GENERAL, "F1"))
    assert await shelf.search("heron nests", GENERAL) == []
    assert await shelf.chunks() == 1
    await shelf.vault.forget(f"{GENERAL}/F1/")
    await shelf.handle(*shelf.events(1))
    assert await shelf.chunks() == 0
    listed = shelf.s3.list_object_versions(Bucket=shelf.bucket)
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"", "empty"),
        ("a.pdf", b"%PDF-1.7 broken", "damaged"),
        ("a.txt", b" \n", "no_text"),
    ],
)
async def test_what_cannot_be_read_is_named_with_its_reason(shelf, name, data, reason):
    shelf.put(f"library/{name}", data)
    assert await shelf.handle(*shelf.events(1)) == []
    known = await shelf.document(f"library/{name}")
    assert (known.state, known.reason) == (State.FAILED, reason)


async def test_a_bad_version_does_not_leave_the_good_one_to_be_quoted(shelf):
    shelf.put("library/a.txt", TEXT)
    await shelf.handle(*shelf.events(1))
    shelf.put("library/a.txt", b"")
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron nests") == []
    assert await shelf.chunks() == 0


async def test_a_file_that_is_too_large_is_not_even_read(shelf):
    shelf.pipeline = shelf.made(limit=10)
    shelf.app._pipeline = shelf.pipeline
    shelf.put("library/a.txt", TEXT)
    await shelf.handle(*shelf.events(1))
    assert (await shelf.document("library/a.txt")).reason == "too_large"


async def test_poison_takes_nothing_else_down(shelf):
    shelf.put("library/good.txt", TEXT)
    (good,) = shelf.events(1)
    assert await shelf.handle("no json", good, '{"Records": [{}]}') == ["0", "2"]
    assert await shelf.search("heron nests") == [TEXT]


async def test_what_fails_for_the_last_time_is_named(shelf):
    shelf.put("library/a.txt", TEXT)
    shelf.words.fails = [Refused("no")]
    assert await shelf.handle(*shelf.events(1), received=10) == ["0"]
    assert (await shelf.document("library/a.txt")).reason == "trouble"


async def test_a_test_message_of_s3_asks_for_nothing(shelf):
    assert await shelf.handle(json.dumps({"Event": "s3:TestEvent", "Bucket": "b"})) == []


def bulk(statuses):
    """An answer of `_bulk` with these statuses."""
    items = [
        {"index": {"status": s, **({"error": {"type": "e"}} if s >= 400 else {})}} for s in statuses
    ]
    return {"errors": True, "items": items}


async def test_items_that_were_too_many_are_sent_again_and_only_those(shelf, monkeypatch):
    await shelf.index.ensure()
    bodies, client = [], shelf.index._client
    real, answers = client.bulk, [bulk([200, 429, 503]), None]

    async def fake(body, **kwargs):
        bodies.append(body)
        planned = answers.pop(0)
        return planned or await real(body=body, **kwargs)

    async def nap(_):
        pass

    monkeypatch.setattr(client, "bulk", fake)
    monkeypatch.setattr(shelf.index, "_sleep", nap)
    text = "\n\n".join(f"# Part {n}\n\n" + f"word{n} " * 150 for n in range(3))
    shelf.put("library/a.md", text)
    assert await shelf.handle(*shelf.events(1)) == []
    assert [body.count(b'{"index"') for body in bodies] == [3, 2]


async def test_an_item_that_is_refused_is_reported(shelf, monkeypatch):
    await shelf.index.ensure()

    async def fake(body, **_):
        return bulk([400])

    monkeypatch.setattr(shelf.index._client, "bulk", fake)
    shelf.put("library/a.txt", TEXT)
    (event,) = shelf.events(1)
    with pytest.raises(IndexRejected):
        await shelf.pipeline.run(jobs(event)[0])
    assert await shelf.handle(event, received=10) == ["0"]
    assert (await shelf.document("library/a.txt")).reason == "trouble"


async def test_an_index_that_is_down_for_minutes_is_waited_for(shelf, monkeypatch):
    await shelf.index.ensure()
    real, left = shelf.index._client.bulk, [9]

    async def down(**kwargs):
        if left[0]:
            left[0] -= 1
            raise Unanswered("N/A", "down", OSError())
        return await real(**kwargs)

    monkeypatch.setattr(shelf.index._client, "bulk", down)
    shelf.put("library/a.txt", TEXT)
    assert await shelf.handle(*shelf.events(1)) == []
    assert sum(shelf.naps) > 120
    assert await shelf.search("heron nests") == [TEXT]


async def test_an_index_that_stays_down_leaves_the_work_in_the_queue(shelf, monkeypatch):
    await shelf.index.ensure()

    async def down(**_):
        raise Unanswered("N/A", "down", OSError())

    monkeypatch.setattr(shelf.index._client, "bulk", down)
    shelf.put("library/a.txt", TEXT)
    (event,) = shelf.events(1)
    assert await shelf.handle(event) == ["0"]
    with pytest.raises(StoreError):
        await shelf.pipeline.run(jobs(event)[0])
    monkeypatch.undo()


class Hang:
    """A call that does not end."""

    def __init__(self):
        self.reached = asyncio.Event()

    async def __call__(self, *arguments, **more):
        self.reached.set()
        await asyncio.Event().wait()

    async def kills(self, reading):
        """Ends who reads when it has got here."""
        task = asyncio.create_task(reading)
        await self.reached.wait()
        await ended([task])


@pytest.mark.parametrize("calls", [1, 2, 3])
async def test_an_ingester_that_is_killed_half_way_is_no_loss(shelf, calls):
    """Ended while it embeds, for the first time or later; another one does it again."""
    text = "\n\n".join(f"# Part {n}\n\nbird{n} " + "word " * 150 for n in range(600))
    shelf.put("library/a.md", text)
    (event,) = shelf.events(1)
    hang = Hang()

    async def embedding():
        if shelf.words.calls >= calls:
            await hang()

    shelf.words.hook = embedding
    await hang.kills(shelf.handle(event))
    assert (await shelf.document("library/a.md")).state is State.EMBEDDING
    shelf.words.hook = None
    assert await shelf.search("bird5") == []
    assert await shelf.handle(event, received=2) == []
    known = await shelf.document("library/a.md")
    assert known.state is State.READY
    assert await shelf.chunks() == known.chunks == 600
    assert "bird599" in (await shelf.search("bird599"))[0]


async def test_a_new_versions_reader_that_is_killed_at_its_end_leaves_nothing_of_the_old_one(
    shelf, monkeypatch
):
    shelf.put("library/a.txt", "The heron nests in reeds.")
    assert await shelf.handle(*shelf.events(1)) == []
    shelf.put("library/a.txt", "The heron nests in trees.")
    (event,) = shelf.events(1)
    hang = Hang()
    with monkeypatch.context() as patched:
        patched.setattr(shelf.index, "delete", hang)
        await hang.kills(shelf.handle(event))
    assert (await shelf.document("library/a.txt")).state is State.READY
    assert await shelf.chunks() == 2
    assert await shelf.search("heron") == ["The heron nests in trees."]
    assert await shelf.handle(event, received=2) == []
    assert await shelf.chunks() == 1


async def test_an_old_versions_reader_that_is_killed_leaves_nothing_either(shelf, monkeypatch):
    shelf.put("library/a.txt", "The heron nests in reeds.")
    (old,) = shelf.events(1)
    shelf.put("library/a.txt", "The heron nests in trees.")
    (new,) = shelf.events(1)
    hang = Hang()

    async def overtaken():
        shelf.words.hook = None
        assert await shelf.handle(new) == []

    async def delete(document, **wanted):
        if "only" in wanted:
            await hang()

    shelf.words.hook = overtaken
    with monkeypatch.context() as patched:
        patched.setattr(shelf.index, "delete", delete)
        await hang.kills(shelf.handle(old))
    assert await shelf.chunks() == 2
    assert await shelf.handle(old, received=2) == []
    assert await shelf.chunks() == 1
    assert await shelf.search("heron") == ["The heron nests in trees."]


async def test_a_document_that_is_ready_stays_so_when_the_last_of_the_old_one_cannot_be_deleted(
    shelf, monkeypatch
):
    shelf.put("library/a.txt", "The heron nests in reeds.")
    assert await shelf.handle(*shelf.events(1)) == []
    shelf.put("library/a.txt", "The heron nests in trees.")
    (event,) = shelf.events(1)

    async def down(**_):
        raise Unanswered("N/A", "down", OSError())

    with monkeypatch.context() as patched:
        patched.setattr(shelf.index._client, "delete_by_query", down)
        for received in (1, 10):
            assert await shelf.handle(event, received=received) == ["0"]
    assert (await shelf.document("library/a.txt")).state is State.READY
    assert await shelf.search("heron") == ["The heron nests in trees."]
    # deleting hangs until the time is up
    (job,) = jobs(event)
    await shelf.pipeline.give_up(job, "too_slow")
    assert (await shelf.document("library/a.txt")).state is State.READY
    assert await shelf.search("heron") == ["The heron nests in trees."]


async def test_of_two_readers_of_one_notification_the_slower_one_undoes_nothing(shelf):
    text = "\n\n".join(f"# Part {n}\n\nbird{n} " + "word " * 150 for n in range(600))
    shelf.put("library/a.md", text)
    (event,) = shelf.events(1)
    reached, go = asyncio.Event(), asyncio.Event()

    async def late():
        reached.set()
        await go.wait()
        if shelf.words.calls > 3:  # after what it has told of the first ones
            raise Refused("no")

    shelf.words.hook = late
    slower = asyncio.create_task(shelf.handle(event, received=10))
    await reached.wait()
    shelf.words.hook = None
    assert await shelf.handle(event, received=2) == []
    shelf.words.hook, shelf.words.calls = late, 3
    go.set()
    await slower
    shelf.words.hook = None
    assert (await shelf.document("library/a.md")).state is State.READY
    assert await shelf.chunks() == 600
    assert "bird599" in (await shelf.search("bird599"))[0]


async def test_one_that_is_deleted_while_it_is_read_too_slowly_leaves_no_passages(shelf):
    key = f"{GENERAL}/F1/a.txt"
    shelf.put(key, TEXT)
    (job,) = jobs(shelf.events(1)[0])
    settle, reached = shelf.index.refresh, asyncio.Event()

    async def hang():
        reached.set()
        await asyncio.Event().wait()

    shelf.index.refresh = hang
    task = asyncio.create_task(shelf.pipeline.run(job))
    await reached.wait()
    await shelf.manifest.forget(DocumentId(GENERAL, "F1"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    shelf.index.refresh = settle
    assert await shelf.chunks() == 1
    await shelf.pipeline.give_up(job, "too_slow")
    assert (await shelf.document(key)).state is State.DELETED
    assert await shelf.chunks() == 0


async def test_the_same_bytes_in_two_places_are_two_documents(shelf):
    shelf.put(f"{GENERAL}/F1/a.txt", TEXT)
    shelf.put(f"{SUPPORT}/F1/a.txt", TEXT)
    await shelf.handle(*shelf.events(2))
    assert await shelf.search("heron", GENERAL) == [TEXT]
    assert await shelf.search("heron", GENERAL, SUPPORT) == [TEXT]
    await shelf.manifest.forget(DocumentId(GENERAL, "F1"))
    assert await shelf.search("heron", GENERAL) == []
    assert await shelf.search("heron", SUPPORT) == [TEXT]


@pytest.mark.parametrize(
    "question",
    [
        '") OR place:* OR ("',
        '{"match_all": {}}',
        "place:slack/T1/C2 AND *:*",
        "heron* /.*/ ~ ^ [a TO z] \\ && || ! ( ) { }",
        "<script> \u202e \x00 'heron'; DROP TABLE chunks;--",
        "?" * 5000,
    ],
)
async def test_a_question_is_never_syntax(shelf, question):
    shelf.put(f"{SUPPORT}/F1/a.txt", f"{TEXT} secret of support")
    await shelf.handle(*shelf.events(1))
    assert await shelf.search(question, GENERAL, "library") == []


@pytest.mark.parametrize(
    "name",
    [
        "../../slack/T1/C2/F9/x.txt",
        "a b+c&d=é%20.txt",
        "보고서 최종.txt",
        "\u202etxt.exe.txt",
        "n" * 1024,
    ],
)
async def test_a_name_stays_in_its_place(shelf, name):
    key = key_of(GENERAL, "F1", name)
    assert len(key.encode()) <= 1024
    assert document_of(key)[0] == DocumentId(GENERAL, "F1")
    shelf.put(key, TEXT)
    await shelf.handle(*shelf.events(1))
    assert await shelf.search("heron", GENERAL) == [TEXT]
    assert await shelf.search("heron", SUPPORT) == []


def test_keys_come_as_in_a_form():
    written = {"key": "library/a+b%2B.txt", "sequencer": "0a", "size": 3}
    gone = {"key": "library/x", "sequencer": "0B"}
    events = [
        {"eventName": "ObjectCreated:Put", "s3": {"object": written}},
        {"eventName": "ObjectRemoved:DeleteMarkerCreated", "s3": {"object": gone}},
    ]
    made, removed = jobs(json.dumps({"Records": events}))
    assert made == Written("library/a b+.txt", "0A".ljust(32, "0"), 3)
    assert removed == Removed("library/x", "0B".ljust(32, "0"))
    assert made.seen < removed.seen


async def test_documents_side_by_side_hold_no_more_than_there_is_room_for(shelf):
    held = []

    async def read(path, name):
        for _ in range(6):
            yield Picture(b"x" * 300_000, "image/png")
            held.append(made._room.held)

    size = 2**20
    made = shelf.made(read=read, room=size, readers=4)
    for name in "abcd":
        shelf.put(f"library/{name}.txt", TEXT)
    found = [job for body in shelf.events(4) for job in jobs(body)]
    await asyncio.gather(*(made.run(job) for job in found))
    whole = 6 * weight(Picture(b"x" * 300_000, "image/png"))
    assert size / 2 < max(held) <= size + whole < 4 * whole
    assert made._room.held == 0
