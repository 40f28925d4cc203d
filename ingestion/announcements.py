"""Tells questions that wait for a document how far it is, and that it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.ports.store_error import StoreError
from core.turn.continuation import PROGRESS_EVERY, Continuations
from core.values.documents import DocumentId, document_of

log = logging.getLogger(__name__)


class Announcements:
    """One for a process. `clock` counts seconds, from whenever."""

    def __init__(self, continuations: Continuations, clock: Callable[[], float]) -> None:
        self._continuations = continuations
        self._clock = clock
        self._told: dict[DocumentId, float] = {}
        """When those were last told of who wait for a document that is read here, or when it was
        begun."""

    async def progressed(self, document: DocumentId) -> None:
        """Has it shown how far a document is, now and then: what is soon done is not worth it.

        Never fails: reading goes on.
        """
        now = self._clock()
        if now - self._told.setdefault(document, now) < PROGRESS_EVERY:
            return
        self._told[document] = now
        try:
            await self._continuations.publish(document)
        except StoreError as exc:
            log.warning("how far a document is was not told: %s", exc)

    async def over(self, key: str) -> None:
        """Nobody works on the document of an object any more. Raises StoreError."""
        found = document_of(key)
        if found is not None:
            self._told.pop(found[0], None)
            await self._continuations.after(found[0])
