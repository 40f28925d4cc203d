"""Where a platform keeps people's files, which it does not always say when they change there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from enum import StrEnum
from typing import Protocol

from core.values.conversation import Attachment
from core.values.documents import Document, DocumentId


class Freshness(StrEnum):
    """How a file is at its store now, beside what was read of it."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    UNKNOWN = "unknown"
    """The store does not answer."""


class FileStore(Protocol):
    """The files of a conversation."""

    async def described(self, attachment: Attachment) -> Attachment:
        """The file with its name, size and address, where a message told its id only."""
        ...

    def open(self, attachment: Attachment) -> AsyncIterator[bytes]: ...
    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """How files are now, asked all at once. Left out are those of which the platform tells us
        by itself, and those that we may not ask about."""
        ...

    async def current(self, document: Document) -> Attachment:
        """A file as it is now, to be read anew. Raises ChatError."""
        ...
