"""What fails ends what was done beside it: no more downloads, no more calls of the model."""

import asyncio

import pytest

from core.knowledge.files.intake import Sharing
from core.ports.model import Broken
from core.ports.store_error import StoreError
from core.turn.prompt.summaries import AT_ONCE, PART, condensed
from core.values.conversation import Attachment, Conversation, Incoming, Kind, Person
from core.values.documents import Document, DocumentId, Locator, Passage
from tests.support import virtual
from tests.support.fake_chat import FakeChat
from tests.support.fake_documents import FakeManifest, FakeNotices, FakeVault

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
FILES = tuple(
    Attachment(f"F{n}", f"{n}.txt", "text/plain", 4, f"https://files.example/F{n}")
    for n in range(9)
)
POST = Incoming(f"{WHERE.place}/1.0", WHERE, Person("U1", "Ana"), "", "1.0", FILES)


class Slow(FakeChat):
    """A conversation whose files take ten seconds each."""

    opened = 0

    async def open(self, attachment):
        self.opened += 1
        await asyncio.sleep(10)
        yield b"text"


class Fails(FakeVault):
    """A bucket that does not answer about the second file."""

    async def store(self, key, pieces, media_type, limit):
        if "/F1/" in key:
            await asyncio.sleep(1)
            raise StoreError("down")
        return await super().store(key, pieces, media_type, limit)


def test_when_one_of_a_messages_files_fails_no_other_is_downloaded_any_more():
    async def main():
        chat, vault = Slow(WHERE), Fails()
        manifest = FakeManifest(virtual.now)
        more = {"limit": 100, "clock": virtual.now, "now": virtual.now}
        sharing = Sharing(vault, manifest, FakeNotices(), **more)
        with pytest.raises(StoreError):
            await sharing.take(POST, chat, lambda _: None)
        begun = chat.opened
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(600)
        assert (chat.opened, vault.objects) == (begun, {})

    virtual.run(main)


class Model:
    """Fails at the third part; the others take ten seconds."""

    calls = 0

    async def stream(self, prompt):
        self.calls += 1
        if self.calls == 3:
            await asyncio.sleep(1)
            raise Broken("no region")
        await asyncio.sleep(10)
        yield


def test_when_a_part_cannot_be_condensed_the_model_is_asked_for_no_other():
    document = Document(DocumentId("p", "f"), "a.txt", "k")
    passages = [Passage(document, "word " * PART, Locator()) for _ in range(4 * AT_ONCE)]
    model = Model()

    async def main():
        with pytest.raises(Broken):
            await condensed(passages, model, "haiku", lambda *_: None)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(600)

    virtual.run(main)
    assert model.calls == AT_ONCE
