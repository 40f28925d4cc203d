"""What a prompt has of documents: what stays over a thread apart from what was searched for."""

import pytest

from core.knowledge.lookup import Knowledge, Lookup
from core.values.conversation import Conversation, Incoming, Kind, Person
from core.values.documents import Document, DocumentId, Locator, Passage, State
from tests.support.fake_chat import FakeChat

WHERE = Conversation("slack", "T", "C", "1", Kind.CHANNEL)
OWN = Document(DocumentId(WHERE.place, "F1"), "own.pdf", "k", State.READY, version="1", chunks=2)
OTHER = Document(DocumentId(WHERE.place, "F2"), "other.pdf", "k", State.READY, version="1")
ASKED = Incoming("C/2", WHERE, Person("ana"), "Who leads the project in Oslo?", "2", in_thread=True)


class Shelf:
    """One document of the thread, two passages long, and what a search finds besides."""

    def __init__(self, *found):
        self.found = found

    async def read(self, document):
        return [Passage(document, f"own {n}", Locator()) for n in (1, 2)]

    async def search(self, text, scopes, *, only=(), limit=6):
        return list(self.found)

    async def of_message(self, place, message):
        return [OWN]

    async def of_place(self, place, limit):
        return [OWN, OTHER]


class Unseen:
    def status(self, markdown):
        pass


async def looked_up(*found):
    shelf = Shelf(*found)
    lookup = Lookup(Knowledge(shelf, shelf, None), None, None)
    return await lookup.of(ASKED, FakeChat(WHERE), Unseen(), frozenset({WHERE.scope}), ())


async def test_a_threads_own_documents_stand_apart_from_what_was_searched_for():
    found = await looked_up(Passage(OTHER, "found", Locator(), 0.5))
    assert [each.text for each in found.passages] == ["own 1", "own 2", "found"]
    assert '<passage id="2" file="own.pdf">' in found.documents
    assert "found" not in found.documents
    assert '<passage id="3" file="other.pdf">' in found.block
    assert "own 1" not in found.block
    again = await looked_up(Passage(OTHER, "something else", Locator(), 0.5))
    assert again.documents == found.documents


@pytest.mark.parametrize("found", [(), (Passage(OTHER, "far", Locator(), 0.1, weak=True),)])
async def test_beside_a_threads_own_documents_nothing_weak_is_shown_nor_missed(found):
    looked = await looked_up(*found)
    assert [each.text for each in looked.passages] == ["own 1", "own 2"]
    assert "<passages>" not in looked.block
