"""The ports to earlier questions and answers, and to people's feedback on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.values.answer import Exchange, Message, Usage
from core.values.conversation import NOTHING_QUOTED, Quoted
from core.values.documents import DocumentId


class History(Protocol):
    """Questions and their answers by conversation, under the key `Incoming.history`."""

    async def recent(self, conversation: str, tokens: int) -> Sequence[Exchange]:
        """The newest exchanges that fit in `tokens`, oldest first, including forgotten ones."""
        ...

    async def append(
        self,
        conversation: str,
        event_id: str,
        question: Message,
        answer: Message,
        usage: Usage,
        *,
        asker: str = "",
        direct: bool = False,
        quoted: Quoted = NOTHING_QUOTED,
    ) -> None:
        """Store one exchange, replacing an earlier one for the same event.

        `asker` is the id of the person who asked, `direct` whether it was in their direct chat:
        both are needed to erase a person's data. `quoted` is what the answer was based on.
        """
        ...

    async def forget(self, conversation: str, message_id: str) -> None:
        """Erase the exchange whose question is this message."""
        ...

    async def forget_quoting(self, document: DocumentId) -> None:
        """Erase all exchanges whose answers were based on a document."""
        ...


class Feedback(Protocol):
    """People's ratings of answers."""

    async def rate(self, event_id: str, person: str, value: str) -> None:
        """Store a person's rating of an answer, replacing their earlier one."""
        ...
