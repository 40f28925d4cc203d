"""A vector search collection does what a domain does, by what it has: later, and without ids."""

import asyncio
import json
import random
import re
import time
from pathlib import Path

import pytest
from opensearchpy.exceptions import NotFoundError

from cli.doctor.models import _search
from core.aws.search import delete_by_query, mapping, serverless
from core.aws.search.index_versions import IndexVersions
from core.aws.search.opensearch import OpenSearchIndex
from core.aws.search.purge import passages_of
from core.aws.search.reindex import STALE
from core.aws.search.requests import sent
from core.ports.index import IndexRejected
from core.ports.store_error import StoreError
from core.runtime.settings import load
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, Locator
from ingestion.reconciliation.differences import GRACE, Repair
from local.aws import free_port
from tests.core.aws.search.test_reindex import Place
from tests.ingestion.reconciliation.test_reconciler import Later
from tests.ingestion.shelf import Shelf, Words
from tests.support.collection import Collection
from tests.support.managed_domain import KEY, SECRET, reached

REGION = "ap-northeast-2"
ROOT = Path(__file__).parents[4]
HERE = frozenset({Scope("library")})
HERON, STORK = DocumentId("library", "heron.txt"), DocumentId("library", "stork.txt")
WORDS = Words()


class Model(Words):
    async def close(self):
        pass


def chunks(*texts, start=0):
    return [
        Chunk(n, text, Locator("lines", n + 1, n + 1), start, start + len(texts) - 1)
        for n, text in enumerate(texts, start)
    ]


def permitted():
    """What the data access policy of `docs/deploy.md` permits."""
    told = (ROOT / "docs" / "deploy.md").read_text()
    (policy,) = json.loads(re.search(r"```json\n(.*?)```", told, re.S)[1])
    return {each for rule in policy["Rules"] for each in rule["Permission"]}


@pytest.fixture
async def there(aws, opensearch, alias, tmp_path, monkeypatch):
    """A collection, and where it is."""
    collection = Collection(opensearch, {KEY: SECRET})
    host = f"x1y2.{REGION}.aoss.amazonaws.com"
    async with reached(collection, host, free_port(), tmp_path, monkeypatch) as url:
        yield collection, url


@pytest.fixture
async def editions(there, alias):
    made = IndexVersions(
        there[1], REGION, model="a-model", dims=512, pool=lambda model, dims: Model(), table=alias
    )
    yield made
    await made.close()


@pytest.fixture
def shelf(aws, there, editions):
    return Shelf(aws, editions, words=editions)


class Desk:
    """An index in the collection; a nap is as long as it takes until all can be found."""

    def __init__(self, collection, url, model):
        self.collection, self.naps, self.waits = collection, [], 0
        make = serverless.maker(url)
        self.index = make(
            url, REGION, model=model, dims=512, name=f"{model}-1", sleep=self.nap, there=False
        )

    async def nap(self, seconds):
        self.naps.append(seconds)
        if len(self.naps) > self.waits:
            await self.collection.refresh()

    async def put(self, document, version, some):
        # no model promises that its vectors are of length 1
        vectors = [[(each.ordinal + 0.5) * v for v in WORDS.vector(each.text)] for each in some]
        await self.index.put(Document(document, document.file, ""), version, some, vectors)


@pytest.fixture
async def desk(there, alias):
    there[0].every = "-1"
    desk = Desk(*there, alias)
    yield desk
    await desk.index.close()


@pytest.fixture
async def plain(opensearch, alias):
    """An index on the node itself, as on a domain."""
    index = OpenSearchIndex(opensearch, REGION, model=alias, dims=512, name=f"{alias}-0")
    yield index
    await index.close()


