"""Changes when a received message becomes visible to others again."""

from __future__ import annotations

import logging
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls
from core.ports.store_error import StoreError

log = logging.getLogger(__name__)


async def show_again(calls: Calls, sqs: Any, url: str, handle: str, seconds: int) -> None:
    """Make a message visible in `seconds`; on failure, its current timeout stays in effect."""
    try:
        await calls(
            sqs.change_message_visibility,
            QueueUrl=url,
            ReceiptHandle=handle,
            VisibilityTimeout=seconds,
        )
    except (StoreError, ClientError) as exc:
        log.warning("visibility not changed: %s", exc)
