"""A conversation in memory that keeps the contract of `core.ports.chat.Chat`.

`faults` by call are errors that its next calls meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from core.ports.chat import Gone
from core.ports.file_sources import Freshness
from core.values.answer import MessageId, Rendered, Turn
from core.values.conversation import (
    LIBRARY,
    Attachment,
    Conversation,
    Incoming,
    Person,
    Rights,
    Scope,
)
from core.values.documents import DocumentId


class Plain:
    limit = 4000

    def size(self, markdown: str) -> int:
        return len(markdown)


@dataclass
class FakeChat:
    where: Conversation
    turns: list[Turn] = field(default_factory=list)
    """What people and we said, oldest first."""
    messages: dict[MessageId, Rendered] = field(default_factory=dict)
    marks: dict[MessageId, str] = field(default_factory=dict)
    whispered: list[tuple[Person, Rendered]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    others: frozenset[Scope] = frozenset()
    guests: frozenset[str] = frozenset()
    states: dict[DocumentId, Freshness] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    asked: list[list[DocumentId]] = field(default_factory=list)
    run_by: dict[str, Rights] = field(default_factory=dict)
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    surface = Plain()

    def _meet(self, call: str) -> None:
        if self.faults[call]:
            raise self.faults[call].pop(0)

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        self._meet("post")
        message_id = MessageId(f"m{len(self.turns) + 1}")
        self.messages[message_id], self.marks[message_id] = message, mark
        self.turns.append(Turn("assistant", message.markdown, "", message_id))
        return message_id

    async def find(self, mark: str) -> Sequence[MessageId]:
        self._meet("find")
        return [each for each in self.messages if self.marks[each] == mark]

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        self._meet("edit")
        if message_id not in self.messages:
            raise Gone(message_id)
        self.messages[message_id] = message
        self.turns = [
            replace(t, text=message.markdown) if t.message_id == message_id else t
            for t in self.turns
        ]

    async def delete(self, message_id: MessageId) -> None:
        self._meet("delete")
        if self.messages.pop(message_id, None) is None:
            raise Gone(message_id)
        self.turns = [t for t in self.turns if t.message_id != message_id]

    async def whisper(self, person: Person, message: Rendered) -> None:
        self.whispered.append((person, message))

    async def thread(self, limit: int) -> Sequence[Turn]:
        self._meet("thread")
        return self.turns[-limit:]

    async def nearby(self, limit: int) -> Sequence[Turn]:
        return self.turns[-limit:]

    async def audience(self, person: Person) -> frozenset[Scope]:
        return frozenset({self.where.scope, LIBRARY}) | self.others

    async def outsider(self, person: Person) -> bool:
        self._meet("outsider")
        return person.id in self.guests

    async def rights(self, person: Person) -> Rights:
        self._meet("rights")
        return self.run_by.get(person.id, Rights.NONE)

    async def name(self, person: Person) -> str:
        return person.name or self.names.get(person.id, "")

    async def completed(self, question: Incoming) -> Incoming:
        self._meet("completed")
        return replace(question, partial=False)

    async def described(self, attachment: Attachment) -> Attachment:
        return attachment

    async def freshness(self, documents):
        self._meet("freshness")
        self.asked.append([each.id for each in documents])
        return {e.id: self.states[e.id] for e in documents if e.id in self.states}

    async def current(self, document):
        self._meet("current")
        url = f"fake:{document.id.file}"
        data = self.files.get(document.id.file)
        if data is None:
            raise Gone(document.id.file)
        version = self.versions.get(document.id.file, "")
        return Attachment(document.id.file, document.name, "", len(data), url, version=version)

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        self._meet("open")
        yield self.files[attachment.id]
