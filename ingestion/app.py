"""The queue of files: take S3's notifications and process them.

`Ingester.handle` takes an SQS event as Lambda delivers it and returns Lambda's partial batch
response; a Lambda function and the long-lived process share it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from core.aws.provision import TRIES
from core.aws.sqs.s3_events import Removed, Written, jobs
from core.runtime.tasks import together
from ingestion.announcements import Announcements
from ingestion.pipeline import Pipeline

log = logging.getLogger(__name__)

SLOW_TRIES = 2
"""How often a file may use up all the time there is."""


class Ingester:
    """Processes the notifications of S3."""

    def __init__(self, pipeline: Pipeline, announcements: Announcements | None = None) -> None:
        self._pipeline = pipeline
        self._announcements = announcements

    async def handle(self, event: Mapping[str, Any], until: float | None = None) -> dict[str, Any]:
        """Work through an SQS batch. Returns the messages to deliver again.

        What has not ended by `until`, in the event loop's time, is among them.
        """

        records = event["Records"]
        read = await together(*(self._one(each, until) for each in records))
        failed = [each["messageId"] for each, done in zip(records, read, strict=True) if not done]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    async def _one(self, record: Mapping[str, Any], until: float | None) -> bool:
        """Carries out a record's jobs; False if it must be delivered again."""
        received = int(record.get("attributes", {}).get("ApproximateReceiveCount", "1"))
        try:
            for job in jobs(record["body"]):
                try:
                    await self._did(job, received, until)
                finally:
                    # whatever the outcome, also of a repeated job, notify the questions that wait
                    if self._announcements is not None:
                        await self._announcements.over(job.key)
        except Exception as exc:  # noqa: BLE001 - the outermost handler: SQS delivers the record again
            log.warning("a file is put off: %s", type(exc).__name__)
            return False
        return True

    async def _did(self, job: Written | Removed, received: int, until: float | None) -> None:
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                await self._pipeline.run(job, last=received >= TRIES)
        except TimeoutError:
            if not limit.expired() or received < SLOW_TRIES:
                raise
            await self._pipeline.give_up(job, "too_slow")
