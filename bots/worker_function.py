"""Lambda function for the queue of turns, which answers them as `parley serve` does."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bots.platforms import platforms
from bots.worker import Worker
from core import wiring
from core.aws.access.clients import client
from core.aws.bedrock.client import tune_gc
from core.aws.lambda_.telemetry import Telemetry
from core.aws.lambda_.warm import Warm
from core.aws.sqs.lambda_batch import LambdaBatch
from core.runtime.settings import load


@dataclass(frozen=True, slots=True)
class _Kept:
    worker: Worker
    records: LambdaBatch


@asynccontextmanager
async def _built(environ: Mapping[str, str]) -> AsyncIterator[_Kept]:
    settings = load(environ)
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(wiring.core(settings))
        reach = await stack.enter_async_context(platforms(settings, core.ledgers))
        worker = Worker(
            core.assistant,
            core.commands,
            core.claims,
            core.turns,
            reach,
            presence=core.presence,
            status=core.status,
        )
        sqs = client("sqs", settings.aws_region)
        stack.callback(sqs.close)
        tune_gc()
        yield _Kept(worker, LambdaBatch(sqs, settings.turns_queue_url, core.calls))


_telemetry = Telemetry("worker")
_warm = Warm(_built, os.environ)
_warm.prepare()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point, called for each batch, which holds one turn."""

    async def work(kept: _Kept) -> dict[str, Any]:
        answer = await kept.records.handled(event, context, kept.worker.handle)
        # pending deletions would be frozen until the next invocation
        await kept.worker.close()
        return answer

    with _telemetry.invocation(context):
        return _warm.run(work)
