"""Whether AWS's services are there: what is wrong, in a sentence; empty if nothing is.

Each may raise StoreError as well.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError, UnknownRegionError

from core.aws.access.calls import Calls


async def queue_missing(calls: Calls, sqs: Any, url: str) -> str:
    return await _answers(
        calls, sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"]
    )


async def table_missing(calls: Calls, dynamodb: Any, table: str) -> str:
    key = {"pk": {"S": "ready"}, "sk": {"S": "-"}}
    return await _answers(calls, dynamodb.get_item, TableName=table, Key=key)


async def _answers(calls: Calls, operation: Any, **arguments: Any) -> str:
    try:
        await calls(operation, **arguments)
    except ClientError as exc:
        return f"AWS refused: {exc.response['Error']['Code']}"
    return ""


async def regions_missing(regions: tuple[str, ...]) -> str:
    """Whether they are regions of AWS; whether models are enabled there, an answer shows."""
    session, unknown = boto3.Session(), []
    for region in regions:
        try:
            session.get_partition_for_region(region)
        except UnknownRegionError:
            unknown.append(region)
    names = ", ".join(unknown)
    return f"AWS has no region {names}: correct PARLEY_MODEL_REGIONS." if unknown else ""
