"""Adds events of our own to S3's queue of file events: `core.ports.documents.FileEvents`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.aws.access.calls import Calls
from core.aws.access.sequencers import after
from core.aws.sqs.admin import depth
from core.aws.sqs.s3_events import Removed, Written, notice
from core.values.documents import Document


class SqsNotices:
    """The queue at `url` for the events of a bucket. `clock` returns seconds since the epoch."""

    def __init__(
        self, sqs: Any, url: str, calls: Calls, *, bucket: str, clock: Callable[[], float]
    ) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls
        self._bucket = bucket
        self._clock = clock

    async def written(self, document: Document) -> None:
        """Enqueue an event that the document's object was written. Raises StoreError."""
        seen, now = after(document.seen), self._clock()
        await self._put(Written(document.key, seen, document.size, document.etag, now))

    async def removed(self, document: Document) -> None:
        """Enqueue an event that the document's object was removed. Raises StoreError."""
        await self._put(Removed(document.key, after(document.seen)))

    async def waiting(self) -> int:
        """The approximate number of waiting and delayed events. Raises StoreError."""
        now = await self._calls(depth, self._sqs, self._url)
        return int(now.waiting + now.delayed)

    async def _put(self, job: Written | Removed) -> None:
        body = notice(job, self._bucket)
        await self._calls(self._sqs.send_message, QueueUrl=self._url, MessageBody=body)
