"""Stores of files and of what is known about them, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.aws.access.sequencers import WIDTH
from core.aws.dynamodb.manifest import REGISTERED
from core.ports.documents import Missing, StoredObject, TooLarge
from core.values.documents import Document, DocumentId, State
from tests.support.fakes import Outage

SHOWN = {"forgotten": False, "erase_at": 0.0, "erased_by": ""}
"""Fields of a document that nobody has deleted."""


class FakeVault:
    """`written` is told the key of each object that was stored."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.objects: dict[str, bytes] = {}
        self.written: Callable[[str], object] = lambda _: None

    async def store(
        self, key: str, pieces: AsyncIterator[bytes], media_type: str, limit: int
    ) -> int:
        self.outage.check()
        data = b"".join([piece async for piece in pieces])
        if len(data) > limit:
            raise TooLarge
        self.objects[key] = data
        self.written(key)
        return len(data)

    async def fetch(self, key: str, path: Path, limit: int) -> int:
        self.outage.check()
        if key not in self.objects:
            raise Missing
        if len(self.objects[key]) > limit:
            raise TooLarge
        return path.write_bytes(self.objects[key])  # noqa: ASYNC240

    async def has(self, key: str) -> bool:
        self.outage.check()
        return key in self.objects

    async def listed(self, after: str, limit: int) -> tuple[Sequence[StoredObject], str]:
        self.outage.check()
        keys = sorted(each for each in self.objects if each > after)[:limit]
        found = [StoredObject(each, len(self.objects[each]), "", 0.0) for each in keys]
        return found, keys[-1] if len(keys) == limit else ""

    async def forget(self, prefix: str, *, keep: str = "") -> None:
        self.outage.check()
        kept = {k: v for k, v in self.objects.items() if not k.startswith(prefix) or k == keep}
        self.objects = kept


