"""The stores and the queue, in memory: they keep the same contracts as those on AWS.

`tests/core/aws/dynamodb/test_conversations.py` runs the same tests against both.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from core.aws.dynamodb.claims import LEASE
from core.aws.dynamodb.history import sortable
from core.knowledge.files.waiting import goes_on_at
from core.ports.store_error import StoreError
from core.ports.turns import Busy, Claim, LeaseLost, Orphan, Record, Withdrawn
from core.ports.waits import Wait, Waiting
from core.rates.ledger import InMemoryStore, LedgerStore
from core.turn.requeue_policy import ORPHANED, RESUMED
from core.values.answer import Exchange, Message, MessageId, Usage
from core.values.conversation import NOTHING, NOTHING_QUOTED, Command, Incoming, Quoted
from core.values.documents import Document, DocumentId
from core.values.runs import post_of
from core.values.tokens import estimate


def own_ledgers(_workspace: str, _name: str, seconds: float) -> LedgerStore:
    """For a process that shares its rates with no other."""
    return InMemoryStore(seconds)


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Outage:
    """While `down`, whatever has this one is a store that does not answer.

    `begin` plans an outage: from a call on, by its number, for so many seconds of the loop's clock.
    """

    def __init__(self) -> None:
        self.down = False
        self.calls = 0
        self._first, self._seconds, self._until = 0, 0.0, float("-inf")

    def begin(self, call: int, seconds: float) -> None:
        self._first, self._seconds = call, seconds

    def check(self) -> None:
        self.calls += 1
        if self.calls == self._first:
            self._until = asyncio.get_running_loop().time() + self._seconds
        planned = bool(self._first) and asyncio.get_running_loop().time() < self._until
        if self.down or planned:
            raise StoreError("down")


@dataclass(frozen=True)
class Event:
    claim: Claim
    incoming: str
    lease: float
    settled: bool = False
    stop: bool = False
    gone: bool = False
    requeued: float = 0.0
    waits: bool = False


class FakeClaims:
    """Share `events` between several to have several workers."""

    def __init__(
        self,
        clock: Callable[[], float],
        events: dict[str, Event] | None = None,
        outage: Outage | None = None,
        documents: Mapping[DocumentId, Document] | None = None,
    ) -> None:
        self.events = {} if events is None else events
        self.documents = {} if documents is None else documents
        self.outage = outage or Outage()
        self._clock = clock

    async def take(self, event_id: str, incoming: str = "") -> Claim | None:
        self.outage.check()
        base = self.events.get(post_of(event_id))
        if base is not None and base.gone:
            return None
        old = self.events.get(event_id)
        owner = uuid4().hex
        lease = self._clock() + LEASE
        if old is None:
            claim = Claim(event_id, owner)
            self.events[event_id] = Event(claim, incoming, lease)
            return claim
        if old.settled:
            return None
        if old.lease > self._clock():
            raise Busy(old.lease - self._clock())
        kept = old.incoming or incoming
        claim = replace(old.claim, owner=owner, attempt=old.claim.attempt + 1, incoming=kept)
        self.events[event_id] = replace(
            old, claim=claim, incoming=kept, lease=lease, requeued=0.0, waits=False
        )
        return claim

    async def renew(self, claim: Claim) -> bool:
        event = self._ours(claim)
        self.events[claim.event_id] = replace(event, lease=self._clock() + LEASE)
        return event.stop

    async def posted(self, claim: Claim, message_ids: Sequence[MessageId]) -> None:
        event = self._ours(claim)
        kept = replace(event.claim, message_ids=tuple(message_ids))
        self.events[claim.event_id] = replace(event, claim=kept)

    async def release(self, claim: Claim, incoming: str, *, anew: bool) -> None:
        event = self._ours(claim)
        left = replace(claim, attempt=1) if anew else claim
        kept = replace(event.claim, attempt=left.attempt)
        self.events[claim.event_id] = replace(event, claim=kept, incoming=incoming, lease=0.0)

    async def await_documents(
        self,
        claim: Claim,
        incoming: str,
        message_ids: Sequence[MessageId],
        documents: Sequence[DocumentId],
    ) -> Wait:
        event = self._ours(claim)
        since, number = (claim.wait.since, claim.wait.number) if claim.wait else (self._clock(), 0)
        wait = Wait(tuple(documents), since, number + 1)
        kept = replace(event.claim, owner="", attempt=0, message_ids=tuple(message_ids), wait=wait)
        self.events[claim.event_id] = replace(
            event, claim=kept, incoming=incoming, lease=0.0, waits=True
        )
        return wait

    async def stopping(self, event_id: str) -> bool:
        self.outage.check()
        event = self.events.get(event_id)
        return event is not None and event.stop and not event.settled

    async def complete(self, claim: Claim) -> None:
        event = self._ours(claim, settled=True)
        self.events[claim.event_id] = replace(event, settled=True)

    async def withdraw(self, event_id: str) -> Sequence[MessageId]:
        self.outage.check()
        post = post_of(event_id)
        over = Event(Claim(post, ""), NOTHING, 0.0)
        runs = [each for each in self.events if post_of(each) == post] or [post]
        answers = list[MessageId]()
        for each in runs:
            old = self.events.get(each, over)
            kept = replace(old.claim, owner="", incoming=NOTHING)
            answers += kept.message_ids
            self.events[each] = replace(
                old, claim=kept, incoming=NOTHING, settled=True, gone=True, lease=0.0
            )
        return answers

    async def stop(self, event_id: str) -> bool:
        self.outage.check()
        event = self.events.get(event_id)
        if event is None or event.settled:
            return False
        self.events[event_id] = replace(event, stop=True)
        return True

    async def read(self, event_id: str) -> Record | None:
        self.outage.check()
        event = self.events.get(event_id)
        if event is None:
            return None
        return Record(event_id, event.incoming, event.claim.message_ids, event.settled, event.lease)

    async def orphans(self) -> Sequence[Orphan]:
        self.outage.check()
        return [
            Orphan(event.claim, event.incoming)
            for event in sorted(self.events.values(), key=lambda event: event.lease)
            if not event.settled and event.lease < self._clock() - ORPHANED and not event.requeued
            if not event.waits or self._should_continue(event)
        ]

    def _should_continue(self, event: Event) -> bool:
        wait = event.claim.wait
        now = self._clock()
        return wait is not None and goes_on_at(wait, self.documents, now) <= now - RESUMED

    async def requeued(self, event_id: str) -> None:
        self.outage.check()
        event = self.events[event_id]
        self.events[event_id] = replace(event, requeued=self._clock())

    async def ignore(self, event_id: str) -> None:
        self.outage.check()
        event = self.events.get(event_id)
        if event is not None and event.lease <= self._clock():
            self.events[event_id] = replace(event, settled=True, incoming=NOTHING)

    def _ours(self, claim: Claim, *, settled: bool = False) -> Event:
        self.outage.check()
        event = self.events[claim.event_id]
        if event.gone:
            raise Withdrawn(claim.event_id)
        if event.claim.owner != claim.owner or (event.settled and not settled):
            raise LeaseLost(claim.event_id)
        return event


class FakeWaits:
    """Those of the events that wait."""

    def __init__(self, claims: FakeClaims) -> None:
        self._claims = claims

    async def waiting_for(self, document: DocumentId) -> Sequence[Waiting]:
        found = await self.read(self._claims.events)
        return [each for each in found.values() if document in each.wait.documents]

    async def read(self, event_ids: Collection[str]) -> Mapping[str, Waiting]:
        self._claims.outage.check()
        found = {each: self._claims.events[each] for each in event_ids}
        return {
            event_id: Waiting(event_id, event.incoming, event.claim.message_ids, event.claim.wait)
            for event_id, event in found.items()
            if event.waits and not event.settled and event.claim.wait is not None
        }


class FakeHistory:
    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.kept: dict[str, dict[str, tuple[Message, Message, Usage]]] = defaultdict(dict)
        self.quoted: dict[tuple[str, str], Quoted | None] = {}
        """By conversation, then by post."""
        self.gone: set[tuple[str, str]] = set()

    async def recent(self, conversation: str, tokens: int) -> Sequence[Exchange]:
        self.outage.check()
        newest: list[Exchange] = []
        exchanges = self.kept[conversation]
        for post in sorted(exchanges, key=_posted, reverse=True):
            question, answer, _ = exchanges[post]
            tokens -= estimate(question.text) + estimate(answer.text)
            if tokens < 0:
                break
            newest.append(Exchange(question, answer, self.quoted[conversation, post]))
        gone = [Message("user", "", "", each) for where, each in self.gone if where == conversation]
        forgotten = (Exchange(each, Message("assistant", ""), forgotten=True) for each in gone)
        return [*forgotten, *newest[::-1]]

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
        self.outage.check()
        if (conversation, question.message_id) not in self.gone:
            self.kept[conversation][post_of(event_id)] = (question, answer, usage)
            self.quoted[conversation, post_of(event_id)] = quoted

    async def forget(self, conversation: str, message_id: str) -> None:
        self.outage.check()
        self.gone.add((conversation, message_id))
        posts = self.kept[conversation]
        for post in [each for each in posts if posts[each][0].message_id == message_id]:
            del posts[post]

    async def forget_quoting(self, document: DocumentId) -> None:
        self.outage.check()
        for (conversation, post), quoted in [*self.quoted.items()]:
            if (
                quoted is not None
                and document in quoted.documents
                and post in self.kept[conversation]
            ):
                await self.forget(conversation, self.kept[conversation][post][0].message_id)


def _posted(post: str) -> str:
    return sortable(post.rpartition("/")[2])


class FakePlaceSettings:
    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.models: dict[str, str] = {}
        self.autos: dict[str, bool] = {}

    async def model(self, place: str) -> str | None:
        self.outage.check()
        return self.models.get(place)

    async def choose_model(self, place: str, model: str) -> None:
        self.outage.check()
        self.models[place] = model

    async def auto(self, place: str) -> bool:
        self.outage.check()
        return self.autos.get(place, True)

    async def choose_auto(self, place: str, on: bool) -> None:
        self.outage.check()
        self.autos[place] = on


class FakeFeedback:
    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.ratings: dict[tuple[str, str], str] = {}
        """By event and person."""

    async def rate(self, event_id: str, person: str, value: str) -> None:
        self.outage.check()
        self.ratings[event_id, person] = value


class FakeTurns:
    """Keeps in `items` what was put, duplicates dropped."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.items: list[Incoming | Command] = []
        self._seen: set[tuple[str, str]] = set()

    def enqueue_blocking(self, item: Incoming | Command, *, dedup_suffix: str = "") -> None:
        self.outage.check()
        if (item.event_id, dedup_suffix) not in self._seen:
            self._seen.add((item.event_id, dedup_suffix))
            self.items.append(item)

    async def enqueue(
        self, item: Incoming | Command, *, dedup_suffix: str = "", ordering_group: str = ""
    ) -> None:
        self.enqueue_blocking(item, dedup_suffix=dedup_suffix)

    async def withdraw(self, event_id: str) -> None:
        self.outage.check()
        self.items = [each for each in self.items if post_of(each.event_id) != post_of(event_id)]
