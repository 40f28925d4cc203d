"""Claims, in the one DynamoDB table that also holds history, settings and feedback.

Keys are `pk` and `sk`, items expire at `ttl`:

claim#{event id}    claim        who answers an event, until when, and its messages
open                {event id}   events that are claimed and not settled: what a sweep looks at
turn#{conversation} {message}    one exchange
place#{place}       settings     what people chose
feedback#{event id} {person}     thumbs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from core.answer import MessageId
from core.aws.calls import Calls
from core.ports import Busy, Claim, Lost, Orphan, Record

LEASE = 20.0
"""Seconds a claim holds without being renewed."""
ORPHANED = 15.0
"""Seconds after its lease ended that an answer counts as abandoned."""
DAY = 86_400
KEEP_CLAIMS = 15 * DAY

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def item(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialize(value) for name, value in fields.items()}


def values(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _deserialize(value) for name, value in stored.items()}


class Table:
    def __init__(self, client: Any, table: str, calls: Calls) -> None:
        self._client = client
        self._table = table
        self._calls = calls

    async def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        found = await self._calls(
            self._client.get_item,
            TableName=self._table,
            Key=item({"pk": pk, "sk": sk}),
            ConsistentRead=True,
        )
        return values(found["Item"]) if "Item" in found else None

    async def _put(self, **fields: Any) -> None:
        await self._calls(self._client.put_item, TableName=self._table, Item=item(fields))


class DynamoClaims(Table):
    """`core.ports.Claims`. `owner` names this process; `clock` gives seconds since the epoch."""

    def __init__(
        self, client: Any, table: str, calls: Calls, *, owner: str, clock: Callable[[], float]
    ) -> None:
        super().__init__(client, table, calls)
        self._owner = owner
        self._clock = clock
        self._takes = count()

    async def take(self, event_id: str, incoming: str = "") -> Claim | None:
        owner = f"{self._owner}-{next(self._takes)}"
        for _ in range(3):
            if await self._begin(event_id, owner, incoming):
                return Claim(event_id, owner)
            found = await self._get(f"claim#{event_id}", "claim")
            if found is None:
                continue
            if found["settled"]:
                return None
            left = float(found["lease"]) - self._clock()
            if left > 0:
                raise Busy(left)
            claim = await self._take_over(found, event_id, owner)
            if claim is not None:
                return claim
        raise Busy(1.0)

    async def _begin(self, event_id: str, owner: str, incoming: str) -> bool:
        now = self._clock()
        claim = {
            "pk": f"claim#{event_id}",
            "sk": "claim",
            "owner": owner,
            "lease": _number(now + LEASE),
            "attempt": 1,
            "settled": False,
            "incoming": incoming,
            "ids": [],
            "ttl": int(now) + KEEP_CLAIMS,
        }
        opened = {"pk": "open", "sk": event_id, "ttl": int(now) + KEEP_CLAIMS}
        return await self._together(
            {
                "Put": {
                    "TableName": self._table,
                    "Item": item(claim),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {"Put": {"TableName": self._table, "Item": item(opened)}},
        )

    async def _take_over(self, found: Mapping[str, Any], event_id: str, owner: str) -> Claim | None:
        updated = await self._update(
            event_id,
            "SET #owner = :owner, lease = :lease, attempt = attempt + :one REMOVE stopping",
            "#owner = :before AND lease = :held AND settled = :false",
            owner=owner,
            lease=_number(self._clock() + LEASE),
            one=1,
            before=found["owner"],
            held=found["lease"],
            false=False,
        )
        if updated is None:
            return None
        ids = tuple(MessageId(each) for each in updated["ids"])
        return Claim(event_id, owner, ids, int(updated["attempt"]))

    async def renew(self, claim: Claim) -> bool:
        lease = _number(self._clock() + LEASE)
        updated = await self._mine(claim, "SET lease = :lease", lease=lease)
        return bool(updated.get("stopping", False))

    async def posted(self, claim: Claim, message_ids: Sequence[MessageId]) -> None:
        await self._mine(claim, "SET ids = :ids", ids=[str(each) for each in message_ids])

    async def settle(self, claim: Claim) -> None:
        done = await self._together(
            {
                "Update": {
                    "TableName": self._table,
                    "Key": item({"pk": f"claim#{claim.event_id}", "sk": "claim"}),
                    "UpdateExpression": "SET settled = :true",
                    "ConditionExpression": "#owner = :owner",
                    "ExpressionAttributeNames": {"#owner": "owner"},
                    "ExpressionAttributeValues": item({":true": True, ":owner": claim.owner}),
                }
            },
            {
                "Delete": {
                    "TableName": self._table,
                    "Key": item({"pk": "open", "sk": claim.event_id}),
                }
            },
        )
        if not done:
            raise Lost(claim.event_id)

    async def stop(self, event_id: str) -> bool:
        updated = await self._update(
            event_id,
            "SET stopping = :true",
            "settled = :false",
            true=True,
            false=False,
        )
        return updated is not None

    async def read(self, event_id: str) -> Record | None:
        found = await self._get(f"claim#{event_id}", "claim")
        return None if found is None else _record(event_id, found)

    async def orphans(self) -> Sequence[Orphan]:
        opened = await self._calls(
            self._client.query,
            TableName=self._table,
            KeyConditionExpression="pk = :open",
            ExpressionAttributeValues=item({":open": "open"}),
            Limit=500,
        )
        found: list[Orphan] = []
        for each in opened["Items"]:
            event_id = values(each)["sk"]
            claim = await self._get(f"claim#{event_id}", "claim")
            if claim is None or claim["settled"] or not claim["incoming"]:
                continue
            if float(claim["lease"]) + ORPHANED < self._clock():
                ids = tuple(MessageId(each) for each in claim["ids"])
                taken = Claim(event_id, claim["owner"], ids, int(claim["attempt"]))
                found.append(Orphan(taken, claim["incoming"]))
        return found

    async def _mine(self, claim: Claim, change: str, **fields: Any) -> dict[str, Any]:
        updated = await self._update(
            claim.event_id,
            change,
            "#owner = :owner AND settled = :false",
            owner=claim.owner,
            false=False,
            **fields,
        )
        if updated is None:
            raise Lost(claim.event_id)
        return updated

    async def _update(
        self, event_id: str, change: str, condition: str, **fields: Any
    ) -> dict[str, Any] | None:
        """The claim after a change; None when the condition does not hold."""
        parameters: dict[str, Any] = {
            "TableName": self._table,
            "Key": item({"pk": f"claim#{event_id}", "sk": "claim"}),
            "UpdateExpression": change,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": item({f":{k}": v for k, v in fields.items()}),
            "ReturnValues": "ALL_NEW",
        }
        if "#owner" in change + condition:
            parameters["ExpressionAttributeNames"] = {"#owner": "owner"}
        try:
            updated = await self._calls(self._client.update_item, **parameters)
        except ClientError:
            return None
        return values(updated["Attributes"])

    async def _together(self, *writes: Mapping[str, Any]) -> bool:
        try:
            await self._calls(self._client.transact_write_items, TransactItems=list(writes))
        except ClientError:
            return False
        return True


def _record(event_id: str, found: Mapping[str, Any]) -> Record:
    ids = tuple(MessageId(each) for each in found["ids"])
    return Record(event_id, found["incoming"], ids, found["settled"], float(found["lease"]))


def _number(seconds: float) -> int:
    """Whole seconds, rounded up: DynamoDB takes no floats."""
    return int(seconds) + 1
