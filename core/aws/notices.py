"""The queue that S3 tells of its objects, told of more: `core.stores.Notices`."""

from __future__ import annotations

from typing import Any

from core.aws.calls import Calls
from core.aws.queues import depth


class SqsNotices:
    """The queue at `url`."""

    def __init__(self, sqs: Any, url: str, calls: Calls) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls

    async def put(self, body: str) -> None:
        await self._calls(self._sqs.send_message, QueueUrl=self._url, MessageBody=body)

    async def waiting(self) -> int:
        now = await self._calls(depth, self._sqs, self._url)
        return int(now.waiting + now.delayed)
