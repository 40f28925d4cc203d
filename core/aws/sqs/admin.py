"""Queue administration for operators: message counts, and redriving dead letters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
BATCH = 10


@dataclass(frozen=True, slots=True)
class Depth:
    """Approximate numbers of a queue's messages: waiting, being handled, and delayed."""

    waiting: int
    in_flight: int
    delayed: int


def depth(sqs: Any, url: str) -> Depth:
    """Count the messages of the queue at `url`."""
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*COUNTS.values()])
    counts = {name: int(answer["Attributes"].get(key, 0)) for name, key in COUNTS.items()}
    return Depth(**counts)


def dead_letters(sqs: Any, url: str) -> str:
    """The URL of a queue's dead-letter queue, empty if it has none."""
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
    name = str(policy.get("deadLetterTargetArn", "")).rpartition(":")[2]
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"]) if name else ""


def redrive(sqs: Any, dead: str, live: str, say: Callable[[int], None] = lambda moved: None) -> int:
    """Move all dead letters back to the live queue, and return how many were moved.

    Each message is in both queues for a moment. StartMessageMoveTask is not used, so that the move
    is complete when this returns. Messages that fail again and come back meanwhile stay: no more
    are moved than there were at the start. `say` receives the number moved so far.
    """
    moved, most = 0, depth(sqs, dead).waiting
    while True:
        answer = sqs.receive_message(
            QueueUrl=dead,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=60,
            WaitTimeSeconds=1,
            AttributeNames=["MessageGroupId", "MessageDeduplicationId"],
        )
        messages = answer.get("Messages", ())
        if not messages or moved >= most:
            for each in messages:
                _let_go(sqs, dead, each)
            return moved
        for each in messages:
            told = each.get("Attributes", {})
            fifo = {name: told[name] for name in told}
            if "MessageDeduplicationId" in fifo:
                # the original id may be rejected as a duplicate for five minutes; this one stays
                # the same if we are interrupted here and run again
                fifo["MessageDeduplicationId"] = each["MessageId"]
            sqs.send_message(QueueUrl=live, MessageBody=each["Body"], **fifo)
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=each["ReceiptHandle"])
            moved += 1
            say(moved)


def _let_go(sqs: Any, url: str, message: Mapping[str, Any]) -> None:
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
