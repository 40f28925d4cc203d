"""The port to a platform's file storage, where files may change without an event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from enum import StrEnum
from typing import Protocol

from core.values.conversation import Attachment
from core.values.documents import Document, DocumentId


class Freshness(StrEnum):
    """How the platform's current version of a file compares with the one that was read."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    UNKNOWN = "unknown"
    """The platform did not answer."""


class FileStore(Protocol):
    """The files of a conversation."""

    async def described(self, attachment: Attachment) -> Attachment:
        """Resolve the file's name, size and URL when the event carries only its id."""
        ...

    def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The file's bytes, piece by piece. Raises ChatError."""
        ...

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """Check several files at once for changes.

        Left out are files whose changes the platform reports in events, and files that we have no
        permission to check.
        """
        ...

    async def current(self, document: Document) -> Attachment:
        """The current version of a file, to be read again. Raises ChatError."""
        ...
