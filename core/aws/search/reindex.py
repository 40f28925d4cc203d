"""Fills a new version of the index from the live one, and then replaces the live one.

1. The new version gets an alias of its own, `…-next`. Writers see it within `FOLLOW` seconds and
   from then on write to both versions; searches are not affected.
2. Documents are copied one by one, as the manifest lists them: their passages are read from the
   live version, embedded again, and written. Complete documents are skipped, so an interrupted run
   resumes where it stopped.
3. Once a round over the manifest finds no missing passages, and documents that were being read
   before writers wrote to both have finished, the alias moves, in one step.
4. The old version stays until all processes have seen that; one more round copies passages that
   only the old version has.
5. Passages that are counted but cannot be read are skipped and reported. The hourly comparison has
   their documents read again, since the new version has fewer passages than the manifest says.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opensearchpy.exceptions import NotFoundError

from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.search import opensearch
from core.aws.search.edition import IndexVersion, next_alias
from core.aws.search.index_versions import FOLLOW, IndexVersions
from core.aws.search.requests import asked
from core.ports.documents import Missing
from core.ports.index import IndexRejected
from core.ports.store_error import StoreError
from core.runtime.tasks import together
from core.values.documents import Document, DocumentId, State, searched

WINDOW = 192
"""Passages embedded and written together."""
AT_ONCE = 4
"""Documents copied concurrently."""
SOME = 100
"""Documents compared with one query."""
ROWS = 2_000
"""Rows of the table read at a time."""
TRIES = 3
"""Attempts to copy a document before the run fails because the new version does not keep it."""
VERSIONS = 500
"""(Document, version) pairs looked up at a time."""
LOOK = 2.0
"""Seconds between rounds that wait for documents to be read."""
PATIENCE = 900.0
"""Seconds to wait for documents that were being read at the start: a Lambda function's limit."""
STALE = FOLLOW + 75.0
"""Seconds after which no process acts on outdated versions, even at the end of a slow call."""

Say = Callable[[str], None]
Counts = Mapping[str, Mapping[DocumentId, int]]
"""Numbers of passages by document, by the name of the index version."""
Reading = frozenset[tuple[DocumentId, str]]
"""Documents that are being read, with their version."""


