"""Checks that AWS resources are reachable.

Each check returns a sentence that says what is wrong, empty if nothing is. Each raises StoreError
if AWS does not answer.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError, UnknownRegionError

from core.aws.access.calls import Calls


async def queue_missing(calls: Calls, sqs: Any, url: str) -> str:
    """Check that we may read the queue at `url`."""
    return await _answers(
        calls, sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"]
    )


async def table_missing(calls: Calls, dynamodb: Any, table: str) -> str:
    """Check that we may read the table."""
    key = {"pk": {"S": "ready"}, "sk": {"S": "-"}}
    return await _answers(calls, dynamodb.get_item, TableName=table, Key=key)


async def _answers(calls: Calls, operation: Any, **arguments: Any) -> str:
    try:
        await calls(operation, **arguments)
    except ClientError as exc:
        return f"AWS refused: {exc.response['Error']['Code']}"
    return ""


async def regions_missing(regions: tuple[str, ...]) -> str:
    """Check that these AWS regions exist; only an answer shows whether models are enabled there."""
    session, unknown = boto3.Session(), []
    for region in regions:
        try:
            session.get_partition_for_region(region)
        except UnknownRegionError:
            unknown.append(region)
    names = ", ".join(unknown)
    return f"AWS has no region {names}: correct PARLEY_MODEL_REGIONS." if unknown else ""
