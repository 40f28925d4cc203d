"""Dead letters, one by one: those about something are deleted, the others stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.aws.calls import Calls
from core.aws.queues import BATCH, depth

LOOK = 120
"""Seconds that a message is kept from others while it is looked at."""


class Letters:
    """The dead-letter queue at `url`."""

    def __init__(self, sqs: Any, url: str, calls: Calls) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls

    async def delete(self, about: Callable[[str], bool]) -> tuple[int, int]:
        """Deletes messages by their body; how many, and how many could not be looked at.

        In a FIFO queue those behind ten others of their group cannot be.
        """
        there = (await self._calls(depth, self._sqs, self._url)).waiting
        deleted, seen = 0, set[str]()
        others: list[str] = []
        try:
            while True:
                answer = await self._calls(
                    self._sqs.receive_message,
                    QueueUrl=self._url,
                    MaxNumberOfMessages=BATCH,
                    VisibilityTimeout=LOOK,
                    WaitTimeSeconds=1,
                )
                messages = answer.get("Messages", ())
                if all(each["MessageId"] in seen for each in messages):
                    break
                for each in messages:
                    seen.add(each["MessageId"])
                    if not about(each["Body"]):
                        others.append(each["ReceiptHandle"])
                        continue
                    await self._calls(
                        self._sqs.delete_message,
                        QueueUrl=self._url,
                        ReceiptHandle=each["ReceiptHandle"],
                    )
                    deleted += 1
        finally:
            for handle in others:
                await self._calls(
                    self._sqs.change_message_visibility,
                    QueueUrl=self._url,
                    ReceiptHandle=handle,
                    VisibilityTimeout=0,
                )
        return deleted, max(0, there - len(seen))
