"""What is kept of conversations, in DynamoDB: history, settings, feedback, and claims.

One table, `pk` and `sk`, with `ttl`:

| pk                    | sk                    | what                                     |
|-----------------------|-----------------------|------------------------------------------|
| `turn#{conversation}` | message id, sortable  | one exchange: question, answer, tokens   |
| `settings#{place}`    | `model`, `auto`       | the model chosen; whether files are read |
| `feedback#{event id}` | person                | 👍 or 👎                                 |
| `claim#{event id}`    | `claim`               | who answers it, see `core/aws/claims.py` |
| `open`, `stop`        | event id              | as above                                 |
| `budget#{workspace}`  | what counts together  | calls granted, `core/aws/tallies.py`     |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from core.answer import Turn, Usage
from core.aws.calls import Calls, unmet
from core.aws.claims import DynamoClaims
from core.aws.items import clean, cut, decode, encode
from core.runs import post_of
from core.tokens import estimate

__all__ = ["DynamoClaims", "DynamoFeedback", "DynamoHistory", "DynamoPlaceSettings"]

DAY = 86_400
HISTORY_KEPT = 90 * DAY
FEEDBACK_KEPT = 365 * DAY
TEXT_LIMIT = 180_000
"""Bytes kept of a question, and of an answer: an item holds 400 KB, names and numbers included."""
NAME_LIMIT = 1_000
PAGE = 20
"""Exchanges read at a time."""


class DynamoHistory:
    """`core.ports.History`. Exchanges are in the order in which their questions were posted."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def recent(self, conversation: str, tokens: int) -> Sequence[Turn]:
        """The newest exchanges that fit `tokens`, oldest first, none without its question."""
        newest: list[Turn] = []
        left = tokens
        more: dict[str, Any] = {}
        while True:
            page = await self._calls(
                self._db.query,
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=encode({":pk": _turns(conversation)}),
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=PAGE,
                **more,
            )
            for item in map(decode, page["Items"]):
                if item.get("gone"):
                    continue
                question, answer = _exchange(item)
                left -= estimate(question.text) + estimate(answer.text)
                if left < 0:
                    return newest[::-1]
                newest += [answer, question]
            if "LastEvaluatedKey" not in page:
                return newest[::-1]
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def append(
        self,
        conversation: str,
        event_id: str,
        question: Turn,
        answer: Turn,
        usage: Usage,
        *,
        asker: str = "",
        direct: bool = False,
    ) -> None:
        """Keeps one exchange, in place of an earlier answer to the same post; none of a post that
        was forgotten while it was answered."""
        post = post_of(event_id)
        item = {
            "pk": _turns(conversation),
            "sk": sortable(post.rpartition("/")[2]),
            "event": post,
            "question": cut(clean(question.text), TEXT_LIMIT),
            "person": cut(clean(question.person), NAME_LIMIT),
            "asker": asker,
            "direct": direct,
            "message": question.message_id,
            "answer": cut(clean(answer.text), TEXT_LIMIT),
            "answered": answer.message_id,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "ttl": int(self._clock() + HISTORY_KEPT),
        }
        try:
            await self._calls(
                self._db.put_item,
                TableName=self._table,
                Item=encode(item),
                ConditionExpression="attribute_not_exists(gone)",
            )
        except ClientError as exc:
            if not unmet(exc):
                raise

    async def forget(self, conversation: str, message_id: str) -> None:
        """Removes the exchange that began with a message, for good: for a day its place is taken,
        so that an answer under way does not bring it back."""
        item = {
            "pk": _turns(conversation),
            "sk": sortable(message_id),
            "event": f"{conversation.rpartition('/')[0]}/{message_id}",
            "gone": True,
            "ttl": int(self._clock() + DAY),
        }
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))


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
        key = {"pk": f"settings#{place}", "sk": "auto"}
        answer = await self._calls(
            self._db.get_item, TableName=self._table, Key=encode(key), ConsistentRead=True
        )
        return bool(decode(answer["Item"])["on"]) if "Item" in answer else True

    async def choose_auto(self, place: str, on: bool) -> None:
        item = {"pk": f"settings#{place}", "sk": "auto", "on": on}
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


def sortable(message_id: str) -> str:
    """A key that sorts as the messages were posted: their ids are times, in seconds or less."""
    whole, dot, fraction = message_id.partition(".")
    if whole.isdecimal() and (not dot or fraction.isdecimal()):
        return f"{whole:0>20}{dot}{fraction}"
    return message_id


def _turns(conversation: str) -> str:
    return f"turn#{conversation}"


def _exchange(item: dict[str, Any]) -> tuple[Turn, Turn]:
    return (
        Turn("user", item["question"], item["person"], item["message"]),
        Turn("assistant", item["answer"], "", item["answered"]),
    )
