"""A client of Bedrock's that stops before it sends, and hands over the signed request."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config


class Handed(Exception):
    """In place of an answer: the request that would have been sent."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__()
        self.request = request


def handing_over(session: boto3.Session, region: str, operation: str) -> Any:
    """A client whose `operation` raises Handed."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = session.client("bedrock-runtime", region_name=region, config=config)
    client.meta.events.register(f"before-send.bedrock-runtime.{operation}", _hand_over)
    return client


def _hand_over(request: AWSPreparedRequest, **_: object) -> None:
    raise Handed(request)
