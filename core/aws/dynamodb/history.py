"""What was asked and answered, in DynamoDB: `core.ports.History`.

| pk                       | sk                   | what                                          |
|--------------------------|----------------------|-----------------------------------------------|
| `turn#{conversation}`    | message id, sortable | one exchange: question, answer, tokens, and   |
|                          |                      | what it quoted; or that it was forgotten      |
| `quoted#{place}/{file}`  | conversation         | that an exchange there was made from this file|

An exchange without `scopes` is of a version that did not say what an answer was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import clean, cut, decode, encode
from core.aws.dynamodb.reads import in_partition
from core.values.answer import Exchange, Turn, Usage
from core.values.conversation import NOTHING_QUOTED, Quoted
from core.values.documents import DocumentId
from core.values.runs import post_of
from core.values.tokens import estimate

DAY = 86_400
KEPT = 90 * DAY
"""Seconds that an exchange is kept, and that its place is taken by one that was forgotten."""
TEXT_LIMIT = 180_000
"""Bytes kept of a question, and of an answer: an item holds 400 KB, names and numbers included."""
NAME_LIMIT = 1_000
PAGE = 20
"""Exchanges read at a time."""
MOST_QUOTED = 300
"""Documents of one exchange: it is not kept with more, as it has to name all of them."""


class DynamoHistory:
    """Exchanges are in the order in which their questions were posted."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def recent(self, conversation: str, tokens: int) -> Sequence[Exchange]:
        """The newest exchanges that fit `tokens`, oldest first, none without its question."""
        newest: list[Exchange] = []
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
            for each in map(_exchange, map(decode, page["Items"])):
                left -= estimate(each.question.text) + estimate(each.answer.text)
                if left < 0:
                    return newest[::-1]
                newest.append(each)
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
        quoted: Quoted = NOTHING_QUOTED,
    ) -> None:
        """Keeps one exchange, in place of an earlier answer to the same post; none of a post that
        was forgotten while it was answered."""
        if len(quoted.documents) > MOST_QUOTED:
            return
        # first: what leads to an exchange may lead to none, but each has to be led to
        await self._point(conversation, quoted)
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
            "scopes": tuple(sorted(quoted.scopes)),
            "documents": tuple(sorted(map("\n".join, quoted.documents))),
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "ttl": int(self._clock() + KEPT),
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
        """Removes the exchange that began with a message, for good: its place stays taken, so that
        an answer under way does not bring it back, and nobody takes the platform's copy of the
        answer for one that is not known."""
        event = f"{_place(conversation)}/{message_id}"
        await self._put_gone(conversation, sortable(message_id), event, message_id)

    async def forget_quoting(self, document: DocumentId) -> None:
        """Removes all exchanges whose answers were made from a document. Safe to repeat."""
        pk = _pointer(document)
        for pointer in await self._partition(pk):
            conversation = str(pointer["sk"])
            told = "\n".join(document)
            for item in await self._partition(_turns(conversation)):
                if told in item.get("documents", ()):
                    await self._put_gone(conversation, item["sk"], item["event"], item["message"])
            key = {"pk": pk, "sk": conversation}
            await self._calls(self._db.delete_item, TableName=self._table, Key=encode(key))

    async def _put_gone(self, conversation: str, sk: str, event: str, message: str) -> None:
        item = {
            "pk": _turns(conversation),
            "sk": sk,
            "event": event,
            "message": message,
            "gone": True,
            "ttl": int(self._clock() + KEPT),
        }
        await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))

    async def _point(self, conversation: str, quoted: Quoted) -> None:
        """Notes which files lead to this conversation. They do so for twice as long as an exchange
        is kept, since later answers may repeat it."""
        ttl = int(self._clock() + 2 * KEPT)
        for place, file in sorted(quoted.documents):
            item = {"pk": _pointer(DocumentId(place, file)), "sk": conversation, "ttl": ttl}
            await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))

    async def _partition(self, pk: str) -> Iterable[dict[str, Any]]:
        return map(decode, await in_partition(self._db, self._table, self._calls, pk))


def sortable(message_id: str) -> str:
    """A key that sorts as the messages were posted: their ids are times, in seconds or less."""
    whole, dot, fraction = message_id.partition(".")
    if whole.isdecimal() and (not dot or fraction.isdecimal()):
        return f"{whole:0>20}{dot}{fraction}"
    return message_id


def _turns(conversation: str) -> str:
    return f"turn#{conversation}"


def _pointer(document: DocumentId) -> str:
    return f"quoted#{document.place}/{document.file}"


def _place(conversation: str) -> str:
    return conversation.rpartition("/")[0]


def _exchange(item: dict[str, Any]) -> Exchange:
    message = str(item.get("message", ""))
    if item.get("gone"):
        message = message or str(item["event"]).rpartition("/")[2]
        return Exchange(Turn("user", "", "", message), Turn("assistant", ""), forgotten=True)
    quoted: Quoted | None = None
    if "scopes" in item:
        pairs = (str(each).partition("\n") for each in item.get("documents", ()))
        quoted = Quoted(frozenset(item["scopes"]), frozenset((p, f) for p, _, f in pairs))
    return Exchange(
        Turn("user", item["question"], item["person"], message),
        Turn("assistant", item["answer"], "", item["answered"]),
        quoted,
    )