@dataclass(slots=True)
class Outcome:
    """The result of a run.

    `name` is the live version, empty if there is none. `copied` counts passages, `short` documents
    of which some passages could not be read. `removed` and `kept` are names of old versions.
    """

    name: str = ""
    copied: int = 0
    short: int = 0
    swapped: bool = False
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class Reindex:
    """One run. `say` receives progress messages."""

    def __init__(
        self,
        editions: IndexVersions,
        manifest: DynamoManifest,
        *,
        say: Say,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._editions = editions
        self._client = editions.client
        self._manifest = manifest
        self._say = say
        self._sleep = sleep
        self._outcome = Outcome()
        self._copies = Counter[tuple[DocumentId, str]]()
        """How often each version of a document was copied."""
        self._readable: dict[tuple[str, DocumentId, str], int] = {}
        """Numbers of readable passages, where not all were, by index, document and version."""

    async def run(self, *, keep: bool = False) -> Outcome:
        """Fill the version that the settings call for and make it live; `keep` keeps old versions.

        Raises StoreError, IndexRejected, ModelError; a later run resumes where this one stopped.
        """
        try:
            return await self._ran(keep=keep)
        except (Missing, NotFoundError) as exc:
            raise StoreError("a version of the index went meanwhile") from exc

    async def _ran(self, *, keep: bool) -> Outcome:
        await self._editions.claim()
        found = await self._editions.all(anew=True)
        old = [each for each in found if each.live and each.name != self._editions.wanted]
        if not any(each.live for each in found):
            return Outcome()
        self._outcome = Outcome(self._editions.wanted)
        if old:
            new = await self._begun(found)
            await self._filled(old, new)
            await self._swap(old, new)
        found = await self._editions.all(anew=True)
        new = next(each for each in found if each.live)
        others = [each for each in found if not each.live]
        if others:
            await self._finished(others, new, keep=keep)
        return self._outcome

    async def _begun(self, found: Sequence[IndexVersion]) -> IndexVersion:
        """The new version, once it exists and all processes write to it."""
        name = self._editions.wanted
        if not any(each.name == name for each in found):
            if await asked(self._client.indices.exists, index=name):
                # a process that was suspended while it was deleted has written to it again
                await asked(self._client.indices.delete, index=name)
            body = self._editions.unmade().index.definition()
            await asked(self._client.indices.create, index=name, body=body)
        actions = [_change("remove", each.name, next_alias()) for each in found if each.filling]
        actions.append(_change("add", name, next_alias()))
        await asked(self._client.indices.update_aliases, body={"actions": actions})
        self._say(f"{name}: waiting until everybody writes to it")
        await self._sleep(2 * FOLLOW)
        return next(each for each in await self._editions.all(anew=True) if each.name == name)

    async def _filled(self, old: Sequence[IndexVersion], new: IndexVersion) -> None:
        """Return once the new version has every passage of the old ones."""
        waited, early = 0.0, None
        while True:
            lacking, reading = await self._round(old, new)
            early = reading if early is None else early & reading
            if not lacking and (not early or waited >= PATIENCE):
                return
            if not lacking:
                self._say(f"waiting for {len(early)} documents that are being read")
                await self._sleep(LOOK)
                waited += LOOK

    async def _swap(self, old: Sequence[IndexVersion], new: IndexVersion) -> None:
        actions = [_change("remove", each.name, opensearch.ALIAS) for each in old]
        actions.append(_change("remove", new.name, next_alias()))
        if not new.live:
            actions.insert(0, _change("add", new.name, opensearch.ALIAS))
        await asked(self._client.indices.update_aliases, body={"actions": actions})
        self._outcome.swapped = True

    async def _finished(
        self, others: Sequence[IndexVersion], new: IndexVersion, *, keep: bool
    ) -> None:
        """Copy what was written to other versions meanwhile, and delete them unless `keep`."""
        filling = [_change("remove", each.name, next_alias()) for each in others if each.filling]
        if filling:
            await asked(self._client.indices.update_aliases, body={"actions": filling})
        self._say(f"{new.name} is searched; waiting until everybody writes to it alone")
        await self._sleep(STALE + new.index.latency)
        while (await self._round(others, new))[0]:
            pass
        names = tuple(each.name for each in others)
        if keep:
            self._outcome.kept = names
            return
        for name in names:
            await asked(self._client.indices.delete, index=name)
        self._outcome.removed = names

    async def _round(self, old: Sequence[IndexVersion], new: IndexVersion) -> tuple[int, Reading]:
        """Copy the passages that the new version lacks.

        Returns how many documents lacked some, and which documents are being read.
        """
        lacking, reading, seen = 0, set[tuple[DocumentId, str]](), 0
        self._outcome.short = 0
        for each in (*old, new):
            await each.index.refresh()
        async for page in self._documents():
            reading |= {
                (d.id, d.seen) for d in page if d.state in (State.EXTRACTING, State.EMBEDDING)
            }
            ready = [each for each in page if each.version]
            for start in range(0, len(ready), SOME):
                lacking += await self._compared(ready[start : start + SOME], old, new)
            seen += len(ready)
            self._say(f"{seen:,} documents compared, {self._outcome.copied:,} passages copied")
        await self._tidied(new)
        return lacking, frozenset(reading)

    async def _compared(
        self, documents: Sequence[Document], old: Sequence[IndexVersion], new: IndexVersion
    ) -> int:
        have = await self._counts(new, documents)
        there = {each.name: await self._counts(each, documents) for each in old}
        best = {
            d.id: max(old, key=lambda e, d=d: self._wanted(d, e, there))  # type: ignore[misc]
            for d in documents
        }
        lacking = [
            each
            for each in documents
            if self._wanted(each, best[each.id], there) > have.get(each.id, 0)
        ]
        self._outcome.short += sum(
            self._wanted(each, best[each.id], there) < _counted(each, best[each.id], there)
            for each in documents
        )
        lost = [each for each in lacking if self._copies[each.id, each.version] >= TRIES]
        if lost:
            raise IndexRejected(
                f"{new.name} does not keep the passages of {len(lost)} documents, though they were "
                f"written {TRIES} times: look at its health, its disk and who else deletes there"
            )
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(document: Document) -> None:
            async with slots:
                await self._copied(document, best[document.id], new)

        await together(*map(one, lacking))
        return len(lacking)

    def _wanted(self, document: Document, source: IndexVersion, there: Counts) -> int:
        """The number of passages of a document that the new version should have."""
        counted = _counted(document, source, there)
        key = (source.name, document.id, document.version)
        return min(counted, self._readable.get(key, counted))

    async def _copied(self, document: Document, source: IndexVersion, new: IndexVersion) -> None:
        embeddings, found = self._editions.embeddings(new), 0
        for first in range(0, document.chunks, WINDOW):
            last = min(first + WINDOW, document.chunks) - 1
            (chunks,) = await source.index.texts([(document.id, document.version, first, last)])
            if not chunks:
                continue
            vectors = await embeddings.embed([searched(document.name, each) for each in chunks])
            await new.index.put(document, document.version, chunks, vectors)
            found += len(chunks)
            self._outcome.copied += len(chunks)
            self._say(f"{self._outcome.copied:,} passages copied")
        self._copies[document.id, document.version] += 1
        if found < document.chunks:
            self._readable[source.name, document.id, document.version] = found

    async def _counts(
        self, edition: IndexVersion, documents: Sequence[Document]
    ) -> Mapping[DocumentId, int]:
        """The number of passages of each document's current version."""
        held = await edition.index.held([each.id for each in documents])
        return {each.id: held.get((each.id.short, each.version), 0) for each in documents}

    async def _tidied(self, new: IndexVersion) -> None:
        """Delete passages of documents that were deleted or replaced while they were copied."""
        await new.index.refresh()
        after = ""
        while True:
            versions, after = await new.index.versions(after, VERSIONS)
            known = await self._manifest.get({document for document, _ in versions})
            for document, version in versions:
                row = known.get(document)
                counts = row is not None and version in (row.version, row.seen)
                if not counts or (row is not None and row.state is State.DELETED):
                    await new.index.delete(document, only=version)
            if not after:
                return

    async def _documents(self) -> AsyncIterator[Sequence[Document]]:
        """The manifest's documents, page by page."""
        after = ""
        while True:
            page, after = await self._manifest.rows(after, ROWS, fresh=True)
            yield page
            if not after:
                return


def _counted(document: Document, source: IndexVersion, there: Counts) -> int:
    return min(document.chunks, there[source.name].get(document.id, 0))


def _change(what: str, index: str, alias: str) -> dict[str, Any]:
    return {what: {"index": index, "alias": alias}}
