"""The queue of files: takes S3's notifications and has them carried out.

`Ingester.handle` takes an SQS event as Lambda hands it over and gives back Lambda's partial batch
response; a Lambda function and the long-lived process share it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from core.aws.provision import TRIES
from core.aws.sqs.s3_events import jobs
from core.runtime.tasks import together
from ingestion.pipeline import Pipeline

log = logging.getLogger(__name__)

SLOW_TRIES = 2
"""Times that a file may take all of the time there is."""


class _Batch(AsyncBatchProcessor):
    """Powertools' processor, within a loop that runs already."""

    async def run(self) -> dict[str, Any]:
        with self:
            await together(*(self._async_process_record(each) for each in self.records))
        return {**self.response()}


class Ingester:
    """One for a process."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def handle(self, event: Mapping[str, Any], until: float | None = None) -> dict[str, Any]:
        """Works through an SQS batch; names those to be delivered again.

        What has not ended by `until`, of the loop's clock, is among them.
        """

        async def one(record: SQSRecord) -> None:
            await self._one(record, until)

        batch = _Batch(EventType.SQS, raise_on_entire_batch_failure=False)
        batch(records=list(event["Records"]), handler=one)
        return await batch.run()

    async def _one(self, record: SQSRecord, until: float | None) -> None:
        received = int(record.attributes.approximate_receive_count or 1)
        try:
            for job in jobs(record.body):
                limit = asyncio.timeout_at(until)
                try:
                    async with limit:
                        await self._pipeline.run(job, last=received >= TRIES)
                except TimeoutError:
                    if not limit.expired() or received < SLOW_TRIES:
                        raise
                    await self._pipeline.give_up(job, "too_slow")
        except Exception as exc:
            log.warning("a file is put off: %s", type(exc).__name__)
            raise
