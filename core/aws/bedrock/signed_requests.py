"""A Bedrock client that hands over signed requests instead of sending them."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config


class Handed(Exception):
    """Raised instead of sending: `request` is the signed request."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__()
        self.request = request


def handing_over(session: boto3.Session, region: str, operation: str) -> Any:
    """A Bedrock runtime client whose `operation` raises Handed."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = session.client("bedrock-runtime", region_name=region, config=config)
    client.meta.events.register(f"before-send.bedrock-runtime.{operation}", _hand_over)
    return client


def _hand_over(request: AWSPreparedRequest, **_: object) -> None:
    raise Handed(request)
