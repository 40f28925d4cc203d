"""Dead letters, one by one: those about something are deleted, the others stay as they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls
from core.aws.sqs.admin import BATCH, depth
from core.aws.sqs.visibility import show_again
from core.ports.store_error import StoreError

log = logging.getLogger(__name__)

LOOK = 120
"""Seconds that a message is kept from others while it is looked at."""
TIMES = 3
"""How often the same messages may come again, and nothing else."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Messages: how many were `deleted`, how many of those to be deleted are `left`, and how many
    could not be looked at. In a FIFO queue those behind ten others of their group cannot be."""

    deleted: int
    left: int
    unseen: int


class Letters:
    """The dead-letter queue at `url`."""

    def __init__(self, sqs: Any, url: str, calls: Calls) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls

    async def delete(self, about: Callable[[str], bool]) -> Looked:
        """Deletes messages by their body. Raises StoreError where the queue cannot be read.

        What takes longer than `LOOK` sees messages again, and then only the newest handle is good.
        It ends when nothing comes, or nothing new does for long.
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
            await asyncio.gather(*back)
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
        """Whether a message is deleted now: with a handle that is too old it is not."""
        try:
            await self._calls(self._sqs.delete_message, QueueUrl=self._url, ReceiptHandle=handle)
        except (StoreError, ClientError) as exc:
            log.warning("a dead letter is not deleted: %s", exc)
            return False
        return True
