"""How the core reaches documents that are hidden until they are erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.values.documents import Document, DocumentId


class Erasures(Protocol):
    """Documents that are hidden at once and erased later, unless somebody brings them back."""

    async def hide(self, row: Document, at: float, by: str) -> bool:
        """Takes a document out of all answers, to be erased `at` a time (seconds since the epoch).
        False if its row is not any more as it was read."""
        ...

    async def restore(self, row: Document, now: float) -> bool:
        """Undoes `hide`: it is as it was, or waits to be read. False if its time is over."""
        ...

    async def hidden(self, place: str) -> Sequence[Document]: ...

    async def due(self, at: float) -> Sequence[DocumentId]:
        """Those to be erased at or before a time; `erased` takes each off this list."""
        ...

    async def erased(self, document: DocumentId) -> None: ...