class FakeManifest:
    """Changes rows on the same conditions as `core.aws.dynamodb.manifest`."""

    def __init__(self, clock: Callable[[], float], outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.documents: dict[DocumentId, Document] = {}
        self.deleted_posts: set[tuple[str, str]] = set()
        self._clock = clock

    async def get(self, ids: Iterable[DocumentId]) -> Mapping[DocumentId, Document]:
        self.outage.check()
        return {each: self.documents[each] for each in sorted(set(ids)) if each in self.documents}

    async def of_place(self, place: str, limit: int) -> Sequence[Document]:
        self.outage.check()
        kept = [e for e in self._all() if e.id.place == place and e.state is not State.DELETED]
        return sorted(kept, key=lambda e: e.shared_at or e.updated, reverse=True)[:limit]

    async def of_message(self, place: str, message: str) -> Sequence[Document]:
        self.outage.check()
        return [e for e in self._all() if (e.id.place, e.message) == (place, message) and _there(e)]

    async def of_file(self, tenant: str, file: str) -> Sequence[Document]:
        self.outage.check()
        found = [e for e in self._all() if e.id.place.rpartition("/")[0] == tenant and _there(e)]
        return [e for e in found if e.id.file == file]

    async def set_tombstone(self, place: str, message: str) -> None:
        self.outage.check()
        self.deleted_posts.add((place, message))

    async def has_tombstone(self, place: str, message: str) -> bool:
        self.outage.check()
        return (place, message) in self.deleted_posts

    async def register(self, document: Document) -> None:
        shared = {name: getattr(document, name) for name in REGISTERED}
        self._change(document.id, **shared, state=State.RECEIVED, reason="", done=0, total=0)
        self._change(document.id, **SHOWN)

    async def fetched(self, document: DocumentId, digest: str) -> None:
        if document in self.documents:
            self._change(document, digest=digest)

    async def sourced(self, document: Document, *, state: State | None = None) -> None:
        names = ("source", "source_version", "size", "shared_at", "digest")
        if document.id in self.documents:
            fields = {name: getattr(document, name) for name in names}
            self._change(document.id, **fields, **({"state": state} if state is not None else {}))

    async def begin_version(
        self, document: DocumentId, key: str, name: str, seen: str, size: int, *, etag: str = ""
    ) -> bool:
        old = self.documents.get(document)
        if old is not None:
            ended = old.state in (State.READY, State.DELETED)
            if seen < old.seen or (seen == old.seen and ended):
                return False
            if old.forgotten and old.message:
                return False
        noticed = {"key": key, "seen": seen, "size": size, "etag": etag, "reason": ""}
        tries = {"tries": 0} if len(seen) <= WIDTH else {}
        kept = old.name if old is not None and old.name else name
        self._change(document, **noticed, **tries, **SHOWN, name=kept, done=0, total=0)
        return self._change(document, state=State.EXTRACTING)

    async def progress(
        self, document: DocumentId, seen: str, state: State, *, done: int = 0, total: int = 0
    ) -> bool:
        return self._read(document, seen, state=state, done=done, total=total)

    async def ready(self, document: DocumentId, seen: str, *, pages: int, chunks: int) -> bool:
        fields = {"version": seen, "reason": "", "pages": pages, "chunks": chunks}
        return self._read(document, seen, state=State.READY, done=0, total=0, **fields)

    async def fail(self, document: DocumentId, seen: str, reason: str) -> bool:
        fields = {"version": "", "reason": reason, "chunks": 0}
        return self._read(document, seen, state=State.FAILED, **fields)

    async def removed(self, document: DocumentId, key: str, seen: str) -> bool:
        old = self.documents.get(document)
        if old is None or old.seen > seen or old.key not in ("", key):
            return False
        self._change(document, **SHOWN | {"forgotten": old.forgotten}, seen=seen, key=key, etag="")
        return self._delete(document)

    async def refuse(self, document: DocumentId, reason: str) -> None:
        self._change(document, state=State.FAILED, version="", reason=reason)

    async def forget(self, document: DocumentId) -> None:
        self._change(document, **SHOWN | {"forgotten": True})
        self._delete(document)

    async def rows(self, after: str, limit: int) -> tuple[Sequence[Document], str]:
        self.outage.check()
        ids = [each for each in sorted(self.documents) if "/".join(each) > after][:limit]
        found = [self.documents[each] for each in ids]
        kept = [each for each in found if each.state is not State.DELETED]
        return kept, "/".join(ids[-1]) if len(ids) == limit else ""

    async def take_up(self, row: Document, tries: int) -> bool:
        old = self.documents.get(row.id)
        if row.updated:
            known = old is not None and old.updated == row.updated
            return known and self._change(row.id, tries=tries)
        found = {"key": row.key, "name": row.name, "size": row.size, "tries": tries}
        return old is None and self._change(row.id, **found, state=State.RECEIVED)

    def _all(self) -> Sequence[Document]:
        return [self.documents[each] for each in sorted(self.documents)]

    def _read(self, document: DocumentId, seen: str, **fields: Any) -> bool:
        old = self.documents.get(document)
        if old is None or old.seen != seen or old.state is State.DELETED or old.version == seen:
            self.outage.check()
            return False
        return self._change(document, **fields)

    def _delete(self, document: DocumentId) -> bool:
        return self._change(document, state=State.DELETED, version="", chunks=0)

    def _change(self, document: DocumentId, **fields: Any) -> bool:
        self.outage.check()
        old = self.documents.get(document, Document(document, "", ""))
        self.documents[document] = replace(old, **fields, updated=self._clock())
        return True


class FakeNotices:
    """`again` is told of documents that are to be read once more."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.again: Callable[[Document], object] = lambda _: None
        self.gone: list[Document] = []

    async def written(self, document: Document) -> None:
        self.outage.check()
        self.again(document)

    async def removed(self, document: Document) -> None:
        self.outage.check()
        self.gone.append(document)

    async def waiting(self) -> int:
        return 0


class FakeDepartures:
    """Places that we left, and when."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.left: dict[str, float] = {}
        self.erased_places: set[str] = set()

    async def note(self, prefix: str, when: float = 0.0) -> None:
        self.outage.check()
        self.left[prefix] = when

    async def undo(self, prefix: str, when: float = 0.0) -> None:
        self.outage.check()
        if not when or when >= self.left.get(prefix, 0.0):
            self.left.pop(prefix, None)

    async def among(self, prefixes: Iterable[str]) -> frozenset[str]:
        self.outage.check()
        return frozenset(prefixes) & self.left.keys()

    async def before(self, at: float) -> Sequence[str]:
        self.outage.check()
        return [e for e, when in self.left.items() if when <= at and e not in self.erased_places]

    async def erased(self, prefix: str) -> None:
        self.outage.check()
        self.erased_places.add(prefix)


def _there(document: Document) -> bool:
    return document.state is not State.DELETED or bool(document.erase_at)
