"""A new model or mapping takes the old one's place; nothing is lost, nobody asks in vain."""

import asyncio

import pytest

from core.aws.search import mapping
from core.aws.search.index_versions import FOLLOW, IndexVersions
from core.aws.search.opensearch import OpenSearchIndex
from core.aws.search.reindex import STALE, Reindex
from core.knowledge.library import IndexedLibrary
from core.ports.index import IndexRejected
from core.ports.model import Overloaded
from core.ports.store_error import StoreError
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, Locator
from tests.conftest import REGION
from tests.ingestion.shelf import Shelf, Words

OLD, NEW = ("old-model", 512), ("new-model", 256)
NUMBER = 12


class Model(Words):
    """Words of a vector space of its own."""

    def __init__(self, model, dims):
        super().__init__()
        self.model, self.dims = model, dims
        self.texts = 0

    async def embed(self, texts, *, query=False):
        self.texts += len(texts)
        return await super().embed(texts, query=query)

    def vector(self, text):
        return super().vector(" ".join(self.model + word for word in text.split()))

    async def close(self):
        pass


class Said(list):
    """What a run said; one that says that much makes no progress."""

    def append(self, text):
        assert len(self) < 200, text
        super().append(text)


class Place:
    """Documents in an index of the old model; clocks that go only while a command sleeps."""

    def __init__(self, aws, url):
        self.aws, self.url, self.now = aws, url, [0.0]
        self.models, self.made = {}, []
        self.worker = self.editions(*OLD)
        self.shelf = Shelf(aws, self.worker, words=self.worker)
        self.naps, self.said = [], Said()
        self.hook = None

    def model(self, model, dims):
        return self.models.setdefault((model, dims), Model(model, dims))

    def editions(self, model, dims, clock=None):
        made = IndexVersions(
            self.url, REGION, model=model, dims=dims, pool=self.model,
            table=self.aws.resources.table, clock=clock or (lambda: self.now[0]),
        )  # fmt: skip
        self.made.append(made)
        return made

    def library(self, editions):
        return IndexedLibrary(editions, self.shelf.manifest, editions)

    async def add(self, *names, text="The {} nests in reeds."):
        for name in names:
            self.shelf.put(f"library/{name}.txt", text.format(name))
        assert await self.shelf.handle(*self.shelf.events(len(names))) == []

    async def fill(self):
        await self.add(*(f"heron{n}" for n in range(NUMBER)))

    async def reindex(self, model=NEW, *, keep=False):
        async def nap(seconds):
            self.naps.append(seconds)
            if self.hook is not None:
                await self.hook(seconds)
            self.now[0] += seconds
            await asyncio.sleep(0)

        editions = self.editions(*model)
        return await Reindex(
            editions, self.shelf.manifest, say=self.said.append, sleep=nap
        ).run(keep=keep)  # fmt: skip

    async def found(self, name, editions=None):
        library = self.library(editions or self.worker)
        return [
            p.text for p in await library.search(f"the {name} nests", frozenset({Scope("library")}))
        ]

    async def finds(self, *names, editions=None):
        for name in names:
            found = await self.found(name, editions)
            assert any(name in text for text in found), (name, found)

    async def versions(self):
        """Passages of each version of the index, the live one's name first."""
        found = await self.editions(*OLD).all(anew=True)
        for each in found:
            await each.index.refresh()
        return {
            each.name: (each.model, each.live, each.filling, await each.index.known())
            for each in found
        }


@pytest.fixture
async def place(aws, opensearch, alias):
    place = Place(aws, opensearch)
    yield place
    for each in place.made:
        await each.close()


