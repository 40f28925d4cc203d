"""History, settings and feedback in the one DynamoDB table; its layout: `core.aws.dynamodb`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.answer import Turn, Usage
from core.aws.calls import Calls
from core.aws.dynamodb import DAY, Table, item, values
from core.tokens import estimate

KEEP_TURNS = 90 * DAY
LONGEST = 150_000
"""Characters of a text that are kept; an item holds 400 KB."""


class DynamoHistory(Table):
    """`core.ports.History`: one item an exchange, in the order of the questions' message ids."""

    def __init__(
        self, client: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        super().__init__(client, table, calls)
        self._clock = clock

    async def recent(self, conversation: str, tokens: int) -> Sequence[Turn]:
        found = await self._calls(
            self._client.query,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=item({":pk": f"turn#{conversation}"}),
            ScanIndexForward=False,
            Limit=100,
            ConsistentRead=True,
        )
        exchanges: list[tuple[Turn, Turn]] = []
        for each in found["Items"]:
            kept = values(each)
            tokens -= estimate(kept["question"]) + estimate(kept["answer"])
            if tokens < 0 and exchanges:
                break
            asked = Turn("user", kept["question"], kept["person"], kept["sk"])
            exchanges.append((asked, Turn("assistant", kept["answer"])))
        return [turn for exchange in reversed(exchanges) for turn in exchange]

    async def append(
        self, conversation: str, event_id: str, question: Turn, answer: Turn, usage: Usage
    ) -> None:
        await self._put(
            pk=f"turn#{conversation}",
            sk=question.message_id or event_id,
            event=event_id,
            person=question.person,
            question=question.text[:LONGEST],
            answer=answer.text[:LONGEST],
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            ttl=int(self._clock()) + KEEP_TURNS,
        )


class DynamoPlaceSettings(Table):
    """`core.ports.PlaceSettings`."""

    async def model(self, place: str) -> str | None:
        found = await self._get(f"place#{place}", "settings")
        return None if found is None else str(found["model"])

    async def choose_model(self, place: str, model: str) -> None:
        await self._put(pk=f"place#{place}", sk="settings", model=model)


class DynamoFeedback(Table):
    """`core.ports.Feedback`."""

    def __init__(
        self, client: Any, table: str, calls: Calls, *, clock: Callable[[], float]
    ) -> None:
        super().__init__(client, table, calls)
        self._clock = clock

    async def rate(self, event_id: str, person: str, value: str) -> None:
        ttl = int(self._clock()) + KEEP_TURNS
        await self._put(pk=f"feedback#{event_id}", sk=person, value=value, ttl=ttl)
