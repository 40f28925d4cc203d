"""Passages by where they come from, in every version of the index: counted, and deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import boto3

from core.aws import opensearch
from core.aws.opensearch import asked, connect
from core.documents import DocumentId

BATCH = 500
"""Documents that one query names."""
SOME = 5_000
"""Passages that one call deletes, so that it ends in time."""
TRIES = 5


class Passages:
    """One for a process."""

    def __init__(self, url: str, region: str, session: boto3.Session | None = None) -> None:
        self._client = connect(url, region, session)

    async def close(self) -> None:
        await self._client.close()

    async def count(self, places: Collection[str], documents: Collection[DocumentId]) -> int:
        """How many there are. Raises StoreError, Rejected."""
        await self._refresh()
        return sum([await self._count(each) for each in _queries(places, documents)])

    async def delete(
        self, places: Collection[str], documents: Collection[DocumentId]
    ) -> tuple[int, int]:
        """How many went, and how many are left. `places` may be workspaces, `platform/tenant`."""
        await self._refresh()
        gone = left = 0
        for query in _queries(places, documents):
            still, tries = await self._count(query), TRIES
            while still and tries:
                answer = await asked(
                    self._client.delete_by_query,
                    index=_all(),
                    body={"query": query},
                    max_docs=SOME,
                    conflicts="proceed",
                    refresh="true",
                    ignore_unavailable="true",
                    request_timeout=60,
                )
                deleted = int(answer.get("deleted", 0))
                gone += deleted
                tries = TRIES if deleted else tries - 1
                still = await self._count(query)
            left += still
        return gone, left

    async def _count(self, query: dict[str, Any]) -> int:
        answer = await asked(
            self._client.count, index=_all(), body={"query": query}, ignore_unavailable="true"
        )
        return int(answer["count"])

    async def _refresh(self) -> None:
        await asked(self._client.indices.refresh, index=_all(), ignore_unavailable="true")


def _all() -> str:
    """Every version of the index: one that is being filled, or was kept, counts as well."""
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
