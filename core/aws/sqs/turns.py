"""The FIFO queue of turns, from receivers to workers."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import replace
from typing import Any

from core.aws.access.calls import Calls
from core.aws.access.fifo import group
from core.aws.access.items import CUT, clean
from core.aws.sqs.batching import BatchingSender
from core.values.conversation import Command, Incoming, dumps

BODY_LIMIT = 262_144
"""The largest message in bytes, as `core.aws.provision` configures the queue."""


class SqsTurns:
    """The queue at `url`: `core.ports.turns.TurnQueue`."""

    def __init__(self, sqs: Any, url: str, calls: Calls) -> None:
        self._sender = BatchingSender(sqs, url)
        self._calls = calls

    def enqueue_blocking(self, item: Incoming | Command, *, dedup_suffix: str = "") -> None:
        """The same as `enqueue`, for receivers, which are not async. Raises StoreError."""
        self._sender.send(_message(item, dedup_suffix))

    async def enqueue(
        self, item: Incoming | Command, *, dedup_suffix: str = "", ordering_group: str = ""
    ) -> None:
        """Enqueue an item; SQS drops a duplicate within five minutes. Raises StoreError."""
        message = _message(item, dedup_suffix, ordering_group=ordering_group)
        await self._calls(self._sender.send, message)


def _message(
    item: Incoming | Command, dedup_suffix: str, *, ordering_group: str = ""
) -> dict[str, str]:
    return {
        "MessageBody": body(item),
        "MessageGroupId": _hash(group(item), *filter(None, [ordering_group])),
        "MessageDeduplicationId": _hash(item.event_id, dedup_suffix),
    }


def body(item: Incoming | Command, limit: int = BODY_LIMIT) -> str:
    """An item's JSON, with its text cut to fit in `limit` bytes. Raises ValueError if it cannot."""
    text = clean(dumps(item))
    if len(text.encode()) <= limit:
        return text
    if isinstance(item, Incoming):
        said = item.text

        def first(characters: int) -> str:
            return clean(dumps(replace(item, text=said[:characters] + CUT)))

        fits = bisect_right(range(len(said)), limit, key=lambda n: len(first(n).encode()))
        if fits:
            return first(fits - 1)
    raise ValueError(f"too large to queue: {len(text)} characters")


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
