"""Files of a message that is deleted while they are fetched."""

import time

import pytest

from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.s3 import S3Vault
from core.aws.sqs.file_queue import SqsNotices
from core.knowledge.files.intake import Sharing
from core.ports.chat import Forbidden, RateLimited, Unreachable
from core.ports.documents import SharerNotAllowed
from core.values.conversation import Attachment, Conversation, Incoming, Kind, Person
from core.values.documents import Document, DocumentId, State
from tests.support.fake_chat import FakeChat

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
FILE = Attachment("F1", "a.txt", "text/plain", 3, "https://files.example/F1")
POST = Incoming(f"{WHERE.place}/1.0", WHERE, Person("U1", "Ana"), "", "1.0", (FILE,))
DOCUMENT = DocumentId(WHERE.place, "F1")
KEY = f"{WHERE.place}/F1/a.txt"


class Interrupted(FakeChat):
    """A conversation in which something happens while a file is fetched."""

    fetched = 0

    async def open(self, attachment):
        self.fetched += 1
        await self.meanwhile()
        yield b"text"


@pytest.fixture
def vault(aws):
    return S3Vault(aws.client("s3"), aws.resources.bucket, aws.calls)


@pytest.fixture
def manifest(aws):
    dynamodb = aws.client("dynamodb")
    return DynamoManifest(dynamodb, aws.resources.table, aws.calls, clock=time.time)


@pytest.fixture
def chat(manifest):
    chat = Interrupted(WHERE)

    async def deleted():
        await manifest.forget(DOCUMENT)

    chat.meanwhile = deleted
    return chat


@pytest.fixture
def file_events(aws):
    where = {"bucket": aws.resources.bucket, "clock": time.time}
    return SqsNotices(aws.client("sqs"), aws.resources.files_queue, aws.calls, **where)


@pytest.fixture
def sharing(vault, manifest, file_events):
    return Sharing(vault, manifest, file_events, limit=100, clock=time.monotonic, now=time.time)


async def test_a_file_that_is_deleted_while_it_is_fetched_is_not_kept(
    sharing, vault, manifest, chat
):
    shared = await sharing.take(POST, chat, lambda _: None)
    assert shared.documents == ()
    assert "a.txt" in shared.unread[0]
    assert not await vault.has(KEY)
    assert (await manifest.get([DOCUMENT]))[DOCUMENT].forgotten


async def test_the_files_of_a_post_that_was_deleted_before_its_turn_are_not_kept(
    sharing, vault, manifest, chat
):
    async def nothing():
        assert (await manifest.get([DOCUMENT]))[DOCUMENT].state is State.RECEIVED

    chat.meanwhile = nothing
    await manifest.set_tombstone(WHERE.place, "1.0")
    assert await manifest.of_message(WHERE.place, "1.0") == []
    shared = await sharing.take(POST, chat, lambda _: None)
    assert shared.documents == ()
    assert not await vault.has(KEY)
    assert (await manifest.get([DOCUMENT]))[DOCUMENT].forgotten


@pytest.mark.parametrize("fault", [RateLimited(0.01), Unreachable("503")])
async def test_what_a_platform_does_not_tell_of_a_file_at_once_is_asked_again(
    vault, manifest, chat, fault
):
    async def read():
        await manifest.begin_version(DOCUMENT, KEY, "a.txt", "0A".ljust(32, "0"), 4)
        await manifest.ready(DOCUMENT, "0A".ljust(32, "0"), pages=0, chunks=1)

    async def nap(seconds):
        naps.append(seconds)

    naps, asked = [], [fault, fault]
    chat.meanwhile = read

    async def described(attachment):
        if asked:
            raise asked.pop()
        return attachment

    chat.described = described
    sharing = Sharing(
        vault, manifest, file_events, limit=100, clock=time.monotonic, now=time.time, sleep=nap
    )
    shared = await sharing.take(POST, chat, lambda _: None)
    assert [each.name for each in shared.documents] == ["a.txt"]
    assert len(naps) == 2


async def test_a_post_that_is_told_again_does_not_bring_its_deleted_file_back(sharing, vault, chat):
    await sharing.take(POST, chat, lambda _: None)
    shared = await sharing.take(POST, chat, lambda _: None)
    assert shared.documents == ()
    assert chat.fetched == 1
    assert not await vault.has(KEY)


class Renews(FakeChat):
    """A conversation whose store has another version, which the ingester reads at once."""

    async def current(self, document):
        await self.meet("current")
        more = {"source": "graph-item:1", "version": "v2"}
        return Attachment(document.id.file, document.name, "text/plain", 4, "https://x", **more)

    async def open(self, attachment):
        await self.meet("open")
        yield b"text"
        await self.manifest.begin_version(DOCUMENT, KEY, "a.txt", f"{'0' * 31}2", 4)
        await self.manifest.ready(DOCUMENT, f"{'0' * 31}2", pages=0, chunks=1)


@pytest.fixture
async def changed(manifest):
    """A document that can be searched, as its store had it before."""
    more = {"source": "graph-item:1", "source_version": "v1", "message": "1.0"}
    await manifest.register(Document(DOCUMENT, "a.txt", KEY, **more))
    await manifest.begin_version(DOCUMENT, KEY, "a.txt", f"{'0' * 31}1", 3)
    await manifest.ready(DOCUMENT, f"{'0' * 31}1", pages=0, chunks=1)
    return (await manifest.get([DOCUMENT]))[DOCUMENT]


async def test_a_file_that_was_read_anew_has_the_version_that_its_store_has(
    sharing, vault, manifest, changed
):
    chat = Renews(WHERE)
    chat.manifest = manifest
    assert changed.source_version == "v1"
    (ready,) = await sharing.renewed([changed], chat, lambda _: None)
    assert (ready.state, ready.version) == (State.READY, f"{'0' * 31}2")
    now = (await manifest.get([DOCUMENT]))[DOCUMENT]
    assert (now.source_version, now.source) == ("v2", "graph-item:1")
    assert await vault.has(KEY)


@pytest.mark.parametrize("call", ["current", "open"])
async def test_a_file_that_cannot_be_read_anew_stays_as_it_was(sharing, manifest, changed, call):
    chat = Renews(WHERE)
    chat.manifest = manifest
    chat.faults[call] = [Forbidden("no")]
    assert await sharing.renewed([changed], chat, lambda _: None) == []
    now = (await manifest.get([DOCUMENT]))[DOCUMENT]
    assert (now.state, now.version, now.source_version) == (State.READY, changed.version, "v1")


async def test_a_file_that_its_sharer_may_not_open_says_so_and_what_to_do(sharing, manifest):
    class Guarded(FakeChat):
        async def described(self, attachment):
            raise SharerNotAllowed("x")

    shared = await sharing.take(POST, Guarded(WHERE), lambda _: None)
    assert shared.documents == ()
    (sentence,) = shared.unread
    assert "I could not confirm that whoever shared it may open it" in sentence
    assert "Upload it here" in sentence
