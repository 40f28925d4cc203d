"""One version of the index, in an OpenSearch Serverless collection: `core.ports.index.Index`.

1. A collection accepts no ids: a chunk is identified by its document, version and ordinal. A chunk
   that is written again exists twice until its version is deleted. So each write has a timestamp,
   `written`: readers take the newest copy, and counts are of distinct ordinals.
2. A write becomes searchable after 10 or 60 seconds, and there is no API to speed that up. So
   `refresh` searches for its `written` until it is found.
3. There is no delete-by-query: chunks are searched for, then deleted.
4. The engine is Faiss. The inner product of unit vectors is their cosine.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-genref.html
https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-vector-search.html
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from opensearchpy.exceptions import NotFoundError

from core.aws.search import mapping
from core.aws.search.delete_by_query import PAGE, erase
from core.aws.search.opensearch import OpenSearchIndex, serverless
from core.aws.search.requests import asked, sent
from core.ports.index import Hit
from core.ports.store_error import StoreError
from core.runtime.tasks import together
from core.values.documents import Chunk, Document, DocumentId

LATENCY = 75.0
"""Seconds until any write is searchable: AWS says 60 for a classic collection, 10 for a newer
one."""
PAUSES = (0.25, 0.5, 1.0, 2.0, *(4.0,) * 30)
"""Seconds between searches for a write that is not searchable yet: two minutes in all."""
LOST = 900.0
"""Seconds after which a write is given up: another process deleted it before it was searchable."""
WORDS = 500
"""Words counted by one request."""
SPANS = 100
"""Spans of chunks read by one request."""
LENGTH = 1_000
"""Chunks in one span: there may be several copies of each."""

Unseen = dict[int, tuple[str, int]]
"""Our writes that are not searchable yet: document and number of chunks, by `written`."""


def maker(url: str) -> Callable[..., OpenSearchIndex]:
    """The factory of index versions at a URL: of a collection's or of a domain's."""
    if not serverless(url):
        return OpenSearchIndex
    unseen: defaultdict[str, Unseen] = defaultdict(dict)

    def make(*where: str, name: str, **more: Any) -> ServerlessIndex:
        return ServerlessIndex(*where, name=name, unseen=unseen[name], **more)

    return make


class ServerlessIndex(OpenSearchIndex):
    """One version of the index, in a collection.

    All instances of one name in a process share `unseen`. `clock` returns nanoseconds since the
    epoch.
    """

    latency = LATENCY
    cosine = staticmethod(mapping.product)

    def __init__(
        self, *where: str, unseen: Unseen, clock: Callable[[], int] = time.time_ns, **more: Any
    ) -> None:
        super().__init__(*where, **more)
        self._unseen = unseen
        self._clock = clock
        self._last = 0

    def definition(self) -> dict[str, Any]:
        """The mapping of a new index: a collection chooses shards, replicas and refreshes itself.

        https://docs.aws.amazon.com/solutions/latest/migration-assistant-for-amazon-opensearch-service/tdvk-serverless.html
        """
        mappings = super().definition()["mappings"]
        del mappings["_source"]  # whether parts of it may be excluded is not documented
        method = {"name": "hnsw", "engine": "faiss", "space_type": "innerproduct"}
        mappings["properties"]["vector"]["method"] = method
        mappings["properties"]["written"] = {"type": "long"}
        return {"settings": {"index.knn": True}, "mappings": mappings}

    def directed(self, vector: Sequence[float]) -> Sequence[float]:
        """The vector at length 1."""
        return unit(vector)

    async def ensure(self) -> None:
        """Create the index and its alias if they do not exist. Raises StoreError, Missing."""
        try:
            await super().ensure()
        except NotFoundError as exc:
            raise StoreError("the new index is not there yet") from exc

    async def put(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Write a document's chunks with their vectors. Raises StoreError, Rejected, Missing."""
        await self.ensure()
        self._last = written = max(self._clock(), self._last + 1)
        action = {"_index": self.name}
        told = (
            mapping.fields(document, version, chunk, self.directed(vector)) | {"written": written}
            for chunk, vector in zip(chunks, vectors, strict=True)
        )
        lines = [mapping.line(action, each, self._fields) for each in told]
        await sent(self._client, lines, self._sleep)
        self._unseen[written] = (document.id.short, len(chunks))

    async def refresh(self) -> None:
        """Return once all that was put is searchable. Raises StoreError after two minutes."""
        await self._found()

    async def _found(self, document: str = "") -> None:
        """Return once all that was put, or that was put of one document, is searchable."""
        missing = {
            written: count
            for written, (of, count) in self._unseen.items()
            if count and document in ("", of)
        }
        for pause in (0.0, *PAUSES):
            if not missing:
                return
            if pause:
                await self._sleep(pause)
            there = await self._written(missing)
            for each in [each for each, count in missing.items() if there[each] >= count]:
                del missing[each]
                self._unseen.pop(each, None)
        for each in missing:
            if self._clock() - each > LOST * 1e9:
                self._unseen.pop(each, None)
        raise StoreError("what was written cannot be found yet")

    async def _written(self, times: Collection[int]) -> Counter[int]:
        """The number of searchable chunks that were written at each of these times."""
        body = {
            "size": 0,
            "query": {"terms": {"written": [*times]}},
            "aggs": {"written": {"terms": {"field": "written", "size": len(times)}}},
        }
        try:
            answer = await asked(self._client.search, index=self.name, body=body)
        except NotFoundError:
            self._unseen.clear()
            raise
        buckets = answer["aggregations"]["written"]["buckets"]
        return Counter({each["key"]: each["doc_count"] for each in buckets})

    async def delete(self, document: DocumentId, *, before: str = "", only: str = "") -> None:
        """Delete a document's chunks that are searchable or that this process wrote."""
        try:
            await self._found(document.short)
            query = mapping.of_versions(document, before, only)
            await erase(self._client, self.name, query, self._sleep)
        except NotFoundError:
            return

    async def held(self, ids: Collection[DocumentId]) -> Mapping[tuple[str, str], int]:
        """The number of distinct ordinals by document (`DocumentId.short`) and version.

        They are counted one by one, since a `cardinality` aggregation is only approximate.
        """
        counts: Counter[tuple[str, str]] = Counter()
        names = ("document", "version", "ordinal")
        group = {"size": PAGE, "sources": [{n: {"terms": {"field": n}}} for n in names]}
        query = {"terms": {"document": sorted(each.short for each in ids)}}
        while True:
            body = {"size": 0, "query": query, "aggs": {"chunks": {"composite": group}}}
            found = (await self._aggregated(body)).get("chunks", {})
            keys = [each["key"] for each in found.get("buckets", ())]
            counts.update((each["document"], each["version"]) for each in keys)
            if len(keys) < PAGE:
                return counts
            group = {**group, "after": found["after_key"]}

    async def _hits(self, legs: Sequence[Mapping[str, Any]]) -> list[list[Hit]]:
        async def one(leg: Mapping[str, Any]) -> list[Hit]:
            answer = await asked(self._client.search, index=self.name, body=leg, request_timeout=20)
            return _distinct([mapping.hit(each) for each in answer["hits"]["hits"]])

        return [*await together(*(one(each) for each in legs))]

    async def reference_score(self, question: str) -> float:
        """The BM25 score of a chunk that contains each word of a question once.

        Words are counted with aggregations, since there are no term vectors.
        """
        told = {"field": "text", "text": question[:10_000]}
        try:
            answer = await asked(self._client.indices.analyze, index=self.name, body=told)
        except NotFoundError:
            self._absent()
            return 0.0
        words = sorted({each["token"] for each in answer["tokens"]})
        having, documents = [], 0
        for start in range(0, len(words), WORDS):
            each = [{"term": {"text": word}} for word in words[start : start + WORDS]]
            body = {
                "size": 0,
                "aggs": {
                    "all": {"filter": {"exists": {"field": "text"}}},
                    "words": {"filters": {"filters": each}},
                },
            }
            found = await self._aggregated(body)
            if not found:
                return 0.0
            documents = found["all"]["doc_count"]
            having += [bucket["doc_count"] for bucket in found["words"]["buckets"]]
        return mapping.typical(documents, having)

    async def texts(
        self, wanted: Sequence[tuple[DocumentId, str, int, int]]
    ) -> Sequence[Sequence[Chunk]]:
        """The newest copy of the chunks of each wanted (document, version, first, last)."""
        known: dict[tuple[str, str, int], tuple[int, Chunk]] = {}
        for query in _spans(wanted):
            body = {
                "size": PAGE,
                "query": query,
                "_source": ["document", "version", "written", *mapping.TEXT],
            }
            try:
                answer = await asked(
                    self._client.search, index=self.name, body=body, request_timeout=20
                )
            except NotFoundError:
                self._absent()
                break
            for each in answer["hits"]["hits"]:
                source, chunk = each["_source"], mapping.chunk(each)
                key = (source["document"], source["version"], chunk.ordinal)
                if key not in known or source["written"] > known[key][0]:
                    known[key] = (source["written"], chunk)
        return [
            [
                known[key][1]
                for n in range(first, last + 1)
                if (key := (document.short, version, n)) in known
            ]
            for document, version, first, last in wanted
        ]


def unit(vector: Sequence[float]) -> list[float]:
    """The vector scaled to length 1."""
    length = math.hypot(*vector) or 1.0
    return [each / length for each in vector]


def _distinct(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without repeated copies of a chunk, of which the best one stays; order kept."""
    first: dict[tuple[DocumentId, str, int], Hit] = {}
    for each in hits:
        first.setdefault((each.document, each.version, each.ordinal), each)
    return [*first.values()]


def _spans(wanted: Sequence[tuple[DocumentId, str, int, int]]) -> Iterator[dict[str, Any]]:
    """Queries for spans of chunks, each small enough for one response."""
    group: list[dict[str, Any]] = []
    room = LENGTH
    for document, version, first, last in wanted:
        for start in range(first, last + 1, LENGTH):
            end = min(start + LENGTH - 1, last)
            if len(group) == SPANS or (group and end - start >= room):
                yield _any(group)
                group, room = [], LENGTH
            ordinals = {"range": {"ordinal": {"gte": start, "lte": end}}}
            query = mapping.of_versions(document, "", version)
            group.append({"bool": {"filter": [query, ordinals]}})
            room -= end - start + 1
    if group:
        yield _any(group)


def _any(queries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": [*queries], "minimum_should_match": 1}}
