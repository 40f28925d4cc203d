"""Format questions, commands and earlier messages for `parley inspect`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from core.turn.prompt import prompt
from core.values.answer import Message
from core.values.conversation import Command, Conversation, Incoming, Person, dumps
from core.values.models import DEFAULT

SOMEONE = "someone"
"""What anybody is called where there is no directory of people."""
EPOCH = date(1970, 1, 1)


def as_text(item: Incoming | Command | None) -> str:
    """Return what an event becomes: a line that names it, and the text that was written."""
    match item:
        case None:
            return "NOTHING"
        case Command():
            name = " ".join(each for each in (item.name, item.argument) if each)
            about = f" about {item.target}" if item.target else ""
            return f"COMMAND {name}{about} in {item.conversation.key} by {_called(item.person)}"
        case Incoming():
            kind = "QUESTION" if item.addressed else "POST"
            head = f"{kind} in {item.conversation.key} by {_called(item.person)}"
            files = "\n".join(
                " ".join(each for each in ("FILE", file.name, file.media_type) if each)
                for file in item.attachments
            )
            more = (
                "MAYBE FILES that the platform tells of when it is asked"
                if item.files_unresolved
                else ""
            )
            return "\n\n".join(part for part in (head, item.text, files, more) if part)


def as_json(item: Incoming | Command | None) -> dict[str, Any]:
    """Return the queue's JSON under `becomes`; null if the event means nothing to Parley."""
    return {"becomes": None if item is None else json.loads(dumps(item))}


def turns_in_prompt(where: Conversation, said: Sequence[Message]) -> tuple[Message, ...]:
    """What of a thread goes into the prompt of a question after it, joined as it is there."""
    question = Incoming(f"{where.place}/-", where, Person(""), "", "-", in_thread=True)
    before = prompt.merge(question.message_id, (), said)
    return prompt.build(question, DEFAULT, before, EPOCH).turns


def turns_as_text(turns: Sequence[Message]) -> str:
    """As the model reads them; what Parley said itself is headed by a line."""
    return "\n\n".join(
        turn.text if turn.role == "user" else f"PARLEY\n\n{turn.text}" for turn in turns
    )


def turns_as_json(turns: Sequence[Message]) -> dict[str, Any]:
    """The turns of a prompt for `--json`."""
    return {"turns": [{"role": turn.role, "text": turn.text} for turn in turns]}


def _called(person: Person) -> str:
    return person.name or f"@{SOMEONE}"