async def test_the_new_model_takes_the_olds_place_while_everybody_asks(place):
    await place.fill()
    sleepy = place.editions(*OLD, clock=lambda: 0.0)  # looks only when it must
    await place.finds("heron0", editions=sleepy)
    ended, asked = asyncio.Event(), [0]

    async def ask(editions):
        while not ended.is_set():
            await place.finds(f"heron{asked[0] % NUMBER}", editions=editions)
            asked[0] += 1

    asking = [asyncio.create_task(ask(each)) for each in (place.worker, place.worker, sleepy)]
    outcome = await place.reindex()
    before = asked[0]
    await place.finds(*(f"heron{n}" for n in range(NUMBER)))
    ended.set()
    await asyncio.gather(*asking)
    assert asked[0] > before > 0
    assert (outcome.swapped, outcome.copied, len(outcome.removed)) == (True, NUMBER, 1)
    assert await place.versions() == {outcome.name: ("new-model", True, False, NUMBER)}
    assert (await sleepy.live()).name == outcome.name


async def test_before_anything_was_indexed_and_when_it_is_done_there_is_nothing_to_do(place):
    assert (await place.reindex()).name == ""
    await place.fill()
    outcome = await place.reindex(OLD)
    assert (outcome.swapped, outcome.copied, outcome.removed, place.naps) == (False, 0, (), [])


async def test_what_comes_changes_and_goes_meanwhile_is_there_changed_and_gone(place):
    await place.fill()
    steps = iter(range(10))

    async def meanwhile(seconds):
        step = next(steps)
        place.now[0] += FOLLOW
        await place.add(f"stork{step}")
        await place.add(f"heron{step}", text="The {} left for good.")
        place.shelf.remove(f"library/heron{step + 6}.txt")
        await place.shelf.handle(*place.shelf.events(1))
        await place.finds(f"stork{step}", f"heron{step}")

    place.hook = meanwhile
    outcome = await place.reindex()
    steps = len(place.naps)
    assert steps == 2
    await place.finds(*(f"stork{n}" for n in range(steps)), *(f"heron{n}" for n in (0, 1, 2, 5)))
    for n in range(steps):
        assert (await place.found(f"heron{n}"))[0] == f"The heron{n} left for good."
        assert not any(f"heron{n + 6} " in text for text in await place.found(f"heron{n + 6}"))
    assert await place.versions() == {outcome.name: ("new-model", True, False, NUMBER)}


async def test_what_was_written_to_the_old_one_alone_is_found_before_it_goes(place):
    await place.fill()
    sleepy = place.editions(*OLD, clock=lambda: 0.0)
    late = Shelf(place.aws, sleepy, words=sleepy)
    await sleepy.all()

    async def meanwhile(seconds):
        if seconds == STALE:
            late.put("library/stork.txt", "The stork nests in reeds.")
            await late.handle(*late.events(1))

    place.hook = meanwhile
    outcome = await place.reindex()
    await place.finds("stork")
    assert await place.versions() == {outcome.name: ("new-model", True, False, NUMBER + 1)}


async def test_a_document_that_is_being_read_since_before_is_waited_for(place):
    await place.fill()
    sleepy = place.editions(*OLD, clock=lambda: 0.0)
    late = Shelf(place.aws, sleepy, words=sleepy)
    running, go_on = asyncio.Event(), asyncio.Event()
    await sleepy.all()

    async def hold():
        running.set()
        await go_on.wait()

    late.put("library/stork.txt", "The stork nests in reeds.")
    (event,) = late.events(1)
    old = place.model(*OLD)
    old.hook = hold
    reading = asyncio.create_task(late.handle(event))
    await running.wait()
    old.hook = None
    names = []

    async def meanwhile(seconds):
        names.append([model for model, live, *_ in (await place.versions()).values() if live])
        if len(names) == 4:
            go_on.set()
            await reading

    place.hook = meanwhile
    outcome = await place.reindex()
    assert names == [["old-model"]] * 4 + [["new-model"]]
    await place.finds("stork")
    assert await place.versions() == {outcome.name: ("new-model", True, False, NUMBER + 1)}


