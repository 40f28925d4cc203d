"""Lambda function, run every hour: delete and repair files as `parley serve` does."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core.aws.access.clients import client
from core.aws.document_stores import reading
from core.aws.lambda_.telemetry import Telemetry
from core.aws.lambda_.warm import Warm
from core.runtime.settings import load
from ingestion.reconciliation.housekeeping import forgets, reconciler
from ingestion.reconciliation.reconciler import Reconciler


@dataclass(frozen=True, slots=True)
class _Kept:
    forgets: Callable[[], Awaitable[int]]
    reconciler: Reconciler


@asynccontextmanager
async def _built(environ: Mapping[str, str]) -> AsyncIterator[_Kept]:
    settings = load(environ, talks=False)
    async with reading(settings) as kept:
        sqs = client("sqs", settings.aws_region)
        try:
            yield _Kept(
                forgets(settings, kept.shelf, sqs, kept.calls),
                reconciler(settings, kept.shelf, sqs, kept.calls),
            )
        finally:
            sqs.close()


_telemetry = Telemetry("reconciler")
_warm = Warm(_built, os.environ)
_warm.prepare()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point, called on a schedule. Returns the deletions and repairs it made."""

    async def work(kept: _Kept) -> dict[str, Any]:
        try:
            forgotten = await kept.forgets()
        finally:
            # try both, then raise what failed
            repaired = await kept.reconciler.run()
        return {"forgotten": forgotten, "repaired": dict(repaired)}

    with _telemetry.invocation(context):
        return _warm.run(work)
