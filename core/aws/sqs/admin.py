"""What operators want of queues: how much waits in them, and dead letters put back."""

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
    """Messages of a queue, about: those that wait, those being handled, those to be seen later."""

    waiting: int
    in_flight: int
    delayed: int


def depth(sqs: Any, url: str) -> Depth:
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
    """Moves all dead letters back; how many there were. A message is in both for a moment only.

    By hand rather than by StartMessageMoveTask, so that it is done when this returns. What fails
    again and comes back meanwhile is left where it is: `moved` is at most what there was.
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
                # the first id is taken for five minutes; this one is the same if we are cut here
                fifo["MessageDeduplicationId"] = each["MessageId"]
            sqs.send_message(QueueUrl=live, MessageBody=each["Body"], **fifo)
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=each["ReceiptHandle"])
            moved += 1
            say(moved)


def _let_go(sqs: Any, url: str, message: Mapping[str, Any]) -> None:
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
