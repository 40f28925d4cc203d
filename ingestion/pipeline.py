"""One document from bucket to index.

1. What counts is the object as it is now; its notification is a hint. A notification that is
   repeated, late or out of order changes nothing.
2. New chunks are written beside the old ones. They count from the moment at which the manifest
   names their version, and the old ones count no more from that same moment.
3. What is wrong with the file ends in the manifest as a reason. What a later try may mend is
   raised.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from core.aws.sqs.s3_events import Removed, Written
from core.ports.documents import Manifest, Missing, TooLarge, Vault
from core.ports.index import Embeddings, Index, IndexRejected
from core.ports.model import Broken, ModelError, Overloaded
from core.ports.store_error import StoreError
from core.runtime.tasks import retrying, running, together
from core.runtime.telemetry import Metric, count, following
from core.values.documents import (
    Block,
    Chunk,
    Document,
    DocumentId,
    Picture,
    State,
    document_of,
    searched,
)
from ingestion.chunks import chunked
from ingestion.extract.errors import Unreadable
from ingestion.extract.total import Total
from ingestion.pictures import Eyes
from ingestion.sandbox.parent import extract
from ingestion.text_budget import Room, Share

log = logging.getLogger(__name__)

WINDOW = 192
"""Chunks that are embedded and written together."""
WINDOWS = 3
"""Windows of one document under way at a time."""
MOST_TEXT = 20_000_000
"""Characters of a document that are kept in memory, and searched."""
ROOM = 256 * 1024**2
"""A document of the most records and characters takes some 380 MB: with that one, 640 MB at most
beside two readers of 512 MB each, in a task of 2,048 MB."""
DELAYS = (0.5, 1, 2, 4, 8, 15, 30, 30, 30, 30, 30, 30)
"""Seconds between tries of an index that does not answer: three and a half minutes in all."""
TELL_EVERY = 1.0
"""Seconds between notes of how far it is."""
BEAT = 60.0
"""Seconds between notes that somebody has it, while its images are read or wait for their turn: one
without is read by another (`core.knowledge.files.overdue`)."""

Reader = Callable[[Path, str], AsyncIterator[Block | Picture | Total]]
T = TypeVar("T")


class Pipeline:
    """One for a process. `limit` is the most bytes of a file; `readers` how many read at a time.

    `room`: bytes of extracted text that all of them hold (`ingestion.text_budget`). `progressed` is
    told of a document that has come further.
    """

    def __init__(
        self,
        vault: Vault,
        manifest: Manifest,
        index: Index,
        embeddings: Embeddings,
        eyes: Eyes,
        *,
        limit: int,
        read: Reader = extract,
        readers: int = 0,
        room: int = ROOM,
        progressed: Callable[[DocumentId], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._vault = vault
        self._manifest = manifest
        self._index = index
        self._embeddings = embeddings
        self._eyes = eyes
        self._limit = limit
        self._read = read
        self._progressed = progressed
        self._sleep = sleep
        self._clock = clock
        self._room = Room(room)
        self._readers = asyncio.Semaphore(readers or os.cpu_count() or 1)

    async def run(self, job: Written | Removed, *, last: bool = False) -> None:
        """Does one job. `last`: nobody tries again, so a failure is noted. Raises StoreError, ….

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
        """
        found = document_of(job.key)
        if found is None:
            log.info("an object that is no document's")
            return
        document, name = found
        with following(document.short):
            await self._did(document, name, job, last=last)

    async def _did(
        self, document: DocumentId, name: str, job: Written | Removed, *, last: bool
    ) -> None:
        written = await self._removed(document, job) if isinstance(job, Removed) else job
        if written is None:
            return
        seen = written.seen

        async def beat() -> None:
            await self._progress(document, seen, State.EXTRACTING)

        try:
            with self._room.share(beat, BEAT) as share:
                await self._written(document, name, written, share)
        except Unreadable as exc:
            await self._not_read(document, job.seen, exc.reason)
        except (StoreError, ModelError, IndexRejected):
            if last:
                count(Metric.FAILURES, reason="trouble")
                await self._manifest.fail(document, job.seen, "trouble")
            raise

    async def give_up(self, job: Written | Removed, reason: str) -> None:
        """Notes that a file is not read, and why. Raises StoreError."""
        found = document_of(job.key)
        if found is None or isinstance(job, Removed):
            return
        await self._not_read(found[0], job.seen, reason)

    async def _not_read(self, document: DocumentId, seen: str, reason: str) -> None:
        count(Metric.FAILURES, reason=reason)
        if await self._manifest.fail(document, seen, reason):
            # its own chunks as well, but none of a version that only adds digits to it
            await self._index.delete(document, before=seen + "!")
            return
        if await self._useless(document, seen):
            await self._index.delete(document, only=seen)

    async def _removed(self, document: DocumentId, job: Removed) -> Written | None:
        """What is to be read, if a delete marker was removed: the object is there again."""
        if await self._vault.has(job.key):
            known = (await self._manifest.get([document])).get(document)
            if known is None or known.state is not State.DELETED or known.forgotten:
                return None  # an old version went, or a newer one has a notification of its own
            return Written(job.key, job.seen, known.size)
        if await self._manifest.removed(document, job.key, job.seen):
            await self._patiently(lambda: self._index.delete(document, before=job.seen))
        return None

    async def _written(self, document: DocumentId, name: str, job: Written, share: Share) -> None:
        known = (await self._manifest.get([document])).get(document)
        if known is not None and known.message and known.key != job.key:
            log.info("an object beside a shared file's own")
            return
        if known is None and not await self._vault.has(job.key):
            log.info("an object that was removed, and is not remembered")
            return
        if not await self._manifest.begin_version(
            document, job.key, name, job.seen, job.size, etag=job.etag
        ):
            log.info("a notification that came before")
            await self._cleared(document, known, job.seen)
            return
        shown = known.name if known is not None and known.name else name
        with TemporaryDirectory(prefix="parley-") as folder:
            path = Path(folder) / "file"
            try:
                await self._vault.fetch(job.key, path, self._limit)
            except Missing:
                return  # its removal has, or will have, a notification too
            except TooLarge as exc:
                raise Unreadable("too_large") from exc
            async with self._readers:
                items, pages = await self._extracted(document, path, shown, job.seen, share)
        blocks = await self._looked_at(document, items, job.seen, pages)
        chunks = await asyncio.to_thread(_chunks, blocks)
        if not chunks:
            raise Unreadable("no_text")
        if await self._indexed(document, shown, job.seen, chunks) and await self._manifest.ready(
            document, job.seen, pages=pages, chunks=len(chunks)
        ):
            count(Metric.INGESTED)
            if job.at:
                count(Metric.INGEST_LAG, max(0.0, self._clock() - job.at))
            if known is not None and known.seen:
                await self._alone(document, job.seen)
        else:
            log.info("overtaken by a newer version or another reader, or deleted")
            if await self._useless(document, job.seen):
                await self._patiently(lambda: self._index.delete(document, only=job.seen))

    async def _useless(self, document: DocumentId, seen: str) -> bool:
        """Whether a version that is read no more is not the one that is searched."""
        known = (await self._manifest.get([document])).get(document)
        return known is None or known.version != seen

    async def _cleared(self, document: DocumentId, known: Document | None, seen: str) -> None:
        """Deletes what a reader of this notification left, that was ended before it did so."""
        if known is None:
            return
        if known.version == seen:
            await self._alone(document, seen)
        elif known.seen > seen:  # so this can never become the version that is searched
            await self._patiently(lambda: self._index.delete(document, only=seen))

    async def _alone(self, document: DocumentId, version: str) -> None:
        """Deletes chunks of earlier versions."""
        await self._patiently(lambda: self._index.delete(document, before=version))

    async def _extracted(
        self, document: DocumentId, path: Path, name: str, seen: str, share: Share
    ) -> tuple[list[Block | Picture], int]:
        """What is in a file, and how many pages it has."""
        items: list[Block | Picture] = []
        size = pages = at = 0
        told = 0.0
        now = asyncio.get_running_loop().time
        async for item in self._read(path, name):
            if isinstance(item, Total):
                pages = item.pages
                continue
            size += len(item.text) if isinstance(item, Block) else 0
            if size > MOST_TEXT:
                raise Unreadable("too_large")
            await share.add(item)
            items.append(item)
            at = max(at, item.locator.first if item.locator.unit in ("page", "slide") else 0)
            if now() - told >= TELL_EVERY:
                told = now()
                await self._progress(document, seen, State.EXTRACTING, at, pages)
        return items, pages

    async def _looked_at(
        self, document: DocumentId, items: Sequence[Block | Picture], seen: str, pages: int
    ) -> Sequence[Block]:
        """The blocks, with those that Claude reads in pictures."""
        async with running(self._eyes.read(items)) as (reading,):
            while not (await asyncio.wait({reading}, timeout=BEAT))[0]:
                await self._patiently(
                    lambda: self._progress(document, seen, State.EXTRACTING, pages, pages)
                )
            blocks: Sequence[Block] = await reading
            return blocks

    async def _indexed(
        self, document: DocumentId, name: str, seen: str, chunks: Sequence[Chunk]
    ) -> bool:
        """Embeds and writes chunks; False if it was overtaken meanwhile."""
        slots, done = asyncio.Semaphore(WINDOWS), 0
        overtaken = asyncio.Event()
        row = Document(document, name, "")
        await self._progress(document, seen, State.EMBEDDING, 0, len(chunks))

        async def one(window: Sequence[Chunk]) -> None:
            nonlocal done
            async with slots:
                if overtaken.is_set():
                    return
                texts = [searched(name, chunk) for chunk in window]
                vectors = await self._patiently(lambda: self._embeddings.embed(texts))
                await self._patiently(lambda: self._index.put(row, seen, window, vectors))
                done += len(window)
                if not await self._progress(document, seen, State.EMBEDDING, done, len(chunks)):
                    overtaken.set()

        windows = [chunks[n : n + WINDOW] for n in range(0, len(chunks), WINDOW)]
        await together(*(one(each) for each in windows))
        if not overtaken.is_set():
            await self._patiently(self._index.refresh)
        return not overtaken.is_set()

    async def _progress(
        self, document: DocumentId, seen: str, state: State, done: int = 0, total: int = 0
    ) -> bool:
        """Notes how far a version is; False if it was overtaken."""
        current = await self._manifest.progress(document, seen, state, done=done, total=total)
        if self._progressed is not None:
            await self._progressed(document)
        return current

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        def pause(exc: Exception, delay: float) -> float:
            log.warning("%s, again in %s s", type(exc).__name__, delay)
            return delay

        passing = (StoreError, Overloaded, Broken)
        return await retrying(call, DELAYS, passing, self._sleep, pause=pause)


def _chunks(blocks: Sequence[Block]) -> list[Chunk]:
    return [*chunked(blocks)]
