"""DynamoDB reads that take several calls: whole partitions, and batches of keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from core.aws.access.calls import Calls, Unfinished, backoff
from core.aws.access.items import encode
from core.runtime.tasks import retrying

BATCH = 100
"""Keys that one BatchGetItem accepts."""
RETRIES = 9
"""Further calls for one batch; their pauses add up to six seconds at most."""

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
    left: list[dict[str, Any]] = []

    async def once() -> None:
        nonlocal left
        asked = {table: {"Keys": left, "ConsistentRead": True}}
        answer = await calls(dynamodb.batch_get_item, RequestItems=asked)
        found.extend(answer["Responses"].get(table, []))
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        if left:
            raise Unfinished("BatchGetItem: the table is too busy")

    for start in range(0, len(keys), BATCH):
        left = [encode(each) for each in keys[start : start + BATCH]]
        await retrying(once, map(backoff, range(RETRIES)), Unfinished, sleep)
    return found
