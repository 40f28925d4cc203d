"""Who answers which event, in DynamoDB: `core.ports.Claims`.

1. An event is one item. Every change to it is conditional, so that of two workers one wins.
2. A lease ends by the clock; whoever takes the event then goes on with its messages.
3. While an event is open it has a second item, in the partition `open`, written and deleted in one
   transaction with the first: answers whose worker is gone are found there, without a scan. A
   receiver may have written it before (`core.aws.noted`): then so is what no worker ever took.
4. A wish to stop is an item in the partition `stop`. A worker with many answers asks for all of
   them with one query, and writes a lease only when half of it is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from core.answer import MessageId
from core.aws.calls import Calls, unmet
from core.aws.items import clean, decode, encode
from core.aws.reads import by_keys, in_partition
from core.ports import Busy, Claim, Lost, Orphan, Record

LEASE = 20.0
"""Seconds a claim lasts unless it is renewed."""
ORPHANED = 15.0
"""Seconds after the end of its lease that an open event counts as abandoned."""
KEPT = 16 * 86_400
"""Seconds an event is remembered: a delivery of it up to then is a duplicate."""
UNTAKEN = (60.0, 1_800.0)
"""Seconds from which, and up to which, a turn that nobody took is an orphan; later than that the
queue shows it again by itself."""
STOP_KEPT = 3_600
OPEN = "open"
"""The partition of what is not settled."""
PACE = 0.2
"""Seconds between two queries for wishes to stop."""
TAKES = 5


class DynamoClaims:
    """`owner` names this process. `clock`: seconds since 1970, the same for all workers."""

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, owner: str, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._owner = owner
        self._clock = clock
        self._leases: dict[str, float] = {}
        """Ends of the leases held here, by owner."""
        self._stops = _Stops(self._stopping)

    async def take(self, event_id: str, incoming: str = "") -> Claim | None:
        """The claim, or None when the event is settled. Raises Busy, StoreError."""
        for _ in range(TAKES):
            item = await self._item(event_id)
            if item is None:
                claim = Claim(event_id, self._name())
            elif item["settled"]:
                return None
            elif item["lease"] > self._clock():
                raise Busy(item["lease"] - self._clock())
            else:
                claim = replace(_claim(item), owner=self._name(), attempt=int(item["attempt"]) + 1)
            if await self._claim(claim, clean(incoming), item):
                return claim
        raise Busy(LEASE)

    async def _claim(self, claim: Claim, incoming: str, old: dict[str, Any] | None) -> bool:
        """Writes a claim over what was read; False when somebody else was faster."""
        now = self._clock()
        item = {
            **claim_key(claim.event_id),
            "event": claim.event_id,
            "owner": claim.owner,
            "attempt": claim.attempt,
            "lease": now + LEASE,
            "messages": claim.message_ids,
            "incoming": incoming or (old["incoming"] if old else ""),
            "settled": False,
            "ttl": int(now + KEPT),
        }
        put: dict[str, Any] = {"TableName": self._table, "Item": encode(item)}
        if old is None:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        else:
            put["ConditionExpression"] = "#owner = :old AND lease = :lease AND settled = :no"
            put["ExpressionAttributeNames"] = {"#owner": "owner"}
            put["ExpressionAttributeValues"] = encode(
                {":old": old["owner"], ":lease": old["lease"], ":no": False}
            )
        is_open = {"pk": OPEN, "sk": claim.event_id, "since": now, "ttl": int(now + KEPT)}
        if not await self._transact(
            {"Put": put}, {"Put": {"TableName": self._table, "Item": encode(is_open)}}
        ):
            return False
        held = {owner: end for owner, end in self._leases.items() if end > now - LEASE}
        self._leases = {**held, claim.owner: now + LEASE}
        return True

    async def renew(self, claim: Claim) -> bool:
        """Lengthens the lease; True when somebody asked to stop. Raises Lost, StoreError."""
        now = self._clock()
        if self._leases.get(claim.owner, 0.0) - now < LEASE / 2:
            await self._update(claim, "SET lease = :lease", {":lease": now + LEASE})
            self._leases[claim.owner] = now + LEASE
        return claim.event_id in await self._stops.now()

    async def posted(self, claim: Claim, message_ids: Sequence[MessageId]) -> None:
        """Keeps the answer's messages. Raises Lost, StoreError."""
        await self._update(claim, "SET messages = :ids", {":ids": tuple(message_ids)})

    async def release(self, claim: Claim, incoming: str, *, anew: bool) -> None:
        """Leaves the event, open, to whoever takes it next. Raises Lost, StoreError."""
        await self._update(
            claim,
            "SET lease = :none, incoming = :incoming, attempt = :attempt",
            {
                ":none": 0,
                ":incoming": clean(incoming),
                ":attempt": 1 if anew else claim.attempt,
            },
        )
        self._leases.pop(claim.owner, None)

    async def settle(self, claim: Claim) -> None:
        """Ends the event for good. Raises Lost, StoreError."""
        update = {
            "TableName": self._table,
            "Key": encode(claim_key(claim.event_id)),
            "UpdateExpression": "SET settled = :yes",
            "ConditionExpression": "#owner = :me",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": encode({":yes": True, ":me": claim.owner}),
        }
        self._leases.pop(claim.owner, None)
        if not await self._transact(
            {"Update": update},
            *(
                {"Delete": {"TableName": self._table, "Key": encode({"pk": pk, "sk": sk})}}
                for pk, sk in ((OPEN, claim.event_id), ("stop", claim.event_id))
            ),
        ):
            raise Lost(claim.event_id)

    async def stop(self, event_id: str) -> bool:
        """Asks whoever answers this event, or takes it up again, to stop; False when it is over."""
        check = {
            "TableName": self._table,
            "Key": encode(claim_key(event_id)),
            "ConditionExpression": "settled = :no",
            "ExpressionAttributeValues": encode({":no": False}),
        }
        wish = {"pk": "stop", "sk": event_id, "ttl": int(self._clock() + STOP_KEPT)}
        return await self._transact(
            {"ConditionCheck": check}, {"Put": {"TableName": self._table, "Item": encode(wish)}}
        )

    async def read(self, event_id: str) -> Record | None:
        """What is known of an event; None for one never claimed."""
        item = await self._item(event_id)
        if item is None:
            return None
        claim = _claim(item)
        return Record(event_id, item["incoming"], claim.message_ids, item["settled"], item["lease"])

    async def orphans(self) -> Sequence[Orphan]:
        """Events whose lease ended long ago and that never settled; first those never taken."""
        now = self._clock()
        noted = [each for each in await self._partition(OPEN) if each["since"] < now - ORPHANED]
        keys = [claim_key(each["sk"]) for each in noted]
        found = await by_keys(self._db, self._table, self._calls, keys)
        claimed = {item["event"]: item for item in map(decode, found)}
        for each in noted:
            if claimed.get(each["sk"], {}).get("settled"):
                await self._let_go(each)
        return [
            *_untaken([each for each in noted if each["sk"] not in claimed], now),
            *_abandoned(claimed.values(), now),
        ]

    async def _let_go(self, noted: Mapping[str, Any]) -> None:
        """Deletes the note of an event that a platform told again after it was settled."""
        key = {"pk": noted["pk"], "sk": noted["sk"]}
        await self._calls(self._db.delete_item, TableName=self._table, Key=encode(key))

    def _name(self) -> str:
        """An owner for one claim: a process may take an event again that it has lost."""
        return f"{self._owner}/{uuid4().hex}"

    async def _stopping(self) -> frozenset[str]:
        return frozenset(each["sk"] for each in await self._partition("stop"))

    async def _item(self, event_id: str) -> dict[str, Any] | None:
        answer = await self._calls(
            self._db.get_item,
            TableName=self._table,
            Key=encode(claim_key(event_id)),
            ConsistentRead=True,
        )
        return decode(answer["Item"]) if "Item" in answer else None

    async def _partition(self, pk: str) -> list[dict[str, Any]]:
        return [decode(e) for e in await in_partition(self._db, self._table, self._calls, pk)]

    async def _update(self, claim: Claim, expression: str, values: dict[str, Any]) -> None:
        """Changes a claim that is ours and open. Raises Lost when it is not."""
        try:
            await self._calls(
                self._db.update_item,
                TableName=self._table,
                Key=encode(claim_key(claim.event_id)),
                UpdateExpression=expression,
                ConditionExpression="#owner = :me AND settled = :no",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues=encode({**values, ":me": claim.owner, ":no": False}),
            )
        except ClientError as exc:
            if not unmet(exc):
                raise
            self._leases.pop(claim.owner, None)
            raise Lost(claim.event_id) from exc

    async def _transact(self, *actions: dict[str, Any]) -> bool:
        """All of these or none; False when a condition does not hold."""
        try:
            await self._calls(self._db.transact_write_items, TransactItems=list(actions))
        except ClientError as exc:
            if not unmet(exc):
                raise
            return False
        return True


