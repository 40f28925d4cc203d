"""Where we are no more, in DynamoDB: `core.stores.Departures`. Partition `left`, by place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from core.aws.calls import Calls
from core.aws.items import decode, encode
from core.ports import StoreError

PK = "left"
BATCH = 100
"""Keys that one BatchGetItem takes."""


class DynamoDepartures:
    """One for a process."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def note(self, prefix: str) -> None:
        item = encode({"pk": PK, "sk": prefix, "at": self._clock()})
        await self._calls(self._db.put_item, TableName=self._table, Item=item)

    async def undo(self, prefix: str) -> None:
        key = encode({"pk": PK, "sk": prefix})
        await self._calls(self._db.delete_item, TableName=self._table, Key=key)

    async def among(self, prefixes: Iterable[str]) -> frozenset[str]:
        wanted = sorted(set(prefixes))
        found: set[str] = set()
        for start in range(0, len(wanted), BATCH):
            keys = [encode({"pk": PK, "sk": each}) for each in wanted[start : start + BATCH]]
            answer = await self._calls(
                self._db.batch_get_item, RequestItems={self._table: {"Keys": keys}}
            )
            if answer.get("UnprocessedKeys"):
                raise StoreError("BatchGetItem: not all processed")
            found |= {str(decode(each)["sk"]) for each in answer["Responses"][self._table]}
        return frozenset(found)

    async def before(self, at: float) -> Sequence[str]:
        answer = await self._calls(
            self._db.query,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=encode({":pk": PK}),
        )
        left = [decode(each) for each in answer["Items"]]
        return [str(each["sk"]) for each in left if each["at"] <= at]
