"""Lambda function for Teams' requests, which receives them as `parley serve` does."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bots.teams.app import Receiver
from bots.teams.receiver import teams_receiver
from core.aws.lambda_ import url_events
from core.aws.lambda_.telemetry import Telemetry
from core.aws.lambda_.warm import Warm
from core.aws.sqs.receiver_queue import queueing
from core.runtime.http import Response
from core.runtime.settings import SettingsError, load

PATH = "/api/messages"


@asynccontextmanager
async def _built(environ: Mapping[str, str]) -> AsyncIterator[Receiver]:
    settings = load(environ)
    if settings.teams is None:
        raise SettingsError(["Teams is not configured: deploy with its app id and secret."])
    with queueing(settings) as enqueue:
        async with teams_receiver(settings, enqueue) as receiver:
            yield receiver


async def _answer(receiver: Receiver, request: url_events.Request) -> Response:
    return await receiver.handle(request.headers, request.body)


_telemetry = Telemetry("teams")
_warm = Warm(_built, os.environ)
_warm.prepare()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point, called for each request to the function URL."""
    with _telemetry.invocation(context):
        return url_events.answered(
            event, PATH, lambda request: _warm.run(lambda kept: _answer(kept, request))
        )
