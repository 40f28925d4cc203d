"""The ports to stored files, and to the records kept about them.

Missing              there is no such object
TooLarge             the file exceeds the size limit
NotTheirs            the person who shared the file may not open it; a ChatError
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.ports.chat import Forbidden
from core.values.documents import Document, DocumentId, State


class Missing(Exception):
    """There is no such object."""


class TooLarge(Exception):
    """The file exceeds the size limit."""


class SharerNotAllowed(Forbidden):
    """The person who shared a file is not known to have access to it, so we do not open it."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a listing: `size` in bytes, `modified` in seconds since the epoch."""

    key: str
    size: int
    etag: str
    modified: float


class Vault(Protocol):
    """The object store that holds the files' bytes."""

    async def store(
        self, key: str, pieces: AsyncIterator[bytes], media_type: str, limit: int
    ) -> int:
        """Store a stream of at most `limit` bytes and return its size. Raises TooLarge."""
        ...

    async def fetch(self, key: str, path: Path, limit: int) -> int:
        """Copy the current object to a file and return its size. Raises Missing or TooLarge."""
        ...

    async def has(self, key: str) -> bool:
        """Whether an object exists under this key."""
        ...

    async def listed(self, after: str, limit: int) -> tuple[Sequence[StoredObject], str]:
        """A page of objects in key order, and the cursor for the next page.

        The page starts at the first key after `after`. The cursor is the page's last key, empty at
        the end.
        """
        ...

    async def forget(self, prefix: str, *, keep: str = "") -> None:
        """Delete every version of all objects under `prefix`, except those of the key `keep`.

        Raises StoreError if any are left.
        """
        ...


class Manifest(Protocol):
    """The source of truth about documents: a chunk counts only if it has the document's `version`.

    Versions are S3 sequencers as `core.aws.access.sequencers.comparable` returns them; those of one
    key sort in order of time.
    """

    async def get(self, ids: Iterable[DocumentId]) -> Mapping[DocumentId, Document]:
        """The documents with these ids; unknown ids are left out."""
        ...

    async def of_place(self, place: str, limit: int) -> Sequence[Document]:
        """A place's documents that are not deleted, newest first."""
        ...

    async def of_message(self, place: str, message: str) -> Sequence[Document]:
        """The documents that were attached to one message."""
        ...

    async def of_file(self, tenant: str, file: str) -> Sequence[Document]:
        """One document for each place of `{platform}/{tenant}` where a file was shared."""
        ...

    async def set_tombstone(self, place: str, message: str) -> None:
        """Record that a message was deleted, so that its files are not stored by a later turn."""
        ...

    async def has_tombstone(self, place: str, message: str) -> bool:
        """Whether this message is recorded as deleted."""
        ...

    async def register(self, document: Document) -> None:
        """Record a shared file before its bytes are stored."""
        ...

    async def fetched(self, document: DocumentId, digest: str) -> None:
        """Record the SHA-256 of the stored bytes, in hexadecimal digits."""
        ...

    async def sourced(self, document: Document, *, state: State | None = None) -> None:
        """Record which version of a file is stored, and `state` if it is given.

        Written are `source`, `source_version`, `size`, `digest` and `shared_at`.
        """
        ...

    async def begin_version(
        self, document: DocumentId, key: str, name: str, seen: str, size: int, *, etag: str = ""
    ) -> bool:
        """Begin reading a newly written object, whose sequencer is `seen`.

        False if this version is done already, if a newer one is known, or if the file of a message
        was forgotten: such a file has to be shared again.
        """
        ...

    async def progress(
        self,
        document: DocumentId,
        seen: str,
        state: State,
        *,
        done: int = 0,
        total: int = 0,
    ) -> bool:
        """Record how far the reading of this version has come.

        False if a newer version is known, if the document was deleted, or if another reader has
        already finished this version.
        """
        ...

    async def ready(self, document: DocumentId, seen: str, *, pages: int, chunks: int) -> bool:
        """Make this version's chunks, and no others, searchable. False as in `progress`."""
        ...

    async def fail(self, document: DocumentId, seen: str, reason: str) -> bool:
        """Record why this version cannot be read. False as in `progress`."""
        ...

    async def removed(self, document: DocumentId, key: str, seen: str) -> bool:
        """Mark a document as deleted because its object was removed.

        False if a newer version is known, if the document's object has another key, or if there is
        no record of the document.
        """
        ...

    async def refuse(self, document: DocumentId, reason: str) -> None:
        """Record why a shared file could not be fetched."""
        ...

    async def forget(self, document: DocumentId) -> None:
        """Mark a document as deleted by a person, whatever its version."""
        ...

    async def rows(self, after: str, limit: int) -> tuple[Sequence[Document], str]:
        """A page of all documents that are not deleted, and the cursor for the next page.

        A page covers at most `limit` rows of any kind, so it may hold few documents or none. The
        cursor is empty at the end.
        """
        ...

    async def take_up(self, row: Document, tries: int) -> bool:
        """Count another attempt at reading a document, before it is queued again.

        False if its record has changed since `row` was read. For a document without a record,
        `row.updated` is 0.
        """
        ...


class FileEvents(Protocol):
    """The queue of file events: objects written to the bucket and removed from it."""

    async def written(self, document: Document) -> None:
        """Enqueue another event for its object (`key`, `size`, `etag`), newer than `seen`."""
        ...

    async def removed(self, document: Document) -> None:
        """Enqueue an event that its object was removed."""
        ...

    async def waiting(self) -> int:
        """The approximate number of events waiting in the queue."""
        ...


class Cursors(Protocol):
    """The saved positions of work that spans several runs."""

    async def get(self, work: str) -> str:
        """The saved position of a piece of work, empty if there is none."""
        ...

    async def put(self, work: str, cursor: str) -> None:
        """Save the position of a piece of work; an empty one starts it over."""
        ...


class Removals(Protocol):
    """Places that we left, and workspaces (`{platform}/{tenant}`) that removed us.

    `when` is the event's time by the platform's clock, in seconds since the epoch, 0 if the
    platform does not say. Events older than the latest known one are ignored.
    """

    async def note(self, prefix: str, when: float = 0.0) -> None:
        """Record that we left a place or workspace."""
        ...

    async def undo(self, prefix: str, when: float = 0.0) -> None:
        """Record that we are back in a place or workspace."""
        ...

    async def among(self, prefixes: Iterable[str]) -> frozenset[str]:
        """Those of `prefixes` that we left."""
        ...

    async def before(self, at: float) -> Sequence[str]:
        """Those that we left at or before `at` by our clock and that are not `erased` yet."""
        ...

    async def erased(self, prefix: str) -> None:
        """Record that its files were erased; it still counts as left."""
        ...
