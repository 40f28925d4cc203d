"""Deletes by query on OpenSearch Serverless, which has no delete-by-query API.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-genref.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from opensearchpy import AsyncOpenSearch

from core.aws.search.requests import asked, sent

PAGE = 10_000
"""The most hits that one search returns: `index.max_result_window`."""

Sleep = Callable[[float], Awaitable[None]]


async def erase(
    client: AsyncOpenSearch, index: str, query: Mapping[str, Any], sleep: Sleep = asyncio.sleep
) -> int:
    """Delete the chunks that a query finds now, and return how many were deleted.

    They stay searchable for a while. `index` may be a pattern; chunks need the field `written`.
    Raises StoreError, Rejected.
    """
    gone = 0
    async for found in _pages(client, index, query):
        lines = [
            orjson.dumps({"delete": {"_index": each["_index"], "_id": each["_id"]}}) + b"\n"
            for each in found
        ]
        gone += await sent(client, lines, sleep)
    return gone


async def _pages(
    client: AsyncOpenSearch, index: str, query: Mapping[str, Any]
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """The hits of a query, page by page, in the order in which they were written."""
    after, before = 0, frozenset[str]()
    while True:
        body = {
            "size": PAGE,
            "_source": False,
            "sort": [{"written": "asc"}],
            "query": {"bool": {"filter": [query, {"range": {"written": {"gte": after}}}]}},
        }
        answer = await asked(
            client.search,
            index=index,
            body=body,
            ignore_unavailable="true",
            request_timeout=60,
        )
        found = answer["hits"]["hits"]
        # a page may end in the middle of chunks that were written together
        yield [each for each in found if each["_id"] not in before]
        if len(found) < PAGE:
            return
        before = frozenset(each["_id"] for each in found)
        after = max(after + 1, found[-1]["sort"][0])
