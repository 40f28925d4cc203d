"""How the core reaches stored files and what is known about them.

Missing              there is no such object
TooLarge             the file has more bytes than may be stored
NotTheirs            a file that its sharer may not open, a ChatError
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
    """More bytes than may be stored."""


class NotTheirs(Forbidden):
    """Whoever shared a file is not known to have access to it, so that we do not open it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it is listed: `size` in bytes, `modified` in seconds since the epoch."""

    key: str
    size: int
    etag: str
    modified: float


class Vault(Protocol):
    """Where files are kept."""

    async def store(
        self, key: str, pieces: AsyncIterator[bytes], media_type: str, limit: int
    ) -> int:
        """Keeps a stream of at most `limit` bytes and returns its size. Raises TooLarge."""
        ...

    async def fetch(self, key: str, path: Path, limit: int) -> int:
        """Copies the object as it is now to a file. Raises Missing or TooLarge."""
        ...

    async def has(self, key: str) -> bool: ...
    async def listed(self, after: str, limit: int) -> tuple[Sequence[Stored], str]:
        """Objects by key, from the first one after a key; the last key, empty at the end."""
        ...

    async def forget(self, prefix: str, *, keep: str = "") -> None:
        """Removes every version of all objects under `prefix`, but those of the key `keep`. Raises
        StoreError where some are left."""
        ...


class Manifest(Protocol):
    """The truth about documents. A chunk counts only if its version is the document's `version`.

    Sequencers are S3's, as `core.aws.dynamodb.manifest.comparable` makes them; those of one key
    have an order.
    """

    async def get(self, ids: Iterable[DocumentId]) -> Mapping[DocumentId, Document]: ...
    async def of_place(self, place: str, limit: int) -> Sequence[Document]: ...
    async def of_message(self, place: str, message: str) -> Sequence[Document]:
        """The documents that came with one post."""
        ...

    async def of_file(self, tenant: str, file: str) -> Sequence[Document]:
        """A file in all places of `{platform}/{tenant}` that it was shared in."""
        ...

    async def bar(self, place: str, message: str) -> None:
        """A post was deleted: its files are not kept, even if its turn comes only now."""
        ...

    async def barred(self, place: str, message: str) -> bool: ...
    async def register(self, document: Document) -> None:
        """Notes a shared file before its bytes are stored."""
        ...

    async def fetched(self, document: DocumentId, digest: str) -> None:
        """Notes the SHA-256 of the bytes that were stored, in hexadecimal digits."""
        ...

    async def sourced(self, document: Document, *, state: State | None = None) -> None:
        """Notes which version of a file its object is: `source`, `source_version`, `size`,
        `digest` and `shared_at`; with `state`, how far that one is as well."""
        ...

    async def see(
        self, document: DocumentId, key: str, name: str, seen: str, size: int, *, etag: str = ""
    ) -> bool:
        """Notes a written object; False if it is done already, a newer one was noticed, or the file
        of a post was forgotten: that one has to be shared again."""
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
        """How far the reading of this version is; False if it was overtaken or deleted, or another
        reader has it ready."""
        ...

    async def ready(self, document: DocumentId, seen: str, *, pages: int, chunks: int) -> bool:
        """From now on this version's chunks count, and no others. False as in `progress`."""
        ...

    async def fail(self, document: DocumentId, seen: str, reason: str) -> bool:
        """Notes why this version is not read. False as in `progress`."""
        ...

    async def removed(self, document: DocumentId, key: str, seen: str) -> bool:
        """Notes a removed object; False if a newer one was noticed, another key's, or none:
        what was forgotten is not noted again."""
        ...

    async def refuse(self, document: DocumentId, reason: str) -> None:
        """Notes that a shared file could not be had."""
        ...

    async def forget(self, document: DocumentId) -> None:
        """Deleted by a person, whatever its version."""
        ...

    async def rows(self, after: str, limit: int) -> tuple[Sequence[Document], str]:
        """Documents that are not deleted, of the next `limit` rows of all kinds, and where to go on
        after them: empty at the end."""
        ...

    async def take_up(self, row: Document, tries: int) -> bool:
        """Notes that a document is queued anew; False if its row is not any more as it was read.

        `updated` is 0 of one that has no row.
        """
        ...


class Notices(Protocol):
    """The queue that the bucket tells of what is written and removed."""

    async def written(self, document: Document) -> None:
        """Tells of its object once more: of `key`, `size` and `etag`, as newer than `seen`."""
        ...

    async def removed(self, document: Document) -> None:
        """Tells that its object is gone."""
        ...

    async def waiting(self) -> int:
        """About how many wait to be taken."""
        ...


class Cursors(Protocol):
    """Where work that takes several runs goes on."""

    async def get(self, work: str) -> str: ...
    async def put(self, work: str, cursor: str) -> None: ...


class Departures(Protocol):
    """Places that we left, and workspaces that removed us (`{platform}/{tenant}`).

    `when` is the event's time by the platform's clock, in seconds since the epoch, 0 if it does not
    say: what happened before the last known event changes nothing.
    """

    async def note(self, prefix: str, when: float = 0.0) -> None: ...
    async def undo(self, prefix: str, when: float = 0.0) -> None: ...
    async def among(self, prefixes: Iterable[str]) -> frozenset[str]:
        """Which of these we left."""
        ...

    async def before(self, at: float) -> Sequence[str]:
        """Those that we left at or before a time, by our clock, and that are not `erased`."""
        ...

    async def erased(self, prefix: str) -> None:
        """Notes that nothing is kept of it any more; it stays one that we left."""
        ...
