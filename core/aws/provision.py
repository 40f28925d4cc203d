"""Creates what a deployment needs at the configured endpoints, idempotently (`parley init`).

The same resources as the template's: a bucket that tells the files queue, two queues with their
dead-letter queues, one table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from core.aws.clients import client

RECEIVES = 10
"""Deliveries before a message moves to its dead-letter queue; with back-off, some minutes."""


@dataclass(frozen=True, slots=True)
class Resources:
    bucket: str
    table: str
    turns_queue_url: str
    files_queue_url: str


def provision(
    region: str, *, name: str = "parley", session: boto3.Session | None = None
) -> Resources:
    """Makes sure that everything exists; may be run any number of times."""
    sqs = client("sqs", region, session)
    turns = _queue(sqs, f"{name}-turns.fifo", visibility=30)
    files = _queue(sqs, f"{name}-files", visibility=300)
    _table(client("dynamodb", region, session), name)
    _bucket(client("s3", region, session), name, region, _arn(sqs, files))
    return Resources(name, name, turns, files)


def _queue(sqs: Any, name: str, *, visibility: int) -> str:
    fifo = name.endswith(".fifo")
    kind = {"FifoQueue": "true"} if fifo else {}
    stem = name.removesuffix(".fifo")
    dead = f"{stem}-dead{'.fifo' if fifo else ''}"
    keep = {"MessageRetentionPeriod": str(14 * 86_400)}
    dead_url = _create(sqs, dead, {**kind, **keep})
    redrive = {"deadLetterTargetArn": _arn(sqs, dead_url), "maxReceiveCount": RECEIVES}
    url = _create(sqs, name, {**kind, **keep})
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={"VisibilityTimeout": str(visibility), "RedrivePolicy": json.dumps(redrive)},
    )
    return url


def _create(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    try:
        found = sqs.get_queue_url(QueueName=name)
    except ClientError as exc:
        if "NonExistent" not in exc.response["Error"]["Code"]:
            raise
        found = sqs.create_queue(QueueName=name, Attributes=attributes)
    return str(found["QueueUrl"])


def _arn(sqs: Any, url: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])


def _table(dynamodb: Any, name: str) -> None:
    try:
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "ResourceInUseException":
            raise
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    ttl = dynamodb.describe_time_to_live(TableName=name)
    if ttl["TimeToLiveDescription"].get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"},
        )


def _bucket(s3: Any, name: str, region: str, files_arn: str) -> None:
    where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else where))
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": files_arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
            ]
        },
    )
