"""A worker over fakes, in virtual time: the use case without a machine.

world = TurnWorld(["Hello ", 1.0, "world."])
await world.ask("Say hello.")
await world.work()
assert world.shown == ["Hello world."]
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

from bots.worker import Worker
from core.knowledge.files.intake import Sharing
from core.knowledge.files.waiting_status import WaitingStatus
from core.knowledge.library import IndexedLibrary
from core.knowledge.lookup import Knowledge
from core.knowledge.presence import Presence
from core.people.audience import Audience
from core.ports.rates import Call
from core.ports.store_error import StoreError
from core.rates.budget import ConversationBudget, Quota, Rate, WorkspaceBudget
from core.streaming.markdown.presentable import Policy
from core.turn.assistant import Assistant
from core.turn.briefing import Briefing
from core.turn.commands import Commands
from core.turn.continuation import Continuations
from core.values.answer import Button, Message, MessageId, Rendered
from core.values.conversation import (
    Attachment,
    Command,
    Conversation,
    Incoming,
    Kind,
    Outsiders,
    Person,
)
from core.values.runs import post_of
from tests.support.fake_chat import FakeChat
from tests.support.fake_documents import FakeDepartures, FakeManifest, FakeNotices, FakeVault
from tests.support.fake_index import FakeEmbeddings, FakeIndex, FakeIngester
from tests.support.fake_model import FakeModel, Piece
from tests.support.fake_queue import FakeQueue
from tests.support.fakes import (
    Event,
    FakeClaims,
    FakeFeedback,
    FakeHistory,
    FakePlaceSettings,
    FakeWaits,
    Outage,
)
from tests.support.virtual import now

EPOCH = 1_800_000_000
ANA, BEN = Person("ana", "Ana"), Person("ben", "Ben")
CHANNEL = Conversation("fake", "T", "C", "1800000000", Kind.CHANNEL)
DIRECT = Conversation("fake", "T", "D", None, Kind.DIRECT)
QUOTAS = (
    Quota(frozenset({Call.POST}), (Rate(1, 1.2),), by="channel"),
    Quota(frozenset({Call.EDIT}), (Rate(50, 60),)),
    Quota(frozenset({Call.DELETE}), (Rate(50, 60),)),
)
SWEEP_EVERY = 60.0
LIMIT = 1_000_000
"""Bytes of a file."""


class TurnWorld:
    """One conversation, `where`, and all that its turns reach.

    `scripts` are what the model answers, call by call. `files`: whether files are read.
    """

    def __init__(
        self,
        *scripts: Sequence[Piece],
        where: Conversation = CHANNEL,
        files: bool = False,
        outsiders: Outsiders = Outsiders.CHANNEL,
        answered_by: str = "",
    ) -> None:
        self.where = where
        self.outage = Outage()
        self.model = FakeModel(*(scripts or (["An answer."],)))
        self.chat = FakeChat(where, takes=0.05)
        self.queue = FakeQueue(self.outage)
        self.events: dict[str, Event] = {}
        self.history = FakeHistory(self.outage)
        self.settings = FakePlaceSettings(self.outage)
        self.feedback = FakeFeedback(self.outage)
        self.removals = FakeDepartures(self.outage)
        self.vault = FakeVault(self.outage)
        self.manifest = FakeManifest(self.clock, self.outage)
        documents = self.manifest.documents
        self.claims = FakeClaims(self.clock, self.events, self.outage, documents)
        self.file_events = FakeNotices(self.outage)
        self.index = FakeIndex(self.outage)
        self.ingester = FakeIngester(self.vault, self.manifest, self.index)
        self.file_events.again = self.ingester.again
        waits = FakeWaits(self.claims)
        self.continuations = Continuations(waits, self.manifest, self.queue, self.clock)
        self.status = WaitingStatus(waits, self.manifest)
        self.ingester.over = self.continuations.after
        self.audience = Audience(self.removals if files else None, outsiders)
        self.budgets = WorkspaceBudget(QUOTAS, lambda: now())
        self._files = files
        self._answered_by = answered_by
        self._posts = 0
        self.worker = self.another_worker()

    @staticmethod
    def clock() -> float:
        """Seconds since 1970."""
        return EPOCH + now()

    def another_worker(self, claims: FakeClaims | None = None) -> Worker:
        """One more process; its `claims` may have an outage of their own."""
        claims = claims or self.claims
        knowledge = None
        if self._files:
            library = IndexedLibrary(self.index, self.manifest, FakeEmbeddings(self.outage))
            sharing = Sharing(
                self.vault, self.manifest, self.file_events, limit=LIMIT, clock=now, now=self.clock
            )
            knowledge = Knowledge(library, self.manifest, sharing)
        briefing = Briefing(
            self.model,
            self.history,
            self.settings,
            knowledge,
            self.audience,
            default_model="sonnet",
            today=lambda: date(2027, 1, 15),
        )
        assistant = Assistant(
            self.model,
            claims,
            self.history,
            briefing,
            policy=Policy(),
            continuations=self.continuations,
            answered_by=self._answered_by,
            clock=self.clock,
        )
        commands = Commands(
            claims,
            self.settings,
            self.feedback,
            self.queue,
            self.history,
            dead=self.queue,
            files=None,
            erasing=None,
            continuations=self.continuations,
            audience=self.audience,
            default_model="sonnet",
        )
        presence = Presence(self.removals, now)
        return Worker(
            assistant,
            commands,
            claims,
            self.queue,
            {"fake": self._reach},
            presence=presence,
            status=self.status,
        )

    def _reach(
        self, where: Conversation, extra: Mapping[str, str]
    ) -> tuple[FakeChat, ConversationBudget]:
        assert where.place == self.where.place
        return self.chat, self.budgets.of(where.channel)

    # what people do

    async def ask(
        self,
        text: str,
        *,
        by: Person = ANA,
        files: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Incoming:
        """Somebody writes a question, with `files` by name."""
        attached = []
        for name, content in (files or {}).items():
            file = f"F{len(self.chat.files) + 1}"
            self.chat.files[file] = content.encode()
            link = f"https://files.example/{file}"
            attached.append(Attachment(file, name, "text/plain", len(content), link, link))
        message = f"{EPOCH + self._posts}"
        self._posts += 1
        if text:
            self.chat.turns.append(Message("user", text, by.name, message))
        event = f"{self.where.place}/{message}"
        question = Incoming(event, self.where, by, text, message, tuple(attached), **more)
        await self.queue.enqueue(question)
        return question

    async def send(
        self, name: str, argument: str = "", *, by: Person = ANA, target: str | None = None
    ) -> None:
        """Somebody gives a command."""
        event = f"{self.where.place}/{name}-{now()}"
        await self.queue.enqueue(Command(event, self.where, by, name, argument, target))

    async def press(self, name: str, *, by: Person = ANA) -> None:
        """Somebody presses a button that stands under our newest message."""
        await self.send(name, self.button(name).value, by=by)

    def button(self, name: str) -> Button:
        shown = [b for each in self.chat.messages.values() for b in each.buttons if b.name == name]
        return shown[-1]

    # what happens then

    async def work(self, allowance: float | None = None, worker: Worker | None = None) -> None:
        """Delivers what is queued until nothing is left, and tidies up."""
        worker = worker or self.worker
        await self.queue.work(worker.handle, allowance)
        while self.ingester.tasks or self.waiting:
            await self._wait(worker)
            await self.queue.work(worker.handle, allowance)
        await worker.close()

    async def _wait(self, worker: Worker) -> None:
        """Until something was read, or the minute's sweep."""
        sweep = asyncio.create_task(asyncio.sleep(SWEEP_EVERY))
        tasks = {sweep, *self.ingester.tasks}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if sweep.done():
            with suppress(StoreError):  # as the process does
                await worker.sweep()
        sweep.cancel()
        await asyncio.gather(sweep, return_exceptions=True)

    # what people see

    @property
    def messages(self) -> list[Rendered]:
        return [*self.chat.messages.values()]

    @property
    def shown(self) -> list[str]:
        """The texts of our messages, oldest first."""
        return [each.markdown for each in self.messages]

    @property
    def last(self) -> Rendered:
        return self.messages[-1]

    @property
    def last_id(self) -> MessageId:
        return [*self.chat.messages][-1]

    @property
    def buttons(self) -> set[str]:
        return {each.name for each in self.last.buttons}

    @property
    def told(self) -> list[str]:
        """What was shown to one person only."""
        return [message.markdown for _, message in self.chat.whispered]

    def kept(self, question: Incoming) -> str | None:
        """The answer that is kept of a question."""
        found = self.history.kept[question.history].get(post_of(question.event_id))
        return found[1].text if found else None

    @property
    def waiting(self) -> bool:
        """Whether a question waits for files."""
        return any(each.waits and not each.settled for each in self.events.values())

    def settled(self, question: Incoming) -> bool:
        return self.events[question.event_id].settled

    def seen_by_model(self, call: int = -1) -> str:
        """All that the model was sent in one call."""
        prompt = self.model.prompts[call]
        return "\n".join((prompt.documents, *(turn.text for turn in prompt.turns)))

    def expire(self, question: Incoming) -> None:
        """Its lease ends, as if its worker had stood still."""
        event = self.events[question.event_id]
        self.events[question.event_id] = replace(event, lease=0.0)
