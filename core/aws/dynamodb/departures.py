"""Places and workspaces that we left, in DynamoDB: `core.ports.documents.Removals`.

| pk       | sk               | what                                                              |
|----------|------------------|-------------------------------------------------------------------|
| `left`   | place, workspace | when we left by our clock (`at`) and by the platform's (`when`),  |
|          |                  | and whether its files are erased (`erased`)                       |
| `joined` | the same         | when we came back, by the platform's clock                        |

Events may arrive late and out of order: the platform's clock decides which one is the latest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import decode, encode
from core.aws.dynamodb.reads import by_keys, in_partition

PK = "left"
JOINED = "joined"
KEPT = 30 * 86_400
"""Seconds that a return is remembered: longer than the event of a departure can be delayed."""


class DynamoDepartures:
    """The places and workspaces that we left. One instance per process."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def note(self, prefix: str, when: float = 0.0) -> None:
        """Record that we left, unless a later event is known. Raises StoreError."""
        now = self._clock()
        when = when or now
        left = {"pk": PK, "sk": prefix, "at": now, "when": when}
        await self._unless_later(
            {
                "ConditionCheck": {
                    "Key": encode({"pk": JOINED, "sk": prefix}),
                    "ConditionExpression": "attribute_not_exists(pk) OR #when <= :when",
                }
            },
            {
                "Put": {
                    "Item": encode(left),
                    "ConditionExpression": "attribute_not_exists(pk) OR #when < :when",
                }
            },
            when,
        )

    async def undo(self, prefix: str, when: float = 0.0) -> None:
        """Record that we came back, unless a later event is known. Raises StoreError."""
        now = self._clock()
        when = when or now
        back = {"pk": JOINED, "sk": prefix, "when": when, "ttl": int(now + KEPT)}
        before = "(attribute_not_exists(#when) AND #at <= :when) OR #when <= :when"
        await self._unless_later(
            {
                "Delete": {
                    "Key": encode({"pk": PK, "sk": prefix}),
                    "ConditionExpression": f"attribute_not_exists(pk) OR {before}",
                    "ExpressionAttributeNames": {"#when": "when", "#at": "at"},
                }
            },
            {
                "Put": {
                    "Item": encode(back),
                    "ConditionExpression": "attribute_not_exists(pk) OR #when <= :when",
                }
            },
            when,
        )

    async def among(self, prefixes: Iterable[str]) -> frozenset[str]:
        """Those of `prefixes` that we left. Raises StoreError."""
        keys = [{"pk": PK, "sk": each} for each in sorted(set(prefixes))]
        found = await by_keys(self._db, self._table, self._calls, keys)
        return frozenset(str(decode(each)["sk"]) for each in found)

    async def before(self, at: float) -> Sequence[str]:
        """Those left at or before `at` whose files are not erased yet. Raises StoreError."""
        items = await in_partition(self._db, self._table, self._calls, PK)
        left = [decode(each) for each in items]
        return [str(each["sk"]) for each in left if each["at"] <= at and not each.get("erased")]

    async def erased(self, prefix: str) -> None:
        """Record that its files were erased, unless we came back meanwhile. Raises StoreError."""
        try:
            await self._calls(
                self._db.update_item,
                TableName=self._table,
                Key=encode({"pk": PK, "sk": prefix}),
                UpdateExpression="SET erased = :yes",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=encode({":yes": True}),
            )
        except ClientError as exc:
            if not unmet(exc):
                raise  # an unmet condition: we came back meanwhile

    async def _unless_later(
        self, first: dict[str, dict[str, Any]], then: dict[str, dict[str, Any]], when: float
    ) -> None:
        """Do both actions, or neither if a later event is known."""
        for each in (*first.values(), *then.values()):
            each["TableName"] = self._table
            each.setdefault("ExpressionAttributeNames", {"#when": "when"})
            each["ExpressionAttributeValues"] = encode({":when": when})
        try:
            await self._calls(self._db.transact_write_items, TransactItems=[first, then])
        except ClientError as exc:
            if not unmet(exc):
                raise