async def test_the_collection_refuses_what_a_domain_is_asked(there, alias):
    collection, url = there
    index = OpenSearchIndex(url, REGION, model=alias, dims=512)
    with pytest.raises(IndexRejected, match="number_of_shards is not supported"):
        await index.ensure()
    mappings = {"properties": {"text": {"type": "text"}}}
    await index._client.indices.create(index=index.name, body={"mappings": mappings})
    with pytest.raises(IndexRejected, match="illegal_argument_exception"):
        line = mapping.line({"_index": index.name, "_id": "1"}, {"text": "a"})
        await sent(index._client, [line], asyncio.sleep)
    for call in (
        index._client.indices.refresh(index=index.name),
        index._client.delete_by_query(index=index.name, body={"query": {"match_all": {}}}),
        index._client.termvectors(index=index.name, body={"doc": {"text": "a"}}),
        index._client.msearch(body=b'{}\n{"size":1}\n'),
    ):
        with pytest.raises(NotFoundError):
            await call
    assert len(collection.refused) == 6
    await index.close()


async def test_what_is_put_is_found_in_its_place_quoted_replaced_and_gone(there, shelf):
    collection, _ = there
    general = "slack/T1/C1"
    shelf.put("library/heron.txt", "The heron nests in reeds.\n\nIt eats fish: *always*.")
    shelf.put(f"{general}/F1/stork.txt", "The stork nests on chimneys.")
    assert await shelf.handle(*shelf.events(2)) == []
    (found,) = await shelf.search("Where does the heron nest?", "library")
    assert found == "The heron nests in reeds.\n\nIt eats fish: *always*."
    assert await shelf.search("Where does the stork nest?", general) == [
        "The stork nests on chimneys."
    ]
    assert not any("stork" in each for each in await shelf.search("the stork nests", "library"))
    row = await shelf.document("library/heron.txt")
    assert [each.text for each in await shelf.library.read(row)] == [found]
    shelf.put("library/heron.txt", "The heron left for good.")
    assert await shelf.handle(*shelf.events(1)) == []
    assert await shelf.search("the heron", "library") == ["The heron left for good."]
    shelf.remove("library/heron.txt")
    assert await shelf.handle(*shelf.events(1)) == []
    assert await shelf.search("the heron", "library") == []
    await collection.refresh()
    assert list(await shelf.index.held([row.id])) == []
    assert collection.refused == []
    # which says what an index's aliases are, if the list is not to be taken at its word
    assert permitted() == collection.used | {"aoss:DescribeCollectionItems"}


async def test_an_index_that_is_not_there_at_once_is_waited_for(there, shelf):
    there[0].late = 2
    shelf.put("library/heron.txt", "The heron nests in reeds.")
    assert await shelf.handle(*shelf.events(1)) == []
    assert shelf.naps == [0.5, 1]
    assert await shelf.search("the heron", "library") == ["The heron nests in reeds."]


async def test_it_has_settled_only_when_all_that_was_put_can_be_found(desk):
    desk.waits = 2
    await desk.put(HERON, "v1", chunks("The heron nests in reeds."))
    assert await desk.index.held([HERON]) == {}
    await desk.index.refresh()
    assert len(desk.naps) == 3
    assert await desk.index.held([HERON]) == {(HERON.short, "v1"): 1}
    await desk.index.refresh()
    assert len(desk.naps) == 3, "nothing is left to be waited for"


async def test_what_cannot_be_found_after_two_minutes_is_a_store_that_does_not_answer(desk):
    desk.waits = 1000
    await desk.put(HERON, "v1", chunks("The heron nests in reeds."))
    with pytest.raises(StoreError, match="cannot be found yet"):
        await desk.index.refresh()
    assert 110 < sum(desk.naps) < 130
    desk.waits = 0
    await desk.index.refresh()


async def test_what_was_lost_is_waited_for_a_quarter_of_an_hour_and_no_longer(desk):
    desk.waits = 1000
    desk.index._clock = lambda: time.time_ns() - int(serverless.LOST * 1e9)
    await desk.put(HERON, "v1", chunks("The heron nests in reeds."))
    desk.index._clock = time.time_ns
    with pytest.raises(StoreError):
        await desk.index.refresh()
    await desk.index.refresh()


