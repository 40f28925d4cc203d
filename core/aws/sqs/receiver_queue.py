"""What a receiver's function queues with: the queue of turns, a note, and a line that says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.sqs.pending import Notes
from core.aws.sqs.turns import SqsTurns
from core.runtime.http import Enqueue
from core.runtime.settings import Settings
from core.runtime.telemetry import following
from core.values.conversation import Command, Incoming

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds for a note: platforms want their answer within three."""


def followed(enqueue: Enqueue) -> Enqueue:
    """Says that something is queued, under the id that its answer's lines have."""

    def queue(item: Incoming | Command) -> None:
        with following(item.event_id):
            enqueue(item)
            log.info("queued")

    return queue


@contextmanager
def queueing(settings: Settings) -> Iterator[Enqueue]:
    """Queues from any thread, or raises StoreError; close the context to let go of connections."""
    calls = Calls(1)
    sqs = client("sqs", settings.aws_region)
    dynamodb = client("dynamodb", settings.aws_region, patience=PATIENCE, tries=1)
    turns = SqsTurns(sqs, settings.turns_queue_url, calls)
    notes = Notes(dynamodb, settings.table, time.time)

    def enqueue(item: Incoming | Command) -> None:
        if isinstance(item, Incoming):
            notes.note(item)  # first: a worker may be done before a note that comes after
        turns.put_now(item)

    try:
        yield followed(enqueue)
    finally:
        calls.close()
        sqs.close()
        dynamodb.close()
