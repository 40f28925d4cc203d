"""How a receiver enqueues a turn: it records it, queues it, and logs that it did."""

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
"""Seconds for recording a turn: platforms expect their response within three."""


def followed(enqueue: Enqueue) -> Enqueue:
    """Log what `enqueue` queues, with the correlation id that the answer's log lines carry."""

    def queue(item: Incoming | Command) -> None:
        with following(item.event_id):
            enqueue(item)
            log.info("queued")

    return queue


@contextmanager
def queueing(settings: Settings) -> Iterator[Enqueue]:
    """A function that enqueues from any thread, raising StoreError; closed with the context."""
    calls = Calls(1)
    sqs = client("sqs", settings.aws_region)
    dynamodb = client("dynamodb", settings.aws_region, patience=PATIENCE, tries=1)
    turns = SqsTurns(sqs, settings.turns_queue_url, calls)
    notes = Notes(dynamodb, settings.table, time.time)

    def enqueue(item: Incoming | Command) -> None:
        if isinstance(item, Incoming):
            notes.note(item)  # first: a worker could complete the turn before a later note
        turns.enqueue_blocking(item)

    try:
        yield followed(enqueue)
    finally:
        calls.close()
        sqs.close()
        dynamodb.close()
