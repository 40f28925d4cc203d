"""Creates Parley's AWS resources if they do not exist, and corrects settings that differ."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from core.aws.access import retention
from core.aws.access.clients import client
from core.aws.sqs.turns import BODY_LIMIT

TRIES = 10
"""Deliveries of a message before it goes to the dead-letter queue."""
NOTIFICATION = "parley-files"
QUEUES = "QueueConfigurations"
EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")

# template.yaml has the same settings. The visibility timeout is six times the Lambda function's
# time limit; `core.aws.sqs.consumer` sets its own
TURNS = {
    "VisibilityTimeout": "1800",
    "MessageRetentionPeriod": str(retention.QUEUED),
    "MaximumMessageSize": str(BODY_LIMIT),
    # thousands of messages a second, and de-duplication within a conversation
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}
FILES = {"VisibilityTimeout": "5400", "MessageRetentionPeriod": str(retention.QUEUED)}
DEAD = {"MessageRetentionPeriod": str(retention.DEAD)}
LIFECYCLE = [
    {
        "ID": "parley-old-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    },
    {
        "ID": "parley-aborted-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
]


@dataclass(frozen=True, slots=True)
class Resources:
    """The existing resources; queues by their URLs."""

    bucket: str
    table: str
    turns_queue: str
    turns_dead_queue: str
    files_queue: str
    files_dead_queue: str


class ProvisionError(Exception):
    """A resource cannot be created; the message says which one, and what to do."""


def provision(
    region: str,
    *,
    bucket: str,
    table: str,
    turns_queue: str = "parley-turns.fifo",
    files_queue: str = "parley-files",
    session: boto3.Session | None = None,
) -> Resources:
    """Create all resources; idempotent. Queues by name or URL. Raises ProvisionError."""
    sqs = client("sqs", region, session)
    s3 = client("s3", region, session)
    dynamodb = client("dynamodb", region, session)
    try:
        turns, turns_dead = _queue_pair(sqs, _name(turns_queue), TURNS, fifo=True)
        files, files_dead = _queue_pair(sqs, _name(files_queue), FILES, fifo=False)
        _bucket(s3, bucket, region)
        _notifications(s3, sqs, bucket, files)
        _table(dynamodb, table)
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        if code in {"BucketAlreadyExists", "Forbidden", "403"}:
            raise ProvisionError(
                f"The bucket {bucket} belongs to somebody else. Set PARLEY_BUCKET to another name."
            ) from exc
        if code.startswith("AccessDenied"):
            raise ProvisionError(
                f"These AWS credentials may not do {exc.operation_name}. "
                "Use credentials that may create buckets, queues and tables."
            ) from exc
        raise
    finally:
        for each in (sqs, s3, dynamodb):
            each.close()
    return Resources(bucket, table, turns, turns_dead, files, files_dead)


def _name(queue: str) -> str:
    return queue.rpartition("/")[2]


def _queue_pair(sqs: Any, name: str, attributes: dict[str, str], *, fifo: bool) -> tuple[str, str]:
    """A queue and its dead-letter queue."""
    if fifo != name.endswith(".fifo"):
        raise ProvisionError(f"The queue {name} must {'' if fifo else 'not '}be named *.fifo.")
    stem = name.removesuffix(".fifo")
    dead = _queue(sqs, f"{stem}-dead{'.fifo' if fifo else ''}", DEAD, fifo=fifo)
    redrive = {"deadLetterTargetArn": _queue_arn(sqs, dead), "maxReceiveCount": str(TRIES)}
    return _queue(sqs, name, {**attributes, "RedrivePolicy": json.dumps(redrive)}, fifo=fifo), dead


def _queue(sqs: Any, name: str, attributes: dict[str, str], *, fifo: bool) -> str:
    try:
        url = str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist:
        kind = {"FifoQueue": "true"} if fifo else {}
        return str(sqs.create_queue(QueueName=name, Attributes={**attributes, **kind})["QueueUrl"])
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url


def _queue_arn(sqs: Any, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def _bucket(s3: Any, name: str, region: str) -> None:
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise
        # us-east-1 is the one region that must not be named here
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else place))
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": LIFECYCLE})


def _notifications(s3: Any, sqs: Any, bucket: str, queue: str) -> None:
    """Have S3 notify the queue of every object written or removed; other notifications stay."""
    arn = _queue_arn(sqs, queue)
    account = arn.split(":")[4]
    allow = {
        "Sid": NOTIFICATION,
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {
            "ArnEquals": {"aws:SourceArn": f"arn:{arn.split(':')[1]}:s3:::{bucket}"},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    now = s3.get_bucket_notification_configuration(Bucket=bucket)
    now.pop("ResponseMetadata", None)
    ours = {"Id": NOTIFICATION, "QueueArn": arn, "Events": sorted(EVENTS)}
    if ours in [{**each, "Events": sorted(each["Events"])} for each in now.get(QUEUES, ())]:
        return  # S3 sends the queue a test message whenever this is set
    others = [each for each in now.get(QUEUES, ()) if each["Id"] != NOTIFICATION]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={**now, QUEUES: [*others, ours]},
    )


def _table(dynamodb: Any, name: str) -> None:
    try:
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
    except dynamodb.exceptions.ResourceInUseException:
        schema = dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]
        if {(each["AttributeName"], each["KeyType"]) for each in schema} != {
            ("pk", "HASH"),
            ("sk", "RANGE"),
        }:
            raise ProvisionError(
                f"The table {name} exists but is not Parley's. Set PARLEY_TABLE to another name."
            ) from None
    dynamodb.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"}:
        dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        )
    dynamodb.update_continuous_backups(
        TableName=name,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
