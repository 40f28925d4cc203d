"""boto3 clients as this project uses them: quick to give up, so that a turn can say so."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

THREADS = 32
"""Calls at once in a process; the connection pool is as large."""


def client(service: str, region: str, session: boto3.Session | None = None) -> Any:
    """A client of one AWS service; endpoints come from botocore's own settings."""
    config = Config(
        connect_timeout=2,
        read_timeout=30,
        max_pool_connections=THREADS + 4,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return (session or boto3.Session()).client(service, region_name=region, config=config)
