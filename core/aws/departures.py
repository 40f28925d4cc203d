"""Where we are no more, in DynamoDB: `core.stores.Departures`. Partition `left`, by place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from core.aws.calls import Calls
from core.aws.items import decode, encode
from core.aws.reads import by_keys, in_partition

PK = "left"


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
        keys = [{"pk": PK, "sk": each} for each in sorted(set(prefixes))]
        found = await by_keys(self._db, self._table, self._calls, keys)
        return frozenset(str(decode(each)["sk"]) for each in found)

    async def before(self, at: float) -> Sequence[str]:
        items = await in_partition(self._db, self._table, self._calls, PK)
        left = [decode(each) for each in items]
        return [str(each["sk"]) for each in left if each["at"] <= at]
