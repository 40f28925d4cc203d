"""Files as their store has them: gone is forgotten, changed is read anew, unknown has its date."""

import asyncio
import json
from dataclasses import replace

import pytest

from core.aws.access.items import encode
from core.aws.dynamodb.manifest import DynamoManifest
from core.knowledge.originals import PATIENCE, Originals
from core.ports.chat import Forbidden, RateLimited, Unreachable
from core.ports.file_sources import Freshness
from core.values.conversation import Attachment, Conversation, Incoming, Kind, Person, dumps, loads
from core.values.documents import Document, DocumentId, Locator, Passage, State
from tests.support import virtual
from tests.support.fake_chat import FakeChat

WHERE = Conversation("teams", "T", "C", "1", Kind.CHANNEL)


def document(name, **more):
    known = {"state": State.READY, "version": "1", "shared_at": 1_791_000_000.0, "message": "m1"}
    source = f"graph-item:{name}"
    return Document(DocumentId(WHERE.place, name), name, "k", source=source, **{**known, **more})


def passage(of, text="storks"):
    return Passage(of, text, Locator())


class FakeSharing:
    def __init__(self, ready=True):
        self.ready = ready
        self.anew = []
        self.forgotten = []

    async def renewed(self, documents, chat, status):
        self.anew += [each.name for each in documents]
        return documents if self.ready else []

    async def forget(self, document):
        self.forgotten.append(document.name)
        return [document]


class FakeHistory:
    def __init__(self):
        self.forgotten = []

    async def forget(self, conversation, message_id):
        self.forgotten.append((conversation, message_id))

    async def forget_quoting(self, document):
        self.forgotten.append(document)


class Scene:
    def __init__(self, ready=True, **states):
        self.chat = FakeChat(WHERE)
        self.chat.states = {DocumentId(WHERE.place, name): state for name, state in states.items()}
        self.sharing, self.history = FakeSharing(ready), FakeHistory()
        self.originals = Originals(self.sharing, self.history)

    async def quotable(self, *documents, known=()):
        states = await self.originals.look(known, self.chat)

        async def search(ids):
            return [passage(each, "herons") for each in documents if each.id in ids]

        passages = [passage(each) for each in documents]
        return await self.originals.quotable(
            passages, (known, states), self.chat, lambda _: None, search
        )


async def test_what_is_the_same_is_quoted_without_a_word():
    scene = Scene(**{"a.txt": Freshness.SAME})
    found = await scene.quotable(document("a.txt"))
    assert ([each.text for each in found.passages], found.notes) == (["storks"], ())


async def test_what_is_gone_is_forgotten_with_what_was_said_of_it_and_not_quoted():
    scene = Scene(**{"a.txt": Freshness.GONE})
    gone = document("a.txt")
    found = await scene.quotable(gone)
    assert found.passages == ()
    assert found.gone == {gone.id}
    assert scene.sharing.forgotten == ["a.txt"]
    assert (f"{WHERE.place}/m1", "m1") in scene.history.forgotten
    assert gone.id in scene.history.forgotten


async def test_a_file_of_the_place_that_is_gone_is_forgotten_even_if_it_is_not_quoted():
    scene = Scene(**{"b.txt": Freshness.GONE})
    other = document("b.txt")
    found = await scene.quotable(document("a.txt"), known=[other])
    assert len(found.passages) == 1
    assert scene.sharing.forgotten == ["b.txt"]


async def test_what_has_changed_is_read_anew_and_the_answer_says_so():
    scene = Scene(**{"a.txt": Freshness.CHANGED})
    found = await scene.quotable(document("a.txt"), document("c.txt"))
    assert [each.text for each in found.passages] == ["storks", "herons"]
    assert scene.sharing.anew == ["a.txt"]
    assert "“a.txt” was changed" in found.notes[0]
    assert "new version" in found.notes[0]


async def test_what_cannot_be_read_anew_in_time_is_not_quoted_as_it_was():
    scene = Scene(ready=False, **{"a.txt": Freshness.CHANGED})
    found = await scene.quotable(document("a.txt"))
    assert found.passages == ()
    assert "Ask again in a minute" in found.notes[0]


async def test_what_is_being_read_anew_is_not_quoted_as_it_was():
    scene = Scene(**{"a.txt": Freshness.SAME})
    found = await scene.quotable(document("a.txt", state=State.EXTRACTING))
    assert found.passages == ()
    assert "Ask again in a minute" in found.notes[0]


@pytest.mark.parametrize("error", [Unreachable("x"), RateLimited(9)])
async def test_where_the_store_is_away_a_file_is_quoted_with_its_date(error):
    scene = Scene()
    scene.chat.faults["freshness"] = [error]
    found = await scene.quotable(document("a.txt"))
    assert len(found.passages) == 1
    assert "“a.txt” (as of 3 Oct 2026)" in found.notes[0]


async def test_where_we_may_not_ask_nothing_is_said():
    scene = Scene()
    scene.chat.faults["freshness"] = [Forbidden("no right")]
    found = await scene.quotable(document("a.txt"))
    assert (len(found.passages), found.notes) == (1, ())


async def test_files_that_the_search_had_not_been_expected_to_find_are_asked_about_after_it():
    scene = Scene()
    here, elsewhere = document("a.txt"), document("b.txt")
    scene.chat.states = {here.id: Freshness.SAME, elsewhere.id: Freshness.SAME}
    await scene.quotable(here, elsewhere, known=[here])
    assert scene.chat.asked == [[here.id], [elsewhere.id]]
    await scene.quotable(here, known=[here])
    assert scene.chat.asked[2:] == [[here.id]]


def test_a_store_that_says_nothing_is_not_waited_for_long():
    class Silent(FakeChat):
        async def freshness(self, documents):
            await asyncio.Event().wait()

    async def main():
        began = virtual.now()
        one = document("a.txt")
        states = await Originals(FakeSharing(), FakeHistory()).look([one], Silent(WHERE))
        assert states == {one.id: Freshness.UNKNOWN}
        assert virtual.now() - began == PATIENCE

    virtual.run(main)


def test_what_a_store_says_of_a_file_is_not_queued_where_the_version_before_would_not_know_it():
    file = Attachment("F1", "a.txt", "", 3, "https://x", source="graph-item:1", version="v1")
    where = Conversation("teams", "T", "C", "1", Kind.CHANNEL)
    question = Incoming("e", where, Person("u"), "hi", "1", (file,))
    queued = json.loads(dumps(question))
    assert {"source", "version"} & {*queued["attachments"][0]} == set()
    (back,) = loads(dumps(question)).attachments
    assert back == replace(file, source="", version="")


async def test_a_row_of_the_version_before_has_no_source(aws):
    manifest = DynamoManifest(
        aws.client("dynamodb"), aws.resources.table, aws.calls, clock=lambda: 1.0
    )
    item = {"pk": f"files#{WHERE.place}", "sk": "old", "state": "ready", "name": "a", "key": "k"}
    aws.client("dynamodb").put_item(TableName=aws.resources.table, Item=encode(item))
    row = (await manifest.get([DocumentId(WHERE.place, "old")]))[DocumentId(WHERE.place, "old")]
    assert (row.source, row.source_version, row.state) == ("", "", State.READY)
    await manifest.sourced(replace(row, source="graph-item:1", source_version="v1"))
    row = (await manifest.get([row.id]))[row.id]
    assert (row.source, row.source_version, row.state) == ("graph-item:1", "v1", State.READY)
