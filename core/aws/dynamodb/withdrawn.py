"""Completes the events of questions that were erased or deleted, so that no worker answers them.

Such a question's message stays in the queue, since only a worker can take it from there. Its row is
that of a completed event (`core.aws.dynamodb.claims`), without any of the question's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls, unmet
from core.aws.access.items import decode, encode
from core.aws.access.retention import REMEMBERED
from core.aws.dynamodb.claim_rows import OPEN, claim_key
from core.values.conversation import NOTHING
from core.values.runs import post_of

STOP_KEPT = 3_600


async def drop(dynamodb: Any, table: str, calls: Calls, event_id: str, now: float) -> bool:
    """Complete an event and erase its text; False while a worker answers it. Raises StoreError."""
    try:
        await calls(
            dynamodb.put_item,
            TableName=table,
            Item=encode(_over(event_id, now)),
            ConditionExpression="attribute_not_exists(pk) OR settled = :yes OR lease <= :now",
            ExpressionAttributeValues=encode({":yes": True, ":now": now}),
        )
    except ClientError as exc:
        if not unmet(exc):
            raise
        return False
    return True


async def withdraw(
    dynamodb: Any, table: str, calls: Calls, event_id: str, now: float
) -> Sequence[str] | None:
    """Complete a run, whoever holds it, and keep nothing of it but the ids of its messages.

    Returns these ids, None if there was no such run. A worker that holds it is stopped when it
    renews its lease, or earlier by a request to stop. Raises StoreError.
    """
    told = await calls(
        dynamodb.get_item,
        TableName=table,
        Key=encode(claim_key(event_id)),
        ConsistentRead=True,
    )
    before = decode(told["Item"]) if "Item" in told else {}
    if not before and post_of(event_id) != event_id:
        return None
    messages: Sequence[str] = before.get("messages", ())
    over = _over(event_id, now, messages)
    put = await calls(dynamodb.put_item, TableName=table, Item=encode(over), ReturnValues="ALL_OLD")
    old = decode(put.get("Attributes", {}))
    if later := set(old.get("messages", ())) - set(messages):
        messages = (*messages, *sorted(later))
        over = _over(event_id, now, messages)
        await calls(dynamodb.put_item, TableName=table, Item=encode(over))
    note = encode({"pk": OPEN, "sk": event_id})
    await calls(dynamodb.delete_item, TableName=table, Key=note)
    if old and not old["settled"]:
        wish = encode({"pk": "stop", "sk": event_id, "ttl": int(now + STOP_KEPT)})
        await calls(dynamodb.put_item, TableName=table, Item=wish)
    return messages if old else None


def _over(event_id: str, now: float, messages: Sequence[str] = ()) -> dict[str, Any]:
    return {
        **claim_key(event_id),
        "event": event_id,
        "owner": "",
        "attempt": 0,
        "lease": 0,
        "messages": tuple(messages),
        "incoming": NOTHING,
        "settled": True,
        "gone": True,
        "ttl": int(now + REMEMBERED),
    }
