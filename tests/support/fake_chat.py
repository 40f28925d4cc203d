"""A conversation in memory that keeps the contract of `core.ports.chat.Chat`.

`faults` by call are errors that its next calls meet, None where one meets none; `refusals` are
errors that each call meets. A call takes `takes` seconds of the loop's clock. `during`, by call,
is what happens while a call is made.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.ports.chat import Gone, Surface, TooLong
from core.ports.file_sources import Freshness
from core.values.answer import Message, MessageId, Rendered
from core.values.conversation import (
    LIBRARY,
    Attachment,
    Conversation,
    Incoming,
    Person,
    Rights,
    Scope,
)
from core.values.documents import Document, DocumentId


@dataclass(frozen=True)
class Plain:
    """A surface on which Markdown is as long as it is written."""

    limit: int = 4000

    def size(self, markdown: str) -> int:
        return len(markdown)


@dataclass(frozen=True)
class Made:
    """A call that was made, and when by the loop's clock."""

    at: float
    call: str
    text: str = ""


@dataclass
class FakeChat:
    where: Conversation
    turns: list[Message] = field(default_factory=list)
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
    hidden: tuple[Attachment, ...] = ()
    """Files of a `partial` question that it does not tell of."""
    faults: dict[str, list[Exception | None]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[str, Exception] = field(default_factory=dict)
    during: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    surface: Surface = field(default_factory=Plain)
    longest: int = 4000
    """Characters of a message; the platform finds a longer one too long."""
    takes: float = 0.0
    made: list[Made] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that we show, as one."""
        return "".join(each.markdown for each in self.messages.values())

    async def meet(self, call: str, text: str = "") -> None:
        if self.takes:
            await asyncio.sleep(self.takes)
        self.made.append(Made(asyncio.get_running_loop().time(), call, text))
        if call in self.during:
            await self.during[call]()
        if call in self.refusals:
            raise self.refusals[call]
        if (faults := self.faults.get(call)) and (fault := faults.pop(0)) is not None:
            raise fault
        if len(text) > self.longest:
            raise TooLong

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        await self.meet("post", message.markdown)
        message_id = MessageId(f"m{len(self.marks) + 1}")
        self.messages[message_id], self.marks[message_id] = message, mark
        self.turns.append(Message("assistant", message.markdown, "", message_id))
        return message_id

    async def find(self, mark: str) -> Sequence[MessageId]:
        await self.meet("find")
        return [each for each in self.messages if self.marks.get(each) == mark]

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        await self.meet("edit", message.markdown)
        if message_id not in self.messages:
            raise Gone(message_id)
        self.messages[message_id] = message
        self.turns = [
            replace(t, text=message.markdown) if t.message_id == message_id else t
            for t in self.turns
        ]

    async def delete(self, message_id: MessageId) -> None:
        await self.meet("delete")
        self.remove(message_id)

    def remove(self, message_id: MessageId) -> None:
        """Deletes one of our messages, as people can."""
        if self.messages.pop(message_id, None) is None:
            raise Gone(message_id)
        self.turns = [t for t in self.turns if t.message_id != message_id]

    async def post_ephemeral(self, person: Person, message: Rendered) -> None:
        await self.meet("whisper")
        self.whispered.append((person, message))

    async def thread(self, limit: int) -> Sequence[Message]:
        await self.meet("thread")
        return self.turns[-limit:]

    async def nearby(self, limit: int) -> Sequence[Message]:
        await self.meet("nearby")
        return self.turns[-limit:]

    async def audience(self, person: Person) -> frozenset[Scope]:
        await self.meet("audience")
        return frozenset({self.where.scope, LIBRARY}) | self.others

    async def outsider(self, person: Person) -> bool:
        await self.meet("outsider")
        return person.id in self.guests

    async def rights(self, person: Person) -> Rights:
        await self.meet("rights")
        return self.run_by.get(person.id, Rights.NONE)

    async def name(self, person: Person) -> str:
        return person.name or self.names.get(person.id, "")

    async def completed(self, question: Incoming) -> Incoming:
        await self.meet("completed")
        files = (*question.attachments, *self.hidden)
        return replace(question, files_unresolved=False, attachments=files)

    async def described(self, attachment: Attachment) -> Attachment:
        await self.meet("described")
        return attachment

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        await self.meet("freshness")
        self.asked.append([each.id for each in documents])
        return {e.id: self.states[e.id] for e in documents if e.id in self.states}

    async def current(self, document: Document) -> Attachment:
        await self.meet("current")
        url = f"fake:{document.id.file}"
        data = self.files.get(document.id.file)
        if data is None:
            raise Gone(document.id.file)
        version = self.versions.get(document.id.file, "")
        return Attachment(document.id.file, document.name, "", len(data), url, version=version)

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        await self.meet("open")
        if attachment.id not in self.files:
            raise Gone(attachment.id)
        yield self.files[attachment.id]