async def test_what_is_written_again_is_there_once_and_as_it_was_written_last(desk):
    await desk.put(HERON, "v1", chunks("The heron nests.", "It eats fish.", "It sleeps."))
    await desk.put(HERON, "v1", chunks("The heron left.", "It eats frogs."))
    await desk.index.refresh()
    assert await desk.index.held([HERON, STORK]) == {(HERON.short, "v1"): 3}
    (texts,) = await desk.index.texts([(HERON, "v1", 0, 9)])
    assert [each.text for each in texts] == ["The heron left.", "It eats frogs.", "It sleeps."]
    found = await desk.index.search("the heron", WORDS.vector("the heron"), HERE, 1.0)
    assert sorted(each.ordinal for each in found.vector) == [0, 1, 2]
    assert [each.ordinal for each in found.words] == [0]


async def both(desk, plain, document, some):
    await desk.put(document, "v1", some)
    await desk.index.refresh()
    vectors = [WORDS.vector(each.text) for each in some]
    await plain.put(Document(document, document.file, ""), "v1", some, vectors)
    await plain.refresh()


async def test_words_weigh_as_much_as_by_term_vectors(desk, plain, monkeypatch):
    monkeypatch.setattr(serverless, "WORDS", 3)
    assert await desk.index.reference_score("the heron") == 0.0
    texts = ("The heron nests in reeds.", "The stork nests.", "アオサギは葦に巣を作る", "A heron")
    await both(desk, plain, HERON, chunks(*texts))
    for question in (
        "Where does the heron nest, the heron in the reeds?", "unknown", "", "アオサギの巣は?",
        "?!", "nests " * 500,
    ):  # fmt: skip
        assert await desk.index.reference_score(question) == pytest.approx(
            await plain.reference_score(question)
        )


async def test_hits_and_their_scores_are_those_of_a_domain(desk, plain):
    chance = random.Random(7)
    names = ["heron", "stork", "reeds", "nests", "fish", "frogs", "chimney", "sleeps"]
    some = chunks(*(" ".join(chance.choices(names, k=5)) for _ in range(30)))
    await both(desk, plain, HERON, some)
    for vector in (
        WORDS.vector("heron nests"),
        [-3.0 * each for each in WORDS.vector("heron nests")],
        [chance.uniform(-1, 1) for _ in range(512)],
    ):
        here = await desk.index.search("heron nests", vector, HERE, 1.0)
        there = await plain.search("heron nests", vector, HERE, 1.0)
        assert len(here.vector) == len(there.vector) == 30
        for leg in ("vector", "words"):
            scores = [{h.ordinal: h.score for h in getattr(each, leg)} for each in (here, there)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-5)
            assert [h.score for h in getattr(here, leg)] == sorted(scores[0].values(), reverse=True)
    only = await desk.index.search("heron", WORDS.vector("heron"), HERE, 1.0, only=[STORK])
    assert (only.vector, only.words) == ([], [])
    other = frozenset({Scope("slack/T1/C1")})
    found = await desk.index.search("heron", WORDS.vector("heron"), other, 1.0)
    assert (found.vector, found.words) == ([], [])


async def test_of_many_chunks_all_are_counted_read_and_deleted_and_no_others(desk, monkeypatch):
    for module in (delete_by_query, serverless):
        monkeypatch.setattr(module, "PAGE", 10)
    monkeypatch.setattr(serverless, "LENGTH", 4)
    monkeypatch.setattr(serverless, "SPANS", 2)
    for version in ("v1", "v1", "v2"):
        for start in range(0, 27, 3):
            texts = [f"heron {version} {n}" for n in range(start, start + 3)]
            await desk.put(HERON, version, chunks(*texts, start=start))
    await desk.put(STORK, "v1", chunks("stork"))
    await desk.index.refresh()
    assert await desk.index.held([HERON]) == {(HERON.short, "v1"): 27, (HERON.short, "v2"): 27}
    wanted = [(HERON, "v2", 0, 26), (STORK, "v1", 0, 0), (HERON, "v1", 5, 8), (STORK, "v9", 0, 3)]
    read = [[each.text for each in some] for some in await desk.index.texts(wanted)]
    assert read == [
        [f"heron v2 {n}" for n in range(27)], ["stork"], [f"heron v1 {n}" for n in range(5, 9)], [],
    ]  # fmt: skip
    await desk.index.delete(HERON, before="v2")
    await desk.collection.refresh()
    held = await desk.index.held([HERON, STORK])
    assert held == {(HERON.short, "v2"): 27, (STORK.short, "v1"): 1}
    assert await desk.index.known() == 28


