"""The positions of work that spans several runs, in DynamoDB: `core.ports.documents.Cursors`.

The partition key is `cursor`, the sort key the name of the work.
"""

from __future__ import annotations

from typing import Any

from core.aws.access.calls import Calls
from core.aws.access.items import decode, encode

PK = "cursor"


class DynamoCursors:
    """The saved positions. One instance per process."""

    def __init__(self, dynamodb: Any, table: str, calls: Calls) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls

    async def get(self, work: str) -> str:
        """The saved position, empty if there is none. Raises StoreError."""
        key = encode({"pk": PK, "sk": work})
        answer = await self._calls(self._db.get_item, TableName=self._table, Key=key)
        return str(decode(answer["Item"])["at"]) if "Item" in answer else ""

    async def put(self, work: str, cursor: str) -> None:
        """Save a position. Raises StoreError."""
        item = encode({"pk": PK, "sk": work, "at": cursor})
        await self._calls(self._db.put_item, TableName=self._table, Item=item)
