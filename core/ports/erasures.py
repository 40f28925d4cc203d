"""The port to documents that are hidden and will be erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.values.documents import Document, DocumentId


class Erasures(Protocol):
    """Documents that are hidden at once and erased later, unless somebody restores them."""

    async def hide(self, row: Document, at: float, by: str) -> bool:
        """Exclude a document from all answers, and schedule its erasure.

        `at` is in seconds since the epoch, `by` the person who asked for it. False if the document
        has changed since `row` was read.
        """
        ...

    async def restore(self, row: Document, now: float) -> bool:
        """Undo `hide`; a document that was still being read is read again.

        False if the time to undo has passed.
        """
        ...

    async def hidden(self, place: str) -> Sequence[Document]:
        """A place's hidden documents."""
        ...

    async def due(self, at: float) -> Sequence[DocumentId]:
        """The documents to be erased at or before a time, until `erased` is called for each."""
        ...

    async def erased(self, document: DocumentId) -> None:
        """Record that a document was erased or restored: it is no longer due."""
        ...
