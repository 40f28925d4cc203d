"""Questions and their answers, in DynamoDB: `core.ports.history.History`.

| pk                       | sk                   | what                                          |
|--------------------------|----------------------|-----------------------------------------------|
| `turn#{conversation}`    | message id, sortable | one exchange: question, answer, tokens, and   |
|                          |                      | what it quoted; or that it was forgotten      |
| `quoted#{place}/{file}`  | conversation         | that an answer there was based on this file   |

An exchange without `scopes` was written by a version that did not record what answers quote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import clean, cut, decode, encode
from core.aws.dynamodb.reads import in_partition
from core.values.answer import Exchange, Message, Usage
from core.values.conversation import NOTHING_QUOTED, Quoted
from core.values.documents import DocumentId
from core.values.runs import post_of
from core.values.tokens import estimate

DAY = 86_400
KEPT = 90 * DAY
"""Seconds that an exchange is kept, and that a forgotten one's tombstone is."""
TEXT_LIMIT = 180_000
"""Bytes kept of a question and of an answer: an item, attribute names included, holds 400 KB."""
NAME_LIMIT = 1_000
PAGE = 20
"""Exchanges read per query."""
MOST_QUOTED = 300
"""Documents that an exchange may quote: it has to name them all, so with more it is not kept."""


class DynamoHistory:
    """The exchanges of all conversations, in the order in which their questions were posted."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._clock = clock

    async def recent(self, conversation: str, tokens: int) -> Sequence[Exchange]:
        """The newest whole exchanges that fit in `tokens`, oldest first. Raises StoreError."""
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
        question: Message,
        answer: Message,
        usage: Usage,
        *,
        asker: str = "",
        direct: bool = False,
        quoted: Quoted = NOTHING_QUOTED,
    ) -> None:
        """Store one exchange, replacing an earlier answer to the same message. Raises StoreError.

        Nothing is stored if the question was forgotten while it was answered.
        """
        if len(quoted.documents) > MOST_QUOTED:
            return
        # pointers first: one may point to no exchange, but each exchange needs its pointers
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
        """Erase the exchange whose question is this message. Raises StoreError.

        A tombstone replaces it, so that an answer in progress does not store it again, and the
        platform's copy of the answer is not mistaken for one that we do not know.
        """
        event = f"{_place(conversation)}/{message_id}"
        await self._put_gone(conversation, sortable(message_id), event, message_id)

    async def forget_quoting(self, document: DocumentId) -> None:
        """Erase all exchanges whose answers were based on a document; idempotent.

        Raises StoreError.
        """
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
        """Write a pointer to this conversation for each quoted file.

        Pointers are kept twice as long as exchanges, since later answers may repeat a quotation.
        """
        ttl = int(self._clock() + 2 * KEPT)
        for place, file in sorted(quoted.documents):
            item = {"pk": _pointer(DocumentId(place, file)), "sk": conversation, "ttl": ttl}
            await self._calls(self._db.put_item, TableName=self._table, Item=encode(item))

    async def _partition(self, pk: str) -> Iterable[dict[str, Any]]:
        return map(decode, await in_partition(self._db, self._table, self._calls, pk))


def sortable(message_id: str) -> str:
    """A key that sorts in the order of posting: message ids are times, in seconds or smaller."""
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
        return Exchange(Message("user", "", "", message), Message("assistant", ""), forgotten=True)
    quoted: Quoted | None = None
    if "scopes" in item:
        pairs = (str(each).partition("\n") for each in item.get("documents", ()))
        quoted = Quoted(frozenset(item["scopes"]), frozenset((p, f) for p, _, f in pairs))
    return Exchange(
        Message("user", item["question"], item["person"], message),
        Message("assistant", item["answer"], "", item["answered"]),
        quoted,
    )
