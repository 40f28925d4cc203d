"""A question that was forgotten before anybody answered it: whoever takes it later finds it over.

Its message stays in the queue, from which nobody takes it but a worker. What is kept is the id of
the event, as that of one that is settled (`core.aws.claims`), and nothing of what was asked.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from core.aws.calls import Calls, unmet
from core.aws.claim_rows import claim_key
from core.aws.items import encode
from core.conversation import NOTHING

KEPT = 23 * 86_400
"""Seconds: a day more than the queue keeps a message, then that of dead letters, then the queue
again, for each of which its time begins anew.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
"""


async def drop(dynamodb: Any, table: str, calls: Calls, event_id: str, now: float) -> bool:
    """False where a worker answers it at the moment. Raises StoreError."""
    over = {
        **claim_key(event_id),
        "event": event_id,
        "owner": "",
        "attempt": 0,
        "lease": 0,
        "messages": (),
        "incoming": NOTHING,
        "settled": True,
        "gone": True,
        "ttl": int(now + KEPT),
    }
    try:
        await calls(
            dynamodb.put_item,
            TableName=table,
            Item=encode(over),
            ConditionExpression="attribute_not_exists(pk) OR settled = :yes OR lease <= :now",
            ExpressionAttributeValues=encode({":yes": True, ":now": now}),
        )
    except ClientError as exc:
        if not unmet(exc):
            raise
        return False
    return True
