"""Settings and feedback in DynamoDB, and an overview of the table's rows about conversations.

There is one table, with the keys `pk` and `sk` and the attribute `ttl`:

| pk                    | sk                    | what                                     |
|-----------------------|-----------------------|------------------------------------------|
| `turn#{conversation}` | message id, sortable  | one exchange, see `history.py`           |
| `settings#{place}`    | `model`, `auto`       | the model chosen; whether files are read |
| `feedback#{event id}` | person                | 👍 or 👎                                 |
| `claim#{event id}`    | `claim`               | who answers it, see `claims.py`          |
| `open`, `stop`        | event id              | as above                                 |
| `waiting#{document}`  | event id              | it has waited for this, see `waits.py`   |
| `budget#{workspace}`  | what counts together  | calls granted, see `rate_ledger.py`      |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.aws.access.calls import Calls
from core.aws.access.items import decode, encode
from core.aws.dynamodb.claims import DynamoClaims
from core.aws.dynamodb.history import DynamoHistory
from core.aws.dynamodb.place_settings import auto_key, auto_of

__all__ = ["DynamoClaims", "DynamoFeedback", "DynamoHistory", "DynamoPlaceSettings"]

DAY = 86_400
FEEDBACK_KEPT = 365 * DAY


class DynamoPlaceSettings:
    """The settings of places: `core.ports.place_settings.PlaceSettings`."""

    def __init__(self, dynamodb: Any, table: str, calls: Calls) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls

    async def model(self, place: str) -> str | None:
        """The name of the model chosen for a place, None if nobody chose one."""
        key = {"pk": f"settings#{place}", "sk": "model"}
        answer = await self._calls(
            self._db.get_item, TableName=self._table, Key=encode(key), ConsistentRead=True
        )
        return str(decode(answer["Item"])["model"]) if "Item" in answer else None

    async def choose_model(self, place: str, model: str) -> None:
        """Store the choice, replacing the earlier one."""
        item = {"pk": f"settings#{place}", "sk": "model", "model": model}
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))

    async def auto(self, place: str) -> bool:
        """Whether files are read that were shared without a mention of us: yes, unless refused."""
        answer = await self._calls(
            self._db.get_item,
            TableName=self._table,
            Key=encode(auto_key(place)),
            ConsistentRead=True,
        )
        return auto_of(answer)

    async def choose_auto(self, place: str, on: bool) -> None:
        """Store whether such files are read."""
        item = {**auto_key(place), "on": on}
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))


class DynamoFeedback:
    """Ratings of answers: `core.ports.history.Feedback`."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def rate(self, event_id: str, person: str, value: str) -> None:
        """Store a person's rating of an answer for a year, replacing their earlier one."""
        now = self._clock()
        item = {
            "pk": f"feedback#{event_id}",
            "sk": person,
            "value": value,
            "at": now,
            "ttl": int(now + FEEDBACK_KEPT),
        }
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))
