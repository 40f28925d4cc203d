"""What a receiver's function queues with: the queue of turns, and a line that says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.aws.calls import Calls
from core.aws.clients import client
from core.aws.sqs import SqsTurns
from core.conversation import Command, Incoming
from core.settings import Settings
from core.telemetry import following

log = logging.getLogger(__name__)


@contextmanager
def queueing(settings: Settings) -> Iterator[Callable[[Incoming | Command], None]]:
    """Queues from any thread, or raises StoreError; close the context to let go of connections."""
    calls = Calls(1)
    sqs = client("sqs", settings.aws_region)
    turns = SqsTurns(sqs, settings.turns_queue_url, calls)

    def enqueue(item: Incoming | Command) -> None:
        with following(item.event_id):
            turns.put_now(item)
            log.info("queued")

    try:
        yield enqueue
    finally:
        calls.close()
        sqs.close()