async def test_a_run_that_was_cut_goes_on_where_it_was(place):
    await place.fill()
    new = place.model(*NEW)
    calls = [0]

    async def fail_after_seven():
        calls[0] += 1
        if calls[0] > 7:
            raise Overloaded("everywhere")

    new.hook = fail_after_seven
    with pytest.raises(Overloaded):
        await place.reindex()
    new.hook = None
    await place.finds("heron0", "heron11")
    versions = await place.versions()
    assert sorted(live for _, live, *_ in versions.values()) == [False, True]
    (half,) = (count for _, live, _, count in versions.values() if not live)
    assert 0 < half <= 7
    place.now[0] += FOLLOW
    await place.add("stork")  # to both
    outcome = await place.reindex()
    assert outcome.copied == NUMBER - half
    await place.finds("heron0", "heron11", "stork")
    assert await place.versions() == {outcome.name: ("new-model", True, False, NUMBER + 1)}


async def test_a_run_that_was_cut_after_the_swap_is_finished(place, monkeypatch):
    await place.fill()

    class Cut(Exception):
        pass

    async def cut(seconds):
        if seconds == STALE:
            raise Cut

    place.hook = cut
    with pytest.raises(Cut):
        await place.reindex()
    assert len(await place.versions()) == 2
    place.hook = None
    outcome = await place.reindex()
    assert (outcome.swapped, len(outcome.removed)) == (False, 1)
    assert await place.versions() == {outcome.name: ("new-model", True, False, NUMBER)}


async def test_what_was_forgotten_while_it_was_copied_is_not_in_the_new_one(place):
    await place.fill()
    copied = place.model(*NEW)

    async def forget():
        copied.hook = None
        for n in range(NUMBER):
            key = DocumentId("library", f"heron{n}.txt")
            await place.shelf.manifest.forget(key)

    copied.hook = forget
    await place.reindex()
    ((_, _, _, count),) = (await place.versions()).values()
    assert count == 0


async def test_the_old_one_can_be_kept_and_gone_back_to(place):
    await place.fill()
    outcome = await place.reindex(keep=True)
    assert len(outcome.kept) == 1
    place.now[0] += FOLLOW
    await place.add("stork")
    place.shelf.remove("library/heron0.txt")
    await place.shelf.handle(*place.shelf.events(1))
    back = await place.reindex(OLD)
    assert back.copied == 1
    await place.finds("stork", "heron1")
    assert await place.versions() == {back.name: ("old-model", True, False, NUMBER)}


async def test_a_change_of_mind_drops_what_was_half_filled(place):
    await place.fill()
    new = place.model(*NEW)
    new.fails = [Overloaded("everywhere")] * 20
    with pytest.raises(Overloaded):
        await place.reindex()
    outcome = await place.reindex(OLD)
    assert len(outcome.removed) == 1
    assert await place.versions() == {outcome.name: ("old-model", True, False, NUMBER)}


async def test_a_new_mapping_takes_the_olds_place_and_the_old_one_is_written_to_until_then(
    place, monkeypatch
):
    await place.fill()
    real = mapping.definition

    def wider(*arguments):
        made = real(*arguments)
        made["mappings"]["properties"]["extra"] = {"type": "keyword"}
        return made

    item = mapping.item

    def with_extra(*arguments, known=()):
        action, fields = item(*arguments, known=known).splitlines()
        if not known or "extra" in known:
            fields = fields[:-1] + b', "extra": "x"}'
        return action + b"\n" + fields + b"\n"

    monkeypatch.setattr(mapping, "MAPPING", mapping.MAPPING + 1)
    monkeypatch.setattr(mapping, "definition", wider)
    monkeypatch.setattr(mapping, "item", with_extra)
    upgraded = place.editions(*OLD)
    shelf = Shelf(place.aws, upgraded, words=upgraded)
    shelf.put("library/stork.txt", "The stork nests in reeds.")
    assert await shelf.handle(*shelf.events(1)) == []
    await place.finds("stork", "heron0", editions=upgraded)
    outcome = await place.reindex(OLD)
    assert (outcome.swapped, outcome.copied) == (True, NUMBER + 1)
    await place.finds("stork", "heron0", editions=upgraded)


