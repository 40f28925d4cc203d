"""Scheduled work on files: delete those that are due, and repair differences."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from core.aws.access.calls import Calls
from core.aws.document_stores import DocumentStores, erasing_of, notices_of
from core.knowledge.files.file_commands import forget_due
from core.runtime.settings import Settings
from ingestion.reconciliation.reconciler import Reconciler, Shelves

DAY = 86_400
EVERY = 3_600.0
"""Seconds between two runs in a long-lived process, as in the template."""


def reconciler(settings: Settings, shelf: DocumentStores, sqs: Any, calls: Calls) -> Reconciler:
    """Build the reconciler from the settings."""
    file_events = notices_of(settings, sqs, calls)
    shelves = Shelves(shelf.vault, shelf.manifest, shelf.index, file_events, shelf.cursors)
    return Reconciler(shelves, clock=time.time, monotonic=time.monotonic)


def forgets(
    settings: Settings, shelf: DocumentStores, sqs: Any, calls: Calls
) -> Callable[[], Awaitable[int]]:
    """Return a function that deletes files that people erased, once that cannot be undone, and
    those of places that the bot left, after their grace period. It returns the number of such
    places."""
    erasing = erasing_of(settings, shelf, notices_of(settings, sqs, calls), time.time)

    async def work() -> int:
        at = time.time() - settings.forget_after_days * DAY
        try:
            await erasing.due()
        finally:
            # try both, then raise what failed
            gone = await forget_due(shelf.removals, shelf.vault, at)
        return gone

    return work
