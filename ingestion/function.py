"""Lambda function for the queue of files, which reads them as `parley serve` does."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core.aws.access.clients import client
from core.aws.document_stores import reading
from core.aws.lambda_.telemetry import Telemetry
from core.aws.lambda_.warm import Warm
from core.aws.sqs.lambda_batch import LambdaBatch
from core.aws.sqs.turns import SqsTurns
from core.runtime.settings import load
from ingestion.app import Ingester
from ingestion.wiring import ingester


@dataclass(frozen=True, slots=True)
class _Kept:
    ingester: Ingester
    records: LambdaBatch


@asynccontextmanager
async def _built(environ: Mapping[str, str]) -> AsyncIterator[_Kept]:
    settings = load(environ, talks=False)
    async with reading(settings) as kept:
        sqs = client("sqs", settings.aws_region)
        turns = SqsTurns(sqs, settings.turns_queue_url, kept.calls)
        reads = ingester(settings, kept.shelf, kept.model, turns)
        try:
            yield _Kept(reads, LambdaBatch(sqs, settings.files_queue_url, kept.calls))
        finally:
            sqs.close()


_telemetry = Telemetry("ingester")
_warm = Warm(_built, os.environ)
_warm.prepare()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point, called for each batch, which holds one notification."""

    async def work(kept: _Kept) -> dict[str, Any]:
        return await kept.records.handled(event, context, kept.ingester.handle)

    with _telemetry.invocation(context):
        return _warm.run(work)
