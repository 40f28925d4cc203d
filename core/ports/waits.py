"""The port to questions that wait for documents to be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.values.answer import MessageId
from core.values.documents import DocumentId


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait of a question for documents; they are empty once a worker goes on with it.

    `since` is when the question first waited, in seconds since 1970; `number` counts its waits.
    """

    documents: tuple[DocumentId, ...]
    since: float
    number: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that no worker holds because it waits. `incoming` is its JSON from the queue."""

    event_id: str
    incoming: str
    message_ids: tuple[MessageId, ...]
    wait: Wait


class Waits(Protocol):
    """Reads which questions wait. Methods raise StoreError."""

    async def waiting_for(self, document: DocumentId) -> Sequence[Waiting]:
        """The questions that wait for a document, whatever its state."""
        ...

    async def read(self, event_ids: Collection[str]) -> Mapping[str, Waiting]:
        """Those of these events that wait now."""
        ...
