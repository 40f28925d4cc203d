"""Lambda function for Slack's requests, which receives them as `parley serve` does."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bots.slack.app import Receiver
from bots.slack.receiver import slack_receiver
from core.aws.lambda_ import url_events
from core.aws.lambda_.telemetry import Telemetry
from core.aws.lambda_.warm import Warm
from core.aws.sqs.receiver_queue import queueing
from core.runtime.http import Response
from core.runtime.settings import SettingsError, load

PATH = "/slack/events"


@asynccontextmanager
async def _built(environ: Mapping[str, str]) -> AsyncIterator[Receiver]:
    settings = load(environ)
    if settings.slack is None:
        raise SettingsError(["Slack is not configured: deploy with its two secrets."])
    with queueing(settings) as enqueue:
        yield slack_receiver(settings, enqueue)


async def _answer(receiver: Receiver, request: url_events.Request) -> Response:
    return receiver.handle(request.headers, request.body)


_telemetry = Telemetry("slack")
_warm = Warm(_built, os.environ)
_warm.prepare()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point, called for each request to the function URL."""
    with _telemetry.invocation(context):
        return url_events.answered(
            event, PATH, lambda request: _warm.run(lambda kept: _answer(kept, request))
        )
