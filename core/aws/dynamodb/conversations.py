"""What is kept of conversations, in DynamoDB: settings and feedback; and what else the table has.

One table, `pk` and `sk`, with `ttl`:

| pk                    | sk                    | what                                     |
|-----------------------|-----------------------|------------------------------------------|
| `turn#{conversation}` | message id, sortable  | one exchange, see `history.py`           |
| `settings#{place}`    | `model`, `auto`       | the model chosen; whether files are read |
| `feedback#{event id}` | person                | 👍 or 👎                                 |
| `claim#{event id}`    | `claim`               | who answers it, see `claims.py`          |
| `open`, `stop`        | event id              | as above                                 |
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
    """`core.ports.PlaceSettings`."""

    def __init__(self, dynamodb: Any, table: str, calls: Calls) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls

    async def model(self, place: str) -> str | None:
        """The model chosen for a place, None where nobody chose."""
        key = {"pk": f"settings#{place}", "sk": "model"}
        answer = await self._calls(
            self._db.get_item, TableName=self._table, Key=encode(key), ConsistentRead=True
        )
        return str(decode(answer["Item"])["model"]) if "Item" in answer else None

    async def choose_model(self, place: str, model: str) -> None:
        """Keeps the choice, in place of the earlier one."""
        item = {"pk": f"settings#{place}", "sk": "model", "model": model}
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))

    async def auto(self, place: str) -> bool:
        """Whether files are read that were shared there without a word to us: so unless refused."""
        answer = await self._calls(
            self._db.get_item,
            TableName=self._table,
            Key=encode(auto_key(place)),
            ConsistentRead=True,
        )
        return auto_of(answer)

    async def choose_auto(self, place: str, on: bool) -> None:
        item = {**auto_key(place), "on": on}
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))


class DynamoFeedback:
    """`core.ports.Feedback`. A person's second opinion replaces the first."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def rate(self, event_id: str, person: str, value: str) -> None:
        """Keeps what a person thinks of an answer."""
        now = self._clock()
        item = {
            "pk": f"feedback#{event_id}",
            "sk": person,
            "value": value,
            "at": now,
            "ttl": int(now + FEEDBACK_KEPT),
        }
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))
