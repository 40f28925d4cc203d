"""A search index in memory, and an ingester that fills it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from core.aws.access.sequencers import after, comparable
from core.ports.index import Found, Hit
from core.ports.store_error import StoreError
from core.values.conversation import Scope
from core.values.documents import Block, Chunk, Document, DocumentId, State, document_of
from ingestion.chunks import chunked
from ingestion.pipeline import BEAT
from tests.support.fake_documents import FakeManifest, FakeVault
from tests.support.fakes import Outage


def words(text: str) -> frozenset[str]:
    return frozenset("".join(c if c.isalnum() else " " for c in text.lower()).split())


class FakeIndex:
    """A chunk's cosine is the share of the question's words that it has."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.chunks: dict[tuple[DocumentId, str, int], Chunk] = {}

    async def put(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        self.outage.check()
        self.chunks |= {(document.id, version, each.ordinal): each for each in chunks}

    async def refresh(self) -> None:
        self.outage.check()

    async def delete(self, document: DocumentId, *, before: str = "", only: str = "") -> None:
        self.outage.check()
        for key in [each for each in self.chunks if each[0] == document]:
            version = key[1]
            if (not before or version < before) and (not only or version == only):
                del self.chunks[key]

    async def held(self, ids: Collection[DocumentId]) -> Mapping[tuple[str, str], int]:
        self.outage.check()
        counts: dict[tuple[str, str], int] = {}
        for document, version, _ in self.chunks:
            if document in ids:
                key = (document.short, version)
                counts[key] = counts.get(key, 0) + 1
        return counts

    async def versions(
        self, after: str, limit: int
    ) -> tuple[Sequence[tuple[DocumentId, str]], str]:
        self.outage.check()
        return sorted({(document, version) for document, version, _ in self.chunks}), ""

    async def search(
        self,
        question: str,
        vector: Sequence[float],
        scopes: frozenset[Scope],
        most: float,
        *,
        only: Collection[DocumentId] = (),
    ) -> Found:
        self.outage.check()
        asked = words(question)
        hits = [
            Hit(
                document,
                version,
                chunk.ordinal,
                chunk.first,
                chunk.last,
                chunk.locator,
                len(asked & words(chunk.text)) / len(asked),
            )
            for (document, version, _), chunk in self.chunks.items()
            if document.scope in scopes and (not only or document in only)
        ]
        return Found(sorted(hits, key=lambda each: -each.score), (), most)

    async def reference_score(self, question: str) -> float:
        self.outage.check()
        return 1.0

    async def texts(
        self, wanted: Sequence[tuple[DocumentId, str, int, int]]
    ) -> Sequence[Sequence[Chunk]]:
        self.outage.check()
        return [
            [
                self.chunks[document, version, number]
                for number in range(first, last + 1)
                if (document, version, number) in self.chunks
            ]
            for document, version, first, last in wanted
        ]


class FakeEmbeddings:
    """`FakeIndex` compares words, so a vector says nothing."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()

    async def embed(
        self, texts: Sequence[str], *, query: bool = False
    ) -> Sequence[Sequence[float]]:
        self.outage.check()
        return [[0.0] for _ in texts]


@dataclass
class FakeIngester:
    """Reads what is written to the vault, in `takes` seconds. `fails`: why a file is not read, by
    its name. While `dead`, it takes no file."""

    vault: FakeVault
    manifest: FakeManifest
    index: FakeIndex
    takes: float = 3.0
    fails: dict[str, str] = field(default_factory=dict)
    dead: bool = False
    read: Callable[[Document], object] = lambda _: None
    """Told of each document that was read."""
    over: Callable[[DocumentId], Awaitable[None]] | None = None
    """Told of each document that somebody has done with."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    written: int = 0

    def __post_init__(self) -> None:
        self.vault.written = self.begin

    def begin(self, key: str) -> None:
        """An object was written."""
        self.written += 1
        self._start(key, comparable(f"{self.written:04X}"))

    def again(self, document: Document) -> None:
        """A document that was not read is to be read after all."""
        self._start(document.key, after(document.seen))

    def _start(self, key: str, version: str) -> None:
        if not self.dead:
            task = asyncio.create_task(self._tried(key, version))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _tried(self, key: str, version: str) -> None:
        """Reads it however often it takes, as a queue has it done."""
        while True:
            try:
                await self._read(key, version)
                if self.over is not None and (found := document_of(key)) is not None:
                    await self.over(found[0])
                return
            except StoreError:
                await asyncio.sleep(1)

    async def _read(self, key: str, version: str) -> None:
        found = document_of(key)
        assert found is not None, key
        document, name = found
        data = self.vault.objects[key]
        if not await self.manifest.begin_version(document, key, name, version, len(data)):
            return
        left = self.takes
        while left > 0:
            await asyncio.sleep(min(BEAT, left))
            left -= BEAT
            await self.manifest.progress(document, version, State.EXTRACTING)
        if name in self.fails:
            await self.manifest.fail(document, version, self.fails[name])
        else:
            await self.manifest.progress(document, version, State.EMBEDDING, done=1, total=2)
            chunks = [*chunked(Block(each) for each in data.decode().split("\n\n"))]
            row = (await self.manifest.get([document]))[document]
            await self.index.put(row, version, chunks, [[0.0]] * len(chunks))
            await self.manifest.ready(document, version, pages=1, chunks=len(chunks))
        rows = await self.manifest.get([document])
        self.read(rows[document])
