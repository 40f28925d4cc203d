"""Questions that wait for their files: held by nobody, and gone on with once the last one is done.

1. A worker registers what a question waits for, lets go of it, and looks only then whether the
   documents are done already. Whoever ends a document looks after that for the questions that wait
   for it. So one of the two sees that a question can go on, and both may: it is queued once for
   each of its waits.
2. The continuation is the question itself, in the queue of turns. It is answered in the message
   that was posted for it.
3. What is lost on the way is noticed by the clock (`core.turn.requeue_policy`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from core.knowledge.files.waiting import unread
from core.ports.documents import Manifest
from core.ports.turns import TurnQueue
from core.ports.waits import Waiting, Waits
from core.values.conversation import PROGRESS, Command, Incoming, dumps, loads
from core.values.documents import DocumentId

log = logging.getLogger(__name__)

PROGRESS_EVERY = 10.0
"""Seconds in which how far a question's files are is queued to be shown once, at most."""


class Continuations:
    """One for a process. `clock`: seconds since 1970, the same for all processes."""

    def __init__(
        self, waits: Waits, manifest: Manifest, turns: TurnQueue, clock: Callable[[], float]
    ) -> None:
        self._waits = waits
        self._manifest = manifest
        self._turns = turns
        self._clock = clock

    async def after(self, document: DocumentId) -> None:
        """Goes on with the questions that wait for a document, and for none besides that is not
        done. Safe to repeat. Raises StoreError."""
        await self._go_on(await self._waits.waiting_for(document))

    async def look(self, event_id: str) -> None:
        """Goes on with a question if it waits, and for nothing any more. Raises StoreError."""
        await self._go_on((await self._waits.read([event_id])).values())

    async def resume(self, event_id: str) -> None:
        """Goes on with a question if it waits, whatever for: it is to be stopped. Raises
        StoreError."""
        for each in (await self._waits.read([event_id])).values():
            await self._enqueue(each)

    async def publish(self, document: DocumentId) -> None:
        """Has the questions that wait for a document show how far it is. Raises StoreError."""
        for each in await self._waits.waiting_for(document):
            question = _question(each)
            if question is None:
                continue
            shows = Command(
                f"{each.event_id}/{PROGRESS}",
                question.conversation,
                question.person,
                PROGRESS,
                each.event_id,
                extra=question.extra,
            )
            turn = int(self._clock() // PROGRESS_EVERY)
            await self._turns.enqueue(shows, dedup_suffix=f"{each.wait.number} {turn}")

    async def _go_on(self, waiting: Collection[Waiting]) -> None:
        if not waiting:
            return
        rows = await self._manifest.get(_documents(waiting))
        for each in waiting:
            if not unread(each.wait.documents, rows):
                await self._enqueue(each)

    async def _enqueue(self, waiting: Waiting) -> None:
        question = _question(waiting)
        if question is not None:
            await self._turns.enqueue(question, dedup_suffix=f"wait {waiting.wait.number}")


def continuation(question: Incoming) -> str:
    """The queued JSON of a question that is to be gone on with."""
    return dumps(replace(question, waited=True))


def _documents(waiting: Iterable[Waiting]) -> set[DocumentId]:
    return {document for each in waiting for document in each.wait.documents}


def _question(waiting: Waiting) -> Incoming | None:
    try:
        item = loads(waiting.incoming)
    except ValueError:
        log.exception("a question that waits cannot be read")
        return None
    return item if isinstance(item, Incoming) else None