async def test_a_file_is_read_though_the_next_model_does_not_answer(place):
    await place.fill()
    new = place.model(*NEW)

    async def meanwhile(seconds):
        if seconds == 2 * FOLLOW:
            place.now[0] += FOLLOW
            new.fails = [Overloaded("everywhere")]
            await place.add("stork")
            assert new.fails == []

    place.hook = meanwhile
    outcome = await place.reindex()
    assert outcome.copied == NUMBER + 1
    await place.finds("stork")


async def test_a_vector_made_before_the_swap_is_not_compared_with_another_models(place):
    await place.fill()
    asked, text = "the heron3 nests", "The stork nests in reeds."
    (question,) = await place.worker.embed([asked], query=True)
    (written,) = await place.worker.embed([f"stork.txt\n{text}"])
    await place.reindex()
    place.now[0] += FOLLOW
    found = await place.worker.search(asked, question, frozenset({Scope("library")}), 1.0)
    assert found.vector[0].document.file == "heron3.txt"
    stork = Document(DocumentId("library", "stork.txt"), "stork.txt", "")
    await place.worker.put(stork, "1", [Chunk(0, text, Locator(), 0, 0)], [written])
    await place.worker.refresh()
    (near,) = await place.model(*NEW).embed([f"stork.txt\n{text}"], query=True)
    found = await place.worker.search("-", near, frozenset({Scope("library")}), 1.0)
    assert found.vector[0].document == stork.id
    assert found.vector[0].score == pytest.approx(1, abs=1e-3)


async def misplaced(place, *names):
    """Moves the only passage of documents to where none is: it is counted as before."""
    client, old = place.worker.client, (await place.worker.live()).name
    for name in names:
        where = {"index": old, "body": {"query": {"term": {"document": doc(name).short}}}}
        (found,) = (await client.search(**where))["hits"]["hits"]
        put = {"index": old, "id": found["_id"].rpartition("-")[0] + "-7", "refresh": "true"}
        vector = place.model(*OLD).vector(name)
        await client.index(**put, body={**found["_source"], "vector": vector, "text": name})
        await client.delete(index=old, id=found["_id"], refresh="true")


def doc(name):
    return DocumentId("library", f"{name}.txt")


async def test_passages_that_are_counted_and_cannot_be_read_are_told_and_the_others_copied(place):
    await place.fill()
    await misplaced(place, "heron0", "heron1")
    outcome = await place.reindex()
    assert (outcome.swapped, outcome.copied, outcome.short) == (True, NUMBER - 2, 2)
    await place.finds(*(f"heron{n}" for n in range(2, NUMBER)))
    # the comparison sees by the manifest's count that they lack
    held = await place.worker.held([doc("heron0"), doc("heron2")])
    known = (await place.shelf.manifest.get([doc("heron2")]))[doc("heron2")]
    assert held == {(doc("heron2").short, known.version): 1}
    assert known.chunks == 1


async def test_a_new_version_that_keeps_nothing_is_not_put_in_the_olds_place(place, monkeypatch):
    await place.fill()
    gone = OpenSearchIndex.put

    async def put(self, document, version, chunks, vectors):
        await gone(self, document, version, chunks, vectors)
        await self.delete(document.id)

    with monkeypatch.context() as patched:
        patched.setattr(OpenSearchIndex, "put", put)
        with pytest.raises(IndexRejected, match="does not keep the passages of 12 documents"):
            await place.reindex()
    await place.finds("heron0", "heron11")


async def test_a_new_version_that_goes_while_it_is_filled_is_told_in_a_sentence(place, monkeypatch):
    # one after another: none is just being written when it goes
    monkeypatch.setattr("core.aws.search.reindex.AT_ONCE", 1)
    await place.fill()
    new = place.editions(*NEW)

    async def removed():
        place.model(*NEW).hook = None
        await new.client.indices.delete(index=new.wanted)

    place.model(*NEW).hook = removed
    with pytest.raises(StoreError, match="went"):
        await place.reindex()
    await place.finds("heron0", "heron11")
    assert (await place.reindex()).copied == NUMBER
