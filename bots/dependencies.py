"""The services that `parley serve` depends on, with a readiness check for each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp

from bots.health import Check
from bots.slack.api.web import call, web_client
from bots.teams.api.tokens import CONNECTOR, tokens_for
from bots.wire.addresses import connector
from core.aws.access.calls import Calls
from core.aws.access.reachable import queue_missing, regions_missing, table_missing
from core.runtime.settings import Settings, SlackSettings, TeamsSettings


def checks(
    settings: Settings, calls: Calls, sqs: Any, dynamodb: Any, http: aiohttp.ClientSession
) -> Mapping[str, Check]:
    """Return the readiness checks by the names that `/readyz` reports.

    No check costs more than a fraction of a cent.
    """
    found: dict[str, Check] = {
        "turns queue": partial(queue_missing, calls, sqs, settings.turns_queue_url),
        "table": partial(table_missing, calls, dynamodb, settings.table),
        "model regions": partial(regions_missing, settings.model_regions),
    }
    if settings.opensearch_url:
        found["files queue"] = partial(queue_missing, calls, sqs, settings.files_queue_url)
    if settings.slack is not None:
        found["Slack"] = partial(_slack, settings.slack, http)
    if settings.teams is not None:
        found["Teams"] = partial(_teams, settings.teams, http)
    return found


def session(settings: Settings) -> aiohttp.ClientSession:
    """Return an HTTP session for checking the platforms. The caller closes it."""
    urls = [settings.slack.api_url] if settings.slack else []
    urls += [settings.teams.login_url] if settings.teams else []
    return aiohttp.ClientSession(connector=connector(urls))


async def _slack(slack: SlackSettings, http: aiohttp.ClientSession) -> str:
    await call(web_client(slack.bot_token, slack.api_url, http), "auth.test")
    return ""


async def _teams(teams: TeamsSettings, http: aiohttp.ClientSession) -> str:
    await tokens_for(teams, http).of(CONNECTOR)
    return ""
