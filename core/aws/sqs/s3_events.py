"""Parses S3's event notifications into jobs, and writes such events. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from core.aws.access.sequencers import comparable


@dataclass(frozen=True, slots=True)
class Written:
    """An object was written. `seen` is its sequencer (`comparable`), `size` is in bytes.

    `at` is the time of the event in seconds since the epoch, 0 if the event does not say.
    """

    key: str
    seen: str
    size: int
    etag: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Removed:
    """An object, or a version of it, was removed."""

    key: str
    seen: str


def jobs(body: str) -> list[Written | Removed]:
    """The jobs in a notification, none for S3's test message. Raises ValueError."""
    try:
        message = json.loads(body)
        if message.get("Event") == "s3:TestEvent":
            return []
        return [job for record in message["Records"] if (job := _job(record)) is not None]
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"not a notification of S3: {type(exc).__name__}") from exc


def _job(record: Mapping[str, Any]) -> Written | Removed | None:
    found = record["s3"]["object"]
    # keys are form-encoded: `+` stands for a space
    key, seen = unquote_plus(found["key"]), comparable(found["sequencer"])
    kind = record["eventName"].removeprefix("s3:").partition(":")[0]
    match kind:
        case "ObjectCreated":
            at = record.get("eventTime", "")
            written = datetime.fromisoformat(at).timestamp() if at else 0.0
            return Written(key, seen, int(found.get("size", 0)), found.get("eTag", ""), written)
        case "ObjectRemoved":
            return Removed(key, seen)
        case _:
            return None


def notice(job: Written | Removed, bucket: str) -> str:
    """A job as an S3 notification, which `jobs` parses."""
    found: dict[str, Any] = {"key": quote_plus(job.key, safe="/"), "sequencer": job.seen}
    record: dict[str, Any] = {"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete"}
    if isinstance(job, Written):
        found |= {"size": job.size, "eTag": job.etag}
        at = datetime.fromtimestamp(job.at, UTC).isoformat(timespec="milliseconds")
        record |= {"eventName": "ObjectCreated:Put", "eventTime": at}
    s3 = {"bucket": {"name": bucket}, "object": found}
    return json.dumps({"Records": [{"eventVersion": "2.1", **record, "s3": s3}]})
