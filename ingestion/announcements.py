"""Announce to questions that wait for a document how far it is, and when it is finished."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.ports.store_error import StoreError
from core.turn.continuation import PROGRESS_EVERY, Continuations
from core.values.documents import DocumentId, document_of

log = logging.getLogger(__name__)


class Announcements:
    """Announcements of this process. `clock` counts seconds from any starting point."""

    def __init__(self, continuations: Continuations, clock: Callable[[], float]) -> None:
        self._continuations = continuations
        self._clock = clock
        self._told: dict[DocumentId, float] = {}
        """When progress was last announced for a document being read here, or reading began."""

    async def progressed(self, document: DocumentId) -> None:
        """Announce a document's progress from time to time; short reads announce none.

        Never fails, so that reading goes on.
        """
        now = self._clock()
        if now - self._told.setdefault(document, now) < PROGRESS_EVERY:
            return
        self._told[document] = now
        try:
            await self._continuations.publish(document)
        except StoreError as exc:
            log.warning("the progress of a document was not announced: %s", exc)

    async def over(self, key: str) -> None:
        """Continue the questions that waited for an object's document, which nobody reads any more.

        Raises StoreError.
        """
        found = document_of(key)
        if found is not None:
            self._told.pop(found[0], None)
            await self._continuations.after(found[0])
