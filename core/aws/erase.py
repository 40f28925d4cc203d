"""Deletes what a query finds where nothing is deleted by a query: OpenSearch Serverless.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-genref.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from opensearchpy import AsyncOpenSearch

from core.aws.opensearch import asked
from core.ports import StoreError
from core.stores import Rejected

PAGE = 10_000
"""Most that one search gives: `index.max_result_window`."""
TRIES = 8
"""Times that deletions which were too many at once are sent."""

Sleep = Callable[[float], Awaitable[None]]


async def erase(
    client: AsyncOpenSearch, index: str, query: Mapping[str, Any], sleep: Sleep = asyncio.sleep
) -> int:
    """How many went of those that can be found now; for a while they still can be.

    `index` may be a pattern. Chunks have to have `written`. Raises StoreError, Rejected.
    """
    gone = 0
    async for found in _pages(client, index, query):
        lines = [
            orjson.dumps({"delete": {"_index": each["_index"], "_id": each["_id"]}}) + b"\n"
            for each in found
        ]
        for attempt in range(TRIES):
            if not lines:
                break
            if attempt:
                await sleep(min(10.0, 0.25 * 2**attempt))
            deleted, lines = await _deleted(client, lines)
            gone += deleted
        if lines:
            raise StoreError("the index is too busy")
    return gone


async def _deleted(client: AsyncOpenSearch, lines: list[bytes]) -> tuple[int, list[bytes]]:
    """How many went, and those that were too many at once."""
    answer = await asked(client.bulk, body=b"".join(lines), request_timeout=60)
    gone, again = 0, []
    for line, result in zip(lines, answer["items"], strict=True):
        status = result["delete"]["status"]
        if status == 429 or status >= 500:
            again.append(line)
        elif status >= 400 and status != 404:
            raise Rejected(str(result["delete"].get("error", {}).get("type", status)))
        gone += status < 400
    return gone, again


async def _pages(
    client: AsyncOpenSearch, index: str, query: Mapping[str, Any]
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """What a query finds, in the order in which it was written."""
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
        # what was written together may have been cut by the page's end
        yield [each for each in found if each["_id"] not in before]
        if len(found) < PAGE:
            return
        before = frozenset(each["_id"] for each in found)
        after = max(after + 1, found[-1]["sort"][0])
