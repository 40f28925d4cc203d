"""boto3 clients as every process here wants them: quick to give up, quick to try again."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

THREADS = 32
"""Calls side by side in one process; a client keeps as many connections."""


def client(
    name: str,
    region: str,
    session: boto3.Session | None = None,
    *,
    patience: float = 8,
    tries: int = 3,
) -> Any:
    """A client of one AWS service. Endpoint and credentials come from botocore's own settings.

    `patience`: seconds that each try waits for an answer; a long poll waits less. `standard`
    retries throttling and passing faults.
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
