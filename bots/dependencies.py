"""What `parley serve` depends on, and how each is asked whether it is there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp
import boto3
from botocore.exceptions import ClientError, UnknownRegionError

from bots.addresses import connector
from bots.health import Check
from bots.slack.web import call, web_client
from bots.teams.tokens import CONNECTOR, tokens_for
from core.aws.calls import Calls
from core.settings import Settings, SlackSettings, TeamsSettings


def checks(
    settings: Settings, calls: Calls, sqs: Any, dynamodb: Any, http: aiohttp.ClientSession
) -> Mapping[str, Check]:
    """By the names under which `/readyz` tells them. None costs more than a fraction of a cent."""
    found: dict[str, Check] = {
        "turns queue": partial(_queue, calls, sqs, settings.turns_queue_url),
        "table": partial(_table, calls, dynamodb, settings.table),
        "model regions": partial(_regions, settings.model_regions),
    }
    if settings.opensearch_url:
        found["files queue"] = partial(_queue, calls, sqs, settings.files_queue_url)
    if settings.slack is not None:
        found["Slack"] = partial(_slack, settings.slack, http)
    if settings.teams is not None:
        found["Teams"] = partial(_teams, settings.teams, http)
    return found


def session(settings: Settings) -> aiohttp.ClientSession:
    """For asking the platforms; close it."""
    urls = [settings.slack.api_url] if settings.slack else []
    urls += [settings.teams.login_url] if settings.teams else []
    return aiohttp.ClientSession(connector=connector(urls))


async def _queue(calls: Calls, sqs: Any, url: str) -> str:
    return await _answers(
        calls, sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"]
    )


async def _table(calls: Calls, dynamodb: Any, table: str) -> str:
    key = {"pk": {"S": "ready"}, "sk": {"S": "-"}}
    return await _answers(calls, dynamodb.get_item, TableName=table, Key=key)


async def _answers(calls: Calls, operation: Any, **arguments: Any) -> str:
    try:
        await calls(operation, **arguments)
    except ClientError as exc:
        return f"AWS refused: {exc.response['Error']['Code']}"
    return ""


async def _regions(regions: tuple[str, ...]) -> str:
    """Whether they are regions of AWS; whether models are enabled there, an answer shows."""
    session, unknown = boto3.Session(), []
    for region in regions:
        try:
            session.get_partition_for_region(region)
        except UnknownRegionError:
            unknown.append(region)
    names = ", ".join(unknown)
    return f"AWS has no region {names}: correct PARLEY_MODEL_REGIONS." if unknown else ""


async def _slack(slack: SlackSettings, http: aiohttp.ClientSession) -> str:
    await call(web_client(slack.bot_token, slack.api_url, http), "auth.test")
    return ""


async def _teams(teams: TeamsSettings, http: aiohttp.ClientSession) -> str:
    await tokens_for(teams, http).of(CONNECTOR)
    return ""
