"""Repair differences between bucket, manifest and index, one stretch at a time.

A run looks at `PAGES` pages of each of the three, and the next run continues there, so that each is
bounded however much there is. Before a document is queued its row is marked, unless it has changed
meanwhile: of two concurrent runs only one queues it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from core.knowledge.files.overdue import tries
from core.ports.documents import Cursors, FileEvents, Manifest, StoredObject, Vault
from core.ports.index import Index
from core.runtime.tasks import together
from core.runtime.telemetry import Metric, count
from core.values.documents import Document, document_of
from ingestion.reconciliation.differences import Repair, looked_at, of_chunks, of_object, of_row

log = logging.getLogger(__name__)

PAGE = 500
"""Objects, rows or versions in a page."""
PAGES = 40
"""The most pages of each that a run looks at."""
SECONDS = 80.0
"""The most seconds that a run spends on each of the three."""
BACKLOG = 100
"""Queued messages: while there are more, what seems lost may be among them."""


@dataclass(frozen=True, slots=True)
class Shelves:
    """What is compared, and what tells of it."""

    vault: Vault
    manifest: Manifest
    index: Index
    file_events: FileEvents
    cursors: Cursors


class Reconciler:
    """Repairs differences. `clock` is seconds since the epoch; `monotonic` limits a run's time."""

    def __init__(
        self, shelves: Shelves, *, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._on = shelves
        self._clock = clock
        self._monotonic = monotonic

    async def run(self) -> Mapping[Repair, int]:
        """Mends a stretch; what, and how often. Raises StoreError, Rejected."""
        done: Counter[Repair] = Counter()
        legs = {"chunks": self._chunks}
        if await self._on.file_events.waiting() <= BACKLOG:
            legs |= {"bucket": self._objects, "rows": self._rows}
        for name, leg in legs.items():
            await self._leg(name, leg, done)
        for repair, times in done.items():
            count(Metric.REPAIRED, times, reason=repair)
            log.warning("mended: %s, %d times", repair, times)
        return done

    async def _leg(
        self,
        name: str,
        leg: Callable[[str, Counter[Repair]], Awaitable[str]],
        done: Counter[Repair],
    ) -> None:
        cursor, end = await self._on.cursors.get(name), self._monotonic() + SECONDS
        for _ in range(PAGES):
            cursor = await leg(cursor, done)
            await self._on.cursors.put(name, cursor)
            if not cursor or self._monotonic() >= end:
                return

    async def _objects(self, cursor: str, done: Counter[Repair]) -> str:
        found, cursor = await self._on.vault.listed(cursor, PAGE)
        named = [(each, known) for each in found if (known := document_of(each.key)) is not None]
        rows = await self._on.manifest.get(known[0] for _, known in named)
        now = self._clock()
        for each, (document, name) in named:
            row = rows.get(document)
            repair = of_object(each, row, now)
            if row is not None and repair is Repair.ERASED:
                done[repair] += await self._erased(row)
            elif repair is not None:
                row = row or Document(document, name, each.key, size=each.size)
                done[repair] += await self._queued(row, each)
        return cursor

    async def _rows(self, cursor: str, done: Counter[Repair]) -> str:
        rows, cursor = await self._on.manifest.rows(cursor, PAGE)
        now = self._clock()
        rows = [each for each in rows if looked_at(each, now)]
        if not rows:
            return cursor
        there = await together(*(self._on.vault.has(each.key) for each in rows))
        held = await self._on.index.held([each.id for each in rows])
        for row, is_there in zip(rows, there, strict=True):
            of_it = held.get((row.id.short, row.version), 0)
            repair = of_row(row, now, there=is_there, held=of_it)
            if repair is not None:
                done[repair] += await self._mended(row, repair)
        return cursor

    async def _chunks(self, cursor: str, done: Counter[Repair]) -> str:
        found, cursor = await self._on.index.versions(cursor, PAGE)
        rows = await self._on.manifest.get(document for document, _ in found)
        now = self._clock()
        for document, version in found:
            repair = of_chunks(version, rows.get(document), now)
            if repair is not None:
                await self._on.index.delete(document, only=version)
                done[repair] += 1
        return cursor

    async def _mended(self, row: Document, repair: Repair) -> bool:
        match repair:
            case Repair.GONE:
                return await self._taken(row, self._on.file_events.removed)
            case Repair.GIVEN_UP:
                return await self._given_up(row)
            case _:
                return await self._taken(row, self._on.file_events.written)

    async def _queued(self, row: Document, found: StoredObject) -> bool:
        there = replace(row, key=found.key, size=found.size, etag=found.etag)
        return await self._taken(there, self._on.file_events.written)

    async def _taken(self, row: Document, tell: Callable[[Document], Awaitable[None]]) -> bool:
        if not await self._on.manifest.take_up(row, tries(row, self._clock())):
            return False
        await tell(row)
        return True

    async def _erased(self, row: Document) -> bool:
        # a file that was shared again meanwhile has another row in the same place
        if not await self._on.manifest.take_up(row, row.tries):
            return False
        await self._on.vault.forget(f"{row.id.place}/{row.id.file}/")
        return True

    async def _given_up(self, row: Document) -> bool:
        if not await self._on.manifest.take_up(row, row.tries):
            return False
        if row.seen:
            return await self._on.manifest.fail(row.id, row.seen, "trouble")
        await self._on.manifest.refuse(row.id, "unreachable")
        return True
