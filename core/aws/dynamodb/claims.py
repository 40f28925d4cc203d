"""Claims on events, in DynamoDB: `core.ports.turns.Claims`.

1. An event is one item. Every change to it is conditional, so that one of two workers wins.
2. A lease expires by the clock; the next worker that takes the event continues its messages.
3. An open event has a second item, in the partition `open`, written and deleted in one transaction
   with the first: there, answers whose worker died are found without a scan. A receiver may have
   written that item before (`core.aws.sqs.pending`): then turns that no worker ever took are found
   as well.
4. A request to stop is an item in the partition `stop`. A worker with many answers reads all
   requests with one query, and renews a lease only once half of it has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import clean, decode, encode
from core.aws.access.retention import REMEMBERED
from core.aws.dynamodb.claim_rows import OPEN, claim_key, claim_of, orphans_of, read_open
from core.aws.dynamodb.reads import in_partition
from core.aws.dynamodb.stops import Stops
from core.aws.dynamodb.waits import carried, go_on_at, next_wait, note, waiting_claim, waiting_of
from core.aws.dynamodb.withdrawn import withdraw
from core.ports.turns import Busy, Claim, LeaseLost, Orphan, Record, Withdrawn
from core.ports.waits import Wait
from core.values.answer import MessageId
from core.values.conversation import NOTHING
from core.values.documents import DocumentId
from core.values.runs import next_run, post_of

LEASE = 20.0
"""Seconds a claim lasts unless it is renewed."""
STOP_KEPT = 3_600
TAKES = 5


class DynamoClaims:
    """The claims of all events.

    `owner` names this process; `clock` returns seconds since the epoch, the same for all workers.
    """

    def __init__(
        self, dynamodb: Any, table: str, calls: Calls, *, owner: str, clock: Callable[[], float]
    ) -> None:
        self._db = dynamodb
        self._table = table
        self._calls = calls
        self._owner = owner
        self._clock = clock
        self._leases: dict[str, float] = {}
        """When the leases held by this process end, by owner."""
        self._stops = Stops(self._stopping)

    async def take(self, event_id: str, incoming: str = "") -> Claim | None:
        """Claim an event; None if it is completed. Raises Busy, StoreError."""
        post = post_of(event_id)
        if post != event_id and (await self._item(post) or {}).get("gone"):
            return None  # the question was deleted after another run of it was asked for
        for _ in range(TAKES):
            item = await self._item(event_id)
            if item is None:
                claim = Claim(event_id, self._name())
            elif item["settled"]:
                return None
            elif item["lease"] > self._clock():
                raise Busy(item["lease"] - self._clock())
            else:
                claim = replace(
                    claim_of(item), owner=self._name(), attempt=int(item["attempt"]) + 1
                )
            # the question as an earlier worker left it contains the answer so far
            left = (item["incoming"] if item else "") or clean(incoming)
            claim = replace(claim, incoming=left)
            if await self._claim(claim, item):
                return claim
        raise Busy(LEASE)

    async def _claim(self, claim: Claim, old: dict[str, Any] | None) -> bool:
        """Write a claim over the item that was read; False if another worker was faster."""
        now = self._clock()
        item = {
            **claim_key(claim.event_id),
            "event": claim.event_id,
            "owner": claim.owner,
            "attempt": claim.attempt,
            "lease": now + LEASE,
            "messages": claim.message_ids,
            "incoming": claim.incoming,
            "settled": False,
            "ttl": int(now + REMEMBERED),
            **carried(claim.wait),
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
        is_open: dict[str, Any] = {
            "TableName": self._table,
            "Key": encode({"pk": OPEN, "sk": claim.event_id}),
            "UpdateExpression": (
                "SET since = if_not_exists(since, :now), #ttl = :ttl "
                "REMOVE incoming, requeued, times"
            ),
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": encode({":now": now, ":ttl": int(now + REMEMBERED)}),
        }
        if not await self._transact({"Put": put}, {"Update": is_open}):
            return False
        held = {owner: end for owner, end in self._leases.items() if end > now - LEASE}
        self._leases = {**held, claim.owner: now + LEASE}
        return True

    async def renew(self, claim: Claim) -> bool:
        """Extend the lease; True if somebody asked to stop. Raises LeaseLost, StoreError."""
        now = self._clock()
        if self._leases.get(claim.owner, 0.0) - now < LEASE / 2:
            await self._update(claim, "SET lease = :lease", {":lease": now + LEASE})
            self._leases[claim.owner] = now + LEASE
        return await self.stopping(claim.event_id)

    async def posted(self, claim: Claim, message_ids: Sequence[MessageId]) -> None:
        """Record the answer's messages. Raises LeaseLost, StoreError."""
        await self._update(claim, "SET messages = :ids", {":ids": tuple(message_ids)})

    async def release(self, claim: Claim, incoming: str, *, anew: bool) -> None:
        """End the lease; the event stays open for others. Raises LeaseLost, StoreError."""
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

    async def await_documents(
        self,
        claim: Claim,
        incoming: str,
        message_ids: Sequence[MessageId],
        documents: Sequence[DocumentId],
    ) -> Wait:
        """Leave an open event until documents are read. Raises LeaseLost, StoreError."""
        now = self._clock()
        await note(self._db, self._table, self._calls, claim.event_id, documents=documents, now=now)
        wait = next_wait(claim.wait, documents, now)
        await self._update(claim, *waiting_claim(wait, incoming, message_ids))
        self._leases.pop(claim.owner, None)
        return wait

    async def stopping(self, event_id: str) -> bool:
        """Whether somebody asked to stop an event that is not answered yet. Raises StoreError."""
        return event_id in await self._stops.now()

    async def complete(self, claim: Claim) -> None:
        """Mark the event as answered for good. Raises LeaseLost, StoreError."""
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
            raise await self._lost(claim)

    async def withdraw(self, event_id: str) -> Sequence[MessageId]:
        """Erase a deleted question in all its runs. Raises StoreError."""
        run, messages = post_of(event_id), list[MessageId]()
        while True:
            found = await withdraw(self._db, self._table, self._calls, run, self._clock())
            messages += map(MessageId, found or ())
            if found is None and run != post_of(event_id):
                return messages
            run = next_run(run)

    async def _lost(self, claim: Claim) -> LeaseLost:
        """The error that says why a claim is no longer ours."""
        item = await self._item(claim.event_id) or {}
        return Withdrawn(claim.event_id) if item.get("gone") else LeaseLost(claim.event_id)

    async def stop(self, event_id: str) -> bool:
        """Ask the worker that answers an event, now or next, to stop; False if it is completed."""
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
        """The state of an event, None if it was never claimed."""
        item = await self._item(event_id)
        if item is None:
            return None
        claim = claim_of(item)
        return Record(event_id, item["incoming"], claim.message_ids, item["settled"], item["lease"])

    async def orphans(self) -> Sequence[Orphan]:
        """Turns to be queued again (`core.turn.requeue_policy`), the longest waiting first."""
        rows, claims = await read_open(self._db, self._table, self._calls)
        settled = {event for event, item in claims.items() if item["settled"]}
        for event in settled:
            await self._let_go(event)
        still = {event: row for event, row in rows.items() if event not in settled}
        waiting = [each for event in still if (each := waiting_of(claims.get(event, {})))]
        times = await go_on_at(self._db, self._table, self._calls, waiting, now=self._clock())
        return orphans_of(still, claims, times, self._clock())

    async def requeued(self, event_id: str) -> None:
        """Record that an open turn was queued again just now."""
        try:
            await self._calls(
                self._db.update_item,
                TableName=self._table,
                Key=encode({"pk": OPEN, "sk": event_id}),
                UpdateExpression="SET requeued = :now ADD times :one",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=encode({":now": self._clock(), ":one": 1}),
            )
        except ClientError as exc:
            if not unmet(exc):
                raise  # an unmet condition: it was answered meanwhile

    async def ignore(self, event_id: str) -> None:
        """Complete an event that nobody needs to answer, and erase its text."""
        item = await self._item(event_id)
        if item is not None and not item["settled"]:
            try:
                await self._calls(
                    self._db.update_item,
                    TableName=self._table,
                    Key=encode(claim_key(event_id)),
                    UpdateExpression="SET settled = :yes, incoming = :nothing",
                    ConditionExpression="settled = :no AND lease <= :now",
                    ExpressionAttributeValues=encode(
                        {":yes": True, ":no": False, ":nothing": NOTHING, ":now": self._clock()}
                    ),
                )
            except ClientError as exc:
                if not unmet(exc):
                    raise
                return  # another worker answers it
        await self._let_go(event_id)

    async def _let_go(self, event_id: str) -> None:
        """Delete the open item of an event that its platform sent again after it was completed."""
        key = {"pk": OPEN, "sk": event_id}
        await self._calls(self._db.delete_item, TableName=self._table, Key=encode(key))

    def _name(self) -> str:
        """A new owner name for each claim, as a process may reclaim an event that it lost."""
        return f"{self._owner}/{uuid4().hex}"

    async def _stopping(self) -> frozenset[str]:
        found = await in_partition(self._db, self._table, self._calls, "stop")
        return frozenset(decode(each)["sk"] for each in found)

    async def _item(self, event_id: str) -> dict[str, Any] | None:
        answer = await self._calls(
            self._db.get_item,
            TableName=self._table,
            Key=encode(claim_key(event_id)),
            ConsistentRead=True,
        )
        return decode(answer["Item"]) if "Item" in answer else None

    async def _update(self, claim: Claim, expression: str, values: dict[str, Any]) -> None:
        """Change a claim that is open and ours. Raises LeaseLost if it is not."""
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
            raise await self._lost(claim) from exc

    async def _transact(self, *actions: dict[str, Any]) -> bool:
        """Do all of these actions or none; False if a condition does not hold."""
        try:
            await self._calls(self._db.transact_write_items, TransactItems=list(actions))
        except ClientError as exc:
            if not unmet(exc):
                raise
            return False
        return True
