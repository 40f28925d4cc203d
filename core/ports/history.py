"""How the core reaches what was asked and answered, and what people thought of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.values.answer import Exchange, Turn, Usage
from core.values.conversation import NOTHING_QUOTED, Quoted
from core.values.documents import DocumentId


class History(Protocol):
    """What was asked and answered, by conversation: `Incoming.history`."""

    async def recent(self, conversation: str, tokens: int) -> Sequence[Exchange]:
        """The newest exchanges that fit `tokens`, oldest first, forgotten ones among them."""
        ...

    async def append(
        self,
        conversation: str,
        event_id: str,
        question: Turn,
        answer: Turn,
        usage: Usage,
        *,
        asker: str = "",
        direct: bool = False,
        quoted: Quoted = NOTHING_QUOTED,
    ) -> None:
        """Keeps one exchange; keeping the same event again replaces it.

        `asker` is the id of who asked, `direct` whether it was in their direct chat: both for
        forgetting a person. `quoted` is what the answer was made from.
        """
        ...

    async def forget(self, conversation: str, message_id: str) -> None:
        """Removes the exchange that began with a message."""
        ...

    async def forget_quoting(self, document: DocumentId) -> None:
        """Removes all exchanges whose answers were made from a document."""
        ...


class Feedback(Protocol):
    async def rate(self, event_id: str, person: str, value: str) -> None: ...
