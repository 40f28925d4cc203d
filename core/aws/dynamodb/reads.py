"""DynamoDB reads that take several calls: whole partitions, and batches of keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from core.aws.access.calls import Calls, backoff
from core.aws.access.items import encode
from core.ports.store_error import StoreError

BATCH = 100
"""Keys that one BatchGetItem accepts."""
TRIES = 10
"""Calls for one batch; their pauses add up to six seconds at most."""

Item = Mapping[str, Any]


async def in_partition(
    dynamodb: Any, table: str, calls: Calls, pk: str, *, limit: float = float("inf")
) -> list[Item]:
    """The encoded items of a partition, read page by page until there are `limit`.

    Raises StoreError.
    """
    found: list[Item] = []
    more: dict[str, Any] = {}
    while len(found) < limit:
        answer = await calls(
            dynamodb.query,
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=encode({":pk": pk}),
            ConsistentRead=True,
            **more,
        )
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    return found


async def by_keys(
    dynamodb: Any,
    table: str,
    calls: Calls,
    keys: Sequence[Mapping[str, str]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[Item]:
    """The encoded items with these keys, in no particular order. Raises StoreError.

    A busy table may return some of the items or none; the others are requested again after a pause.
    """
    found: list[Item] = []
    for start in range(0, len(keys), BATCH):
        left = [encode(each) for each in keys[start : start + BATCH]]
        for attempt in range(TRIES):
            if attempt:
                await sleep(backoff(attempt - 1))
            asked = {table: {"Keys": left, "ConsistentRead": True}}
            answer = await calls(dynamodb.batch_get_item, RequestItems=asked)
            found += answer["Responses"].get(table, [])
            left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if not left:
                break
        if left:
            raise StoreError("BatchGetItem: the table is too busy")
    return found
