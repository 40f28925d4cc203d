"""One document from the bucket to the index.

1. What counts is the object as it is now; its notification is only a hint. A notification that is
repeated, late or out of order changes nothing.
2. New chunks are written beside the old ones. They become valid when the manifest names their
version, and at that same moment the old ones become invalid.
3. A defect of the file itself is recorded in the manifest as a reason. A failure that a later try
   may
resolve is raised.
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
"""Chunks in a window, which are embedded and written together."""
WINDOWS = 3
"""Windows of one document that are processed concurrently."""
MOST_TEXT = 20_000_000
"""The most characters of a document that are kept in memory and indexed."""
ROOM = 256 * 1024**2
"""The largest document takes about 380 MB, and this room comes on top: 640 MB at most, beside two
readers of 512 MB each, in a task of 2,048 MB."""
DELAYS = (0.5, 1, 2, 4, 8, 15, 30, 30, 30, 30, 30, 30)
"""Seconds between tries while the index does not respond: three and a half minutes in all."""
TELL_EVERY = 1.0
"""Seconds between updates of a document's progress."""
BEAT = 60.0
"""Seconds between heartbeats while a document's images are read or wait to be read. A document
without a heartbeat is read by another process (`core.knowledge.files.overdue`)."""

Reader = Callable[[Path, str], AsyncIterator[Block | Picture | Total]]
T = TypeVar("T")


class Pipeline:
    """Reads documents into the index. `limit` is the most bytes of a file.

    `readers`: files read concurrently. `room`: bytes of extracted text that they may hold together
    (`ingestion.text_budget`).
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
        """Do one job. `last`: there is no further try, so record a failure. Raises StoreError, ….

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
        """Record that a file is not read, and why. Raises StoreError."""
        found = document_of(job.key)
        if found is None or isinstance(job, Removed):
            return
        await self._not_read(found[0], job.seen, reason)

    async def _not_read(self, document: DocumentId, seen: str, reason: str) -> None:
        count(Metric.FAILURES, reason=reason)
        if await self._manifest.fail(document, seen, reason):
            # delete its own chunks too, but not those of a version whose id only begins with it
            await self._index.delete(document, before=seen + "!")
            return
        if await self._useless(document, seen):
            await self._index.delete(document, only=seen)

    async def _removed(self, document: DocumentId, job: Removed) -> Written | None:
        """Return what to read if a delete marker was removed, which restores the object."""
        if await self._vault.has(job.key):
            known = (await self._manifest.get([document])).get(document)
            if known is None or known.state is not State.DELETED or known.forgotten:
                return None  # an old version was removed, or a newer one has its own notification
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
                return  # its removal has, or will have, its own notification
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
        """Whether a version that is no longer to be read is not the one that is searched either."""
        known = (await self._manifest.get([document])).get(document)
        return known is None or known.version != seen

    async def _cleared(self, document: DocumentId, known: Document | None, seen: str) -> None:
        """Delete what a reader of this notification left behind when it was stopped before the
        end."""
        if known is None:
            return
        if known.version == seen:
            await self._alone(document, seen)
        elif known.seen > seen:  # so this version can never become the one that is searched
            await self._patiently(lambda: self._index.delete(document, only=seen))

    async def _alone(self, document: DocumentId, version: str) -> None:
        """Delete the chunks of earlier versions."""
        await self._patiently(lambda: self._index.delete(document, before=version))

    async def _extracted(
        self, document: DocumentId, path: Path, name: str, seen: str, share: Share
    ) -> tuple[list[Block | Picture], int]:
        """Return the content of a file and its number of pages."""
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
        """Return the blocks, including those that Claude reads in pictures."""
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
        """Embed and write chunks. False if a newer version overtook this one meanwhile."""
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
