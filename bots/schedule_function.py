"""Lambda function, run every minute: have answers continued whose worker is gone."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bots.sweep import sweep
from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.dynamodb.claims import DynamoClaims
from core.aws.lambda_.telemetry import Telemetry
from core.aws.lambda_.warm import Warm
from core.aws.sqs.turns import SqsTurns
from core.ports.turns import Claims, TurnQueue
from core.runtime import telemetry
from core.runtime.settings import load
from core.runtime.telemetry import Metric

_Kept = tuple[Claims, TurnQueue]


@asynccontextmanager
async def _built(environ: Mapping[str, str]) -> AsyncIterator[_Kept]:
    settings = load(environ, talks=False)
    calls = Calls(4)
    dynamodb, sqs = (client(each, settings.aws_region) for each in ("dynamodb", "sqs"))
    claims = DynamoClaims(dynamodb, settings.table, calls, owner="schedule", clock=time.time)
    try:
        yield claims, SqsTurns(sqs, settings.turns_queue_url, calls)
    finally:
        calls.close()
        dynamodb.close()
        sqs.close()


_telemetry = Telemetry("schedule")
_warm = Warm(_built, os.environ)
_warm.prepare()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point, called on a schedule. Returns how many answers were re-queued."""

    async def work(kept: _Kept) -> int:
        return await sweep(*kept)

    with _telemetry.invocation(context):
        orphans = _warm.run(work)
        telemetry.count(Metric.ORPHANS, orphans)
        return {"orphans": orphans}
