"""Tallies of what platforms were asked for, in DynamoDB, so that all processes keep to one rate.

| pk                             | sk                               | what                        |
|--------------------------------|----------------------------------|-----------------------------|
| `budget#{platform}#{tenant}`   | `{quota}#{channel}#{thread}`     | a `Tally`, and its version  |

One conditional put grants, and a refused one brings what others have granted: nothing is read
before. Times are whole milliseconds since 1970, each grant kept as its distance from the one before
it: 50 grants take some 300 bytes, one write unit.
"""

from __future__ import annotations

import json
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from core.aws.calls import Calls
from core.aws.items import decode, encode
from core.tally import NEVER, Kept, Tally

REFUSED = "ConditionalCheckFailedException"


class DynamoTally:
    """`core.tally.Store` of one tally."""

    def __init__(self, dynamodb: Any, table: str, calls: Calls, *, pk: str, sk: str) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._key = {"pk": pk, "sk": sk}

    async def swap(self, version: int, tally: Tally, seconds: float) -> tuple[bool, Kept]:
        """Puts it over what has this version, or over nothing. Raises StoreError."""
        latest = max((until for _, until in tally.running.values()), default=0.0)
        until = max(*tally.granted[-1:], tally.paused_until, latest, 0.0) + seconds
        item = {**self._key, "version": version + 1, "tally": dumps(tally), "ttl": int(until)}
        try:
            await self._calls(
                self._db.put_item,
                TableName=self._table,
                Item=encode(item),
                ConditionExpression="attribute_not_exists(pk) OR version = :seen",
                ExpressionAttributeValues=encode({":seen": version}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if exc.response["Error"]["Code"] != REFUSED:
                raise
            return False, _kept(exc.response)
        return True, Kept(version + 1, tally)

    async def read(self) -> Kept:
        """What is kept now. Raises StoreError."""
        found = await self._calls(
            self._db.get_item, TableName=self._table, Key=encode(self._key), ConsistentRead=True
        )
        return _kept(found)


def dumps(tally: Tally) -> str:
    """A tally as it is kept."""
    times = [round(at * 1000) for at in tally.granted]
    return json.dumps(
        {
            "granted": [*times[:1], *(after - before for before, after in pairwise(times))],
            "progress": _ms(tally.progress),
            "paused": _ms(tally.paused_until),
            "running": {who: [count, _ms(until)] for who, (count, until) in tally.running.items()},
        },
        separators=(",", ":"),
    )


def loads(text: str) -> Tally:
    """What `dumps` has written."""
    kept = json.loads(text)
    running = {
        who: (int(count), _seconds(until)) for who, (count, until) in kept["running"].items()
    }
    return Tally(
        tuple(_seconds(at) for at in accumulate(kept["granted"])),
        _seconds(kept["progress"]),
        _seconds(kept["paused"]),
        MappingProxyType(running),
    )


def _kept(answer: dict[str, Any]) -> Kept:
    if "Item" not in answer:
        return Kept()
    item = decode(answer["Item"])
    try:
        return Kept(int(item["version"]), loads(item["tally"]))
    except (KeyError, TypeError, ValueError):
        # as another release writes it: what it granted will soon count no longer
        return Kept(int(item["version"]))


def _ms(at: float) -> int | None:
    return None if at == NEVER else round(at * 1000)


def _seconds(at: int | None) -> float:
    return NEVER if at is None else at / 1000