async def test_what_was_put_a_moment_ago_is_deleted_as_well(desk):
    await desk.put(HERON, "v1", chunks("The heron nests in reeds."))
    await desk.index.delete(HERON, only="v1")
    await desk.collection.refresh()
    assert await desk.index.known() == 0


async def test_where_nothing_was_indexed_there_is_nothing(desk):
    assert await desk.index.known() is None
    assert (await desk.index.search("a", WORDS.vector("a"), HERE, 1.0)).vector == ()
    assert await desk.index.texts([(HERON, "v1", 0, 3)]) == [[]]
    assert await desk.index.held([HERON]) == {}
    await desk.index.delete(HERON)
    await desk.index.refresh()


async def test_what_is_forgotten_is_gone_and_counted(there, desk):
    passages = passages_of(there[1], REGION)
    passages._sleep = desk.nap
    channel, other = DocumentId("slack/T1/C1", "F1"), DocumentId("slack/T10/C1", "F1")
    for each in (channel, other, HERON, STORK):
        await desk.put(each, "v1", chunks(f"{each.file} one", "two"))
    assert await passages.delete(["slack/T1"], [HERON]) == (4, 0), "what nobody can find yet too"
    assert await passages.count(["slack/T10"], [STORK]) == 4
    held = await desk.index.held([channel, other, HERON, STORK])
    assert held == {(other.short, "v1"): 2, (STORK.short, "v1"): 2}
    await passages.close()


async def test_a_new_model_takes_the_olds_place(aws, there):
    collection, url = there
    place = Place(aws, url)
    await place.add("heron", "stork")
    outcome = await place.reindex()
    assert (outcome.swapped, outcome.copied, len(outcome.removed)) == (True, 2, 1)
    assert place.naps[-1] == STALE + serverless.LATENCY, "what others wrote is found a minute later"
    place.now[0] += 10
    await place.finds("heron", "stork")
    assert await place.versions() == {outcome.name: ("new-model", True, False, 2)}
    assert collection.refused == []
    more = {"aoss:DeleteIndex", "aoss:CreateCollectionItems"}
    assert collection.used <= permitted() | more
    assert more <= collection.used
    for each in place.made:
        await each.close()


async def test_what_is_missing_and_what_is_left_over_is_found_hour_by_hour(there, shelf, editions):
    later = Later(shelf)
    for name in ("heron", "stork"):
        shelf.put(f"library/{name}.txt", f"The {name} nests.")
        assert await shelf.handle(*shelf.events(1)) == []
    assert await later.run() == {}
    await editions.delete(HERON)
    stray = chunks("A stray heron.")
    row = Document(DocumentId("library", "gone.txt"), "gone.txt", "")
    await editions.put(row, "v0", stray, await editions.embed(["A stray heron."]))
    await editions.refresh()
    await there[0].refresh()
    assert await later.run(GRACE) == {Repair.MISSING: 1, Repair.STRAY: 1}
    assert await shelf.handle(*shelf.events(1)) == []
    assert await shelf.search("the heron", "library") != []


async def test_the_doctor_counts_what_is_there_and_says_who_lets_nobody_in(there, shelf):
    collection, url = there
    settings = load(
        {
            "AWS_REGION": REGION, "PARLEY_BUCKET": "b", "PARLEY_TABLE": shelf.index.table,
            "PARLEY_TURNS_QUEUE_URL": "http://q/t.fifo", "PARLEY_FILES_QUEUE_URL": "http://q/f",
            "OPENSEARCH_URL": url, "PARLEY_EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
        },
        talks=False,
    )  # fmt: skip
    assert (await _search(settings, None)).line.endswith("answers; nothing has been read yet")
    shelf.put("library/heron.txt", "The heron nests in reeds.")
    assert await shelf.handle(*shelf.events(1)) == []
    shelf.index.model = settings.embedding_model
    found = await _search(settings, None)
    assert "is of a-model" in found.problem
    assert collection.refused == []
    collection.keys[KEY] = "another"
    found = await _search(settings, None)
    assert "data access" in found.fix
