"""The doctor's checks of AWS: credentials, bucket, queues, table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from cli.doctor.finding import Finding
from core.aws.access.clients import client
from core.aws.provision import EVENTS, QUEUES
from core.aws.sqs.admin import dead_letters, depth
from core.runtime.settings import Settings

INIT = "run `parley init` with credentials that may create and change it"
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden"})


def account(settings: Settings) -> Iterator[Finding]:
    """Check each resource by itself; if AWS is unreachable, report that only once."""
    session = boto3.Session(region_name=settings.aws_region)
    who = _credentials(session, settings.aws_region)
    yield who
    if who.failed:
        return
    s3, sqs, dynamodb = (
        client(name, settings.aws_region, session) for name in ("s3", "sqs", "dynamodb")
    )
    try:
        turns, files = settings.turns_queue_url, settings.files_queue_url
        yield _tried("bucket", partial(_bucket, s3, settings.bucket))
        yield _tried("bucket's notifications", partial(_notifications, s3, sqs, settings))
        for name, url in (("turns queue", turns), ("files queue", files)):
            yield _tried(name, partial(_queue, sqs, name, url))
            yield _tried(f"{name}'s dead letters", partial(_dead, sqs, name, url))
        yield _tried("table", partial(_table, dynamodb, settings.table))
    finally:
        for each in (s3, sqs, dynamodb):
            each.close()


def _credentials(session: boto3.Session, region: str) -> Finding:
    name = "AWS credentials"
    fix = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role"
    if session.get_credentials() is None:
        return Finding(name, problem="there are none", fix=fix)
    sts = client("sts", region, session)
    try:
        arn = str(sts.get_caller_identity()["Arn"])
    except NoCredentialsError:
        return Finding(name, problem="they cannot be used", fix=fix)
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        return Finding(name, problem=f"AWS refuses them ({code})", fix=f"{fix} that is valid")
    except BotoCoreError as exc:
        reason = type(exc).__name__
        return Finding(
            name,
            problem=f"AWS in {region} does not answer ({reason})",
            fix="check the network, AWS_REGION and AWS_ENDPOINT_URL",
        )
    finally:
        sts.close()
    return Finding(name, arn)


def _tried(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except ClientError as exc:
        code = str(exc.response["Error"]["Code"])
        if code in DENIED:
            return Finding(
                name,
                problem=f"these credentials may not do {exc.operation_name}",
                fix="allow it in this role's policy",
            )
        return Finding(name, problem=f"it is not there ({code})", fix=INIT)
    except BotoCoreError as exc:
        return Finding(name, problem=f"no answer ({type(exc).__name__})", fix="check the network")


def _bucket(s3: Any, bucket: str) -> Finding:
    s3.head_bucket(Bucket=bucket)
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    if not all(block.values()):
        return Finding("bucket", problem="it may be made public", fix=INIT)
    return Finding("bucket", f"{bucket}, not public")


def _notifications(s3: Any, sqs: Any, settings: Settings) -> Finding:
    name = "bucket's notifications"
    found = s3.get_bucket_notification_configuration(Bucket=settings.bucket)
    attributes = ["QueueArn", "Policy"]
    queue = sqs.get_queue_attributes(QueueUrl=settings.files_queue_url, AttributeNames=attributes)
    arn = queue["Attributes"]["QueueArn"]
    told = {e for each in found.get(QUEUES, ()) if each["QueueArn"] == arn for e in each["Events"]}
    if not {*EVENTS} <= told:
        return Finding(name, problem="the files queue is not told of all changes", fix=INIT)
    policy = json.loads(queue["Attributes"].get("Policy", "{}"))
    if not any(
        "s3.amazonaws.com" in json.dumps(each.get("Principal", ""))
        for each in policy.get("Statement", ())
    ):
        return Finding(name, problem="the files queue takes nothing from S3", fix=INIT)
    return Finding(name, "written and removed objects reach the files queue")


def _queue(sqs: Any, name: str, url: str) -> Finding:
    now = depth(sqs, url)
    return Finding(name, f"{now.waiting} waiting, {now.in_flight} in flight")


def _dead(sqs: Any, name: str, url: str) -> Finding:
    dead = dead_letters(sqs, url)
    if not dead:
        return Finding(f"{name}'s dead letters", problem="it has no dead-letter queue", fix=INIT)
    lost = depth(sqs, dead).waiting
    if lost:
        return Finding(
            f"{name}'s dead letters",
            problem=f"{lost} messages failed for good",
            fix=f"read the log for why, mend that, then `parley redrive {name.partition(' ')[0]}`",
        )
    return Finding(f"{name}'s dead letters", "none")


def _table(dynamodb: Any, table: str) -> Finding:
    found = dynamodb.describe_table(TableName=table)["Table"]
    keys = {each["AttributeName"]: each["KeyType"] for each in found["KeySchema"]}
    if keys != {"pk": "HASH", "sk": "RANGE"}:
        return Finding(
            "table", problem="it is not Parley's", fix="set PARLEY_TABLE to another name"
        )
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if ttl["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"}:
        return Finding("table", problem="old rows are never removed (no TTL)", fix=INIT)
    return Finding("table", f"{table}, {found['TableStatus'].lower()}, with TTL")
