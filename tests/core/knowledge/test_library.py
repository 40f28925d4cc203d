"""What a search gives back, and how much of the manifest it reads for that."""

from core.knowledge.library import GLIMPSE, LIKELY, IndexedLibrary
from core.ports.index import Found, Hit
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, Locator, State

PLACE = "slack/T/C"


class Everything:
    """An index of one chunk for each document, the best first, and its manifest."""

    def __init__(self, number, stale=(), best=0.9):
        self.best = best
        self.ids = [DocumentId(PLACE, f"F{n:03d}") for n in range(number)]
        self.stale = {self.ids[n] for n in stale}
        self.read = []

    async def embed(self, texts, *, query=False):
        return [[0.0]]

    async def reference_score(self, question):
        return 1.0

    async def search(self, question, vector, scopes, most, *, only=()):
        hits = [
            Hit(each, "1", 0, 0, 0, Locator(), self.best - n / 1000)
            for n, each in enumerate(self.ids)
        ]
        return Found(hits, (), most)

    async def texts(self, wanted):
        return [[Chunk(0, document.file, Locator(), 0, 0)] for document, *_ in wanted]

    async def get(self, ids):
        self.read += ids
        return {
            each: Document(
                each, each.file, "k", State.READY, version="2" if each in self.stale else "1"
            )
            for each in ids
        }


async def found(all_, limit=6):
    library = IndexedLibrary(all_, all_, all_)
    passages = await library.search("what?", frozenset({Scope(PLACE)}), limit=limit)
    return [each.text for each in passages]


async def test_the_best_passages_cost_the_rows_of_the_likeliest_documents_only():
    all_ = Everything(50)
    assert await found(all_) == [f"F{n:03d}" for n in range(6)]
    assert len(all_.read) == 6 * LIKELY


async def test_where_the_likeliest_do_not_count_the_others_are_looked_at():
    all_ = Everything(50, stale=range(22))
    assert await found(all_) == [f"F{n:03d}" for n in range(22, 28)]
    assert sorted(all_.read) == all_.ids  # each once


async def test_few_are_few():
    all_ = Everything(3, stale=[0])
    assert await found(all_) == ["F001", "F002"]
    assert len(all_.read) == 3


async def test_what_a_score_is_made_of_can_be_asked_below_the_floor_too():
    all_ = Everything(3)
    library = IndexedLibrary(all_, all_, all_)
    ranked = await library.ranked("what?", frozenset({Scope(PLACE)}), floor=0.899)
    assert [passage.text for _, passage in ranked] == ["F000", "F001"]
    ranked = await library.ranked("what?", frozenset({Scope(PLACE)}), floor=float("-inf"))
    assert [(each.score, each.cosine, each.words) for each, _ in ranked] == [
        (0.9 - n / 1000, 0.9 - n / 1000, 0.0) for n in range(3)
    ]


async def passages(all_, **options):
    return await IndexedLibrary(all_, all_, all_).search("what?", SCOPES, **options)


SCOPES = frozenset({Scope(PLACE)})


async def test_where_nothing_is_near_the_nearest_is_shown_as_weak():
    found = await passages(Everything(5, best=0.25))
    assert [(each.text, each.weak) for each in found] == [("F000", True), ("F001", True)]
    assert [each.weak for each in await passages(Everything(5))] == [False] * 5


async def test_of_what_is_hardly_near_only_the_beginning_is_shown():
    class Long(Everything):
        async def texts(self, wanted):
            return [[Chunk(0, each[0].file * 1_000, Locator(), 0, 0)] for each in wanted]

    assert [len(each.text) for each in await passages(Long(1, best=0.2))] == [4_000]
    assert [len(each.text) for each in await passages(Long(1, best=0.01))] == [GLIMPSE]


async def test_what_may_not_be_seen_is_not_near_either():
    assert await passages(Everything(3, stale=range(3), best=0.25)) == []


async def test_among_some_documents_nothing_is_weak():
    found = await passages(Everything(2, best=0.1), only=[DocumentId(PLACE, "F000")])
    assert [each.weak for each in found] == [False, False]
