"""Counts and deletes the passages of places and documents, in every version of the index."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any

import boto3

from core.aws.search import opensearch
from core.aws.search.delete_by_query import erase
from core.aws.search.opensearch import connect, serverless
from core.aws.search.requests import asked
from core.aws.search.serverless import LATENCY, PAUSES
from core.values.documents import DocumentId

BATCH = 500
"""Documents named in one query."""
SOME = 5_000
"""Passages deleted by one call, so that it ends before its timeout."""
TRIES = 5


class Passages:
    """The passages of an OpenSearch domain. One instance per process."""

    def __init__(self, url: str, region: str, session: boto3.Session | None = None) -> None:
        self._client = connect(url, region, session)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    async def count(self, places: Collection[str], documents: Collection[DocumentId]) -> int:
        """The number of passages of these places and documents. Raises StoreError, Rejected."""
        await self._refresh()
        return sum([await self._count(each) for each in _queries(places, documents)])

    async def delete(
        self, places: Collection[str], documents: Collection[DocumentId]
    ) -> tuple[int, int]:
        """Delete the passages of these places and documents.

        Returns how many were deleted and how many are left. `places` may be workspaces
        (`{platform}/{tenant}`). Raises StoreError, Rejected.
        """
        await self._refresh()
        gone = left = 0
        for query in _queries(places, documents):
            still, tries = await self._count(query), TRIES
            while still and tries:
                answer = await asked(
                    self._client.delete_by_query,
                    index=_all(),
                    # a domain ignores the query string of a signed POST
                    body={"query": query, "max_docs": SOME, "conflicts": "proceed"},
                    request_timeout=60,
                )
                await self._refresh()
                deleted = int(answer.get("deleted", 0))
                gone += deleted
                tries = TRIES if deleted else tries - 1
                still = await self._count(query)
            left += still
        return gone, left

    async def _count(self, query: dict[str, Any]) -> int:
        answer = await asked(self._client.count, index=_all(), body={"query": query})
        return int(answer["count"])

    async def _refresh(self) -> None:
        await asked(self._client.indices.refresh, index=_all())


class CollectionPassages(Passages):
    """The passages of an OpenSearch Serverless collection.

    Deletion includes passages that any process wrote a moment ago, so it takes a minute or two.
    """

    def __init__(
        self,
        url: str,
        region: str,
        session: boto3.Session | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(url, region, session)
        self._sleep = sleep

    async def count(self, places: Collection[str], documents: Collection[DocumentId]) -> int:
        """The number of passages of these places and documents. Raises StoreError, Rejected."""
        return sum([await self._count(each) for each in _queries(places, documents)])

    async def delete(
        self, places: Collection[str], documents: Collection[DocumentId]
    ) -> tuple[int, int]:
        """Delete the passages of these places and documents, as in `Passages.delete`."""
        queries = [*_queries(places, documents)]
        if queries:
            await self._sleep(LATENCY)
        gone = 0
        for _ in range(TRIES):
            for query in queries:
                gone += await erase(self._client, _all(), query, self._sleep)
            queries = await self._left(queries)
            if not queries:
                break
        return gone, sum([await self._count(each) for each in queries])

    async def _left(self, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The queries that still find passages once deletions have had time to take effect."""
        for pause in PAUSES:
            queries = [each for each in queries if await self._count(each)]
            if not queries:
                break
            await self._sleep(pause)
        return queries


def passages_of(url: str, region: str, session: boto3.Session | None = None) -> Passages:
    """The passages of the domain or collection at a URL."""
    return (CollectionPassages if serverless(url) else Passages)(url, region, session)


def _all() -> str:
    """A pattern for every version of the index, including ones being filled or kept."""
    return f"{opensearch.ALIAS}-*"


def _queries(
    places: Collection[str], documents: Collection[DocumentId]
) -> Iterator[dict[str, Any]]:
    for place in sorted(places):
        inside = {"prefix": {"place": f"{place}/"}}
        yield {"bool": {"should": [{"term": {"place": place}}, inside], "minimum_should_match": 1}}
    short = sorted(each.short for each in documents)
    for start in range(0, len(short), BATCH):
        yield {"terms": {"document": short[start : start + BATCH]}}
