"""How the core reaches what was asked and answered, and what people thought of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.answer import Exchange, Turn, Usage
from core.conversation import NOTHING_QUOTED, Incoming, Kind, Quoted
from core.documents import DocumentId
from core.passages import quoted as quoted_name
from core.patience import patiently
from core.runs import post_of


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


@dataclass(slots=True)
class MadeFrom:
    """What has gone into an answer so far, however it ends."""

    quoted: Quoted


async def keep(
    history: History, question: Incoming, text: str, usage: Usage, quoted: Quoted
) -> None:
    """Keeps a question with its answer. Raises StoreError."""
    names = ", ".join(quoted_name(each.name) for each in question.attachments)
    words = "\n".join(each for each in (question.text, f"(shared {names})" * bool(names)) if each)
    asked = Turn("user", words, question.person.name, question.message_id)
    await patiently(
        lambda: history.append(
            question.history,
            post_of(question.event_id),
            asked,
            Turn("assistant", text),
            usage,
            asker=question.person.id,
            direct=question.conversation.kind is Kind.DIRECT,
            quoted=quoted,
        )
    )
