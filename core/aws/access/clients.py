"""boto3 clients with short timeouts and quick retries."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

THREADS = 32
"""Concurrent calls in one process; each client keeps as many connections."""


def client(
    name: str,
    region: str,
    session: boto3.Session | None = None,
    *,
    patience: float = 8,
    tries: int = 3,
) -> Any:
    """A client for one AWS service. Endpoint and credentials come from botocore's own settings.

    `patience` is the read timeout of each attempt in seconds, longer than any long poll. The retry
    mode `standard` retries throttling and transient errors.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
    """
    config = Config(
        connect_timeout=min(2, patience),
        read_timeout=patience,
        max_pool_connections=THREADS,
        retries={"mode": "standard", "total_max_attempts": tries},
        tcp_keepalive=True,
    )
    return (session or boto3.Session()).client(name, region_name=region, config=config)
