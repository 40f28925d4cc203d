"""Searches a dead-letter queue, and deletes the messages that match."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls
from core.aws.sqs.admin import BATCH, depth
from core.aws.sqs.visibility import show_again
from core.ports.store_error import StoreError
from core.runtime.tasks import together

log = logging.getLogger(__name__)

LOOK = 120
"""Seconds that a received message is invisible to others."""
TIMES = 3
"""How often all messages may be received again, without a new one, before the search ends."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Numbers of messages: `deleted` ones, matching ones that are `left`, and `unseen` ones.

    In a FIFO queue, messages behind ten others of their group cannot be received.
    """

    deleted: int
    left: int
    unseen: int


class DeadLetterQueue:
    """The dead-letter queue at `url`."""

    def __init__(self, sqs: Any, url: str, calls: Calls) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls

    async def delete(self, about: Callable[[str], bool]) -> Looked:
        """Delete the messages for whose body `about` is true.

        Raises StoreError if the queue cannot be read. A search longer than `LOOK` seconds receives
        messages again, and then only their newest handle is valid. It ends when no messages are
        received, or no new ones for long.
        """
        there = (await self._calls(depth, self._sqs, self._url)).waiting
        handles = dict[str, str]()
        seen, wanted, deleted, again = set[str](), set[str](), set[str](), 0
        try:
            while again <= TIMES * len(seen) and (messages := await self._next()):
                for each in messages:
                    name, handle = each["MessageId"], each["ReceiptHandle"]
                    again = again + 1 if name in seen else 0
                    seen.add(name)
                    handles[name] = handle
                    if about(each["Body"]):
                        wanted.add(name)
                        if await self._gone(handle):
                            deleted.add(name)
                            del handles[name]
        finally:
            back = (show_again(self._calls, self._sqs, self._url, h, 0) for h in handles.values())
            await together(*back)
        return Looked(len(deleted), len(wanted - deleted), max(0, there - len(seen)))

    async def _next(self) -> Sequence[Mapping[str, Any]]:
        answer = await self._calls(
            self._sqs.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=LOOK,
            WaitTimeSeconds=1,
        )
        messages: Sequence[Mapping[str, Any]] = answer.get("Messages", ())
        return messages

    async def _gone(self, handle: str) -> bool:
        """Delete a message; False if that fails, for example because its handle is outdated."""
        try:
            await self._calls(self._sqs.delete_message, QueueUrl=self._url, ReceiptHandle=handle)
        except (StoreError, ClientError) as exc:
            log.warning("a dead letter is not deleted: %s", exc)
            return False
        return True
