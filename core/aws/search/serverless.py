"""Chunks in a vector search collection of Amazon OpenSearch Serverless: `core.ports.Index`.

1. A collection takes no ids: a chunk is known by its document, version and ordinal. What is written
   again is there twice until its version goes, so each write has its time, `written`: who reads
   takes the newest, and ordinals are counted.
2. What is written can be found 10 seconds later, or 60, and nothing hurries it. So it is waited
   for, by its `written`.
3. Nothing is deleted by a query: what it finds is.
4. The engine is Faiss. The inner product of vectors of length 1 is their cosine.

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
"""Seconds after which what anybody wrote can be found: AWS says 60 of a classic collection, 10 of
a newer one."""
PAUSES = (0.25, 0.5, 1.0, 2.0, *(4.0,) * 30)
"""Seconds between looks whether what was written can be found: two minutes in all."""
LOST = 900.0
"""Seconds after which nobody waits any more: somebody else deleted it before it could be found."""
WORDS = 500
"""Words that one request asks the numbers of."""
SPANS = 100
"""Stretches of documents that one request asks for."""
LENGTH = 1_000
"""Chunks of one stretch: there may be several of each."""

Unseen = dict[int, tuple[str, int]]
"""What this process wrote and has not found yet: by `written`, its document and how many."""


def maker(url: str) -> Callable[..., OpenSearchIndex]:
    """What makes the indices at an address: those of a collection, or of a domain."""
    if not serverless(url):
        return OpenSearchIndex
    unseen: defaultdict[str, Unseen] = defaultdict(dict)

    def make(*where: str, name: str, **more: Any) -> ServerlessIndex:
        return ServerlessIndex(*where, name=name, unseen=unseen[name], **more)

    return make


class ServerlessIndex(OpenSearchIndex):
    """One version of the index. All of one name in a process have the same `unseen`; `clock` tells
    nanoseconds since the epoch."""

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
        """Shards, copies and the time until a write is found are the collection's own affair.

        https://docs.aws.amazon.com/solutions/latest/migration-assistant-for-amazon-opensearch-service/tdvk-serverless.html
        """
        mappings = super().definition()["mappings"]
        del mappings["_source"]  # no page says whether parts of it may be left out
        method = {"name": "hnsw", "engine": "faiss", "space_type": "innerproduct"}
        mappings["properties"]["vector"]["method"] = method
        mappings["properties"]["written"] = {"type": "long"}
        return {"settings": {"index.knn": True}, "mappings": mappings}

    def directed(self, vector: Sequence[float]) -> Sequence[float]:
        return unit(vector)

    async def ensure(self) -> None:
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

    async def settle(self) -> None:
        """Raises StoreError if it takes more than two minutes."""
        await self._found()

    async def _found(self, document: str = "") -> None:
        """Returns when all can be found that was put, or was of one document."""
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
        """How many can be found that were written at these times."""
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
        """Deletes what can be found, and what this process put."""
        try:
            await self._found(document.short)
            query = mapping.of_versions(document, before, only)
            await erase(self._client, self.name, query, self._sleep)
        except NotFoundError:
            return

    async def held(self, ids: Collection[DocumentId]) -> Mapping[tuple[str, str], int]:
        """Ordinals, counted one by one: a `cardinality` would be about right only."""
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

    async def most(self, question: str) -> float:
        """Counted, since there are no term vectors."""
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
    """The same direction, at length 1."""
    length = math.hypot(*vector) or 1.0
    return [each / length for each in vector]


def _distinct(hits: Sequence[Hit]) -> list[Hit]:
    """The best of those that are one chunk, in order."""
    first: dict[tuple[DocumentId, str, int], Hit] = {}
    for each in hits:
        first.setdefault((each.document, each.version, each.ordinal), each)
    return [*first.values()]


def _spans(wanted: Sequence[tuple[DocumentId, str, int, int]]) -> Iterator[dict[str, Any]]:
    """Queries for stretches of documents, none for more than one answer may hold."""
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