class _Stops:
    """Wishes to stop, asked for once for all who want to know at the same time.

    Whoever calls gets what a query says that began after the call.
    """

    def __init__(self, query: Callable[[], Awaitable[frozenset[str]]]) -> None:
        self._query = query
        self._next: asyncio.Task[frozenset[str]] | None = None
        self._began = 0.0

    async def now(self) -> frozenset[str]:
        if self._next is None:
            self._next = asyncio.create_task(self._ask())
            self._next.add_done_callback(_heard)
        return await asyncio.shield(self._next)

    async def _ask(self) -> frozenset[str]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._began + PACE - loop.time()))
        self._began = loop.time()
        self._next = None
        return await self._query()


def _heard(task: asyncio.Task[frozenset[str]]) -> None:
    """Those who waited were told of a failure; if all went away, nobody need be."""
    if not task.cancelled():
        task.exception()


def claim_key(event_id: str) -> dict[str, str]:
    return {"pk": f"claim#{event_id}", "sk": "claim"}


def _untaken(noted: Iterable[Mapping[str, Any]], now: float) -> list[Orphan]:
    """Those that were queued and never taken, in the order of their arrival."""
    first, last = UNTAKEN
    return [
        Orphan(Claim(each["sk"], owner="", attempt=0), each["incoming"])
        for each in sorted(noted, key=lambda each: float(each["since"]))
        if "incoming" in each and first <= now - each["since"] < last
    ]


def _abandoned(claimed: Iterable[dict[str, Any]], now: float) -> list[Orphan]:
    """Those whose worker is gone, longest first."""
    return [
        Orphan(_claim(item), item["incoming"])
        for item in sorted(claimed, key=lambda item: float(item["lease"]))
        if not item["settled"] and item["lease"] < now - ORPHANED
    ]


def _claim(item: dict[str, Any]) -> Claim:
    ids = tuple(MessageId(each) for each in item["messages"])
    return Claim(item["event"], item["owner"], ids, int(item["attempt"]))
