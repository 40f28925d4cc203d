"""Stores a question with its answer in the history."""

from __future__ import annotations

from dataclasses import dataclass

from core.ports.history import History
from core.runtime.patience import patiently
from core.turn.prompt.prompt_blocks import quoted as quoted_name
from core.values.answer import Message, Usage
from core.values.conversation import Incoming, Kind, Quoted
from core.values.runs import post_of


@dataclass(slots=True)
class MadeFrom:
    """What an answer has been based on so far, however it ends."""

    quoted: Quoted


async def keep(
    history: History, question: Incoming, text: str, usage: Usage, quoted: Quoted
) -> None:
    """Store a question with its answer. Raises StoreError."""
    names = ", ".join(quoted_name(each.name) for each in question.attachments)
    words = "\n".join(each for each in (question.text, f"(shared {names})" * bool(names)) if each)
    asked = Message("user", words, question.person.name, question.message_id)
    await patiently(
        lambda: history.append(
            question.history,
            post_of(question.event_id),
            asked,
            Message("assistant", text),
            usage,
            asker=question.person.id,
            direct=question.conversation.kind is Kind.DIRECT,
            quoted=quoted,
        )
    )
