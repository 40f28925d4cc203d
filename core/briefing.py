"""What goes into a prompt: what was said, what is known, what came with the question."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from core import digest, prompt, sentences
from core.answer import Prompt, Turn
from core.conversation import LIBRARY, Incoming, Scope
from core.documents import Document, Passage, State
from core.follow_up import standing_alone
from core.models import MODELS
from core.passages import files_block, passages_block
from core.ports import (
    Chat,
    ChatError,
    Forbidden,
    Gone,
    History,
    Model,
    ModelError,
    PlaceSettings,
    StoreError,
)
from core.sharing import Sharing
from core.stores import Departures, Library, Manifest
from core.tokens import estimate

log = logging.getLogger(__name__)

WHOLE = 100_000
"""Tokens of documents that go into a prompt whole."""
THREADS = 12_000
"""The same, of the documents that a thread is about."""
PATIENCE = 10.0
"""Seconds that a search may take; the answer then does without."""
NEARBY = 8
KNOWN = 30
"""Files that are named to the model."""


class Shows(Protocol):
    """Where progress is shown while there is no text."""

    def status(self, markdown: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Brief:
    """`prompt` is None where nothing is to be asked: then `notices` are all there is to say.

    `passages` in the order of their numbers in the prompt.
    """

    model: str
    prompt: Prompt | None
    passages: tuple[Passage, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What documents are reached by. A process without an index has none."""

    library: Library
    manifest: Manifest
    sharing: Sharing
    departures: Departures


class Briefing:
    """One for a process."""

    def __init__(
        self,
        model: Model,
        history: History,
        settings: PlaceSettings,
        knowledge: Knowledge | None,
        *,
        default_model: str,
        today: Callable[[], date],
    ) -> None:
        self._model = model
        self._history = history
        self._settings = settings
        self._knowledge = knowledge
        self._default_model = default_model
        self._today = today

    async def wanted(self, question: Incoming, chat: Chat) -> Incoming | None:
        """What is to be answered, None if nothing: files that were only shared may be none of ours.

        Raises StoreError, RateLimited or Unreachable.
        """
        if question.addressed:
            return question
        if self._knowledge is None or not (question.attachments or question.partial):
            return None
        if not await self._settings.auto(question.conversation.place):
            return None
        if question.partial:
            try:
                question = await chat.completed(question)
            except (Forbidden, Gone) as exc:
                log.info("a message's files are not known: %s", type(exc).__name__)
        return question if question.attachments else None

    async def of(
        self, question: Incoming, chat: Chat, live: Shows, thread: Sequence[Turn]
    ) -> Brief:
        """All that is asked of the model. Raises StoreError or ModelError."""
        where = question.conversation
        chosen, history = await asyncio.gather(
            self._settings.model(where.place), self._history.recent(where.key, prompt.WINDOW)
        )
        name = chosen if chosen and chosen in MODELS else self._default_model

        def build(block: str, request: str | None = None) -> Prompt:
            return prompt.build(
                question, name, history, thread, self._today(), block=block, request=request
            )

        if question.attachments:
            return await self._of_files(question, chat, live, name, build)
        before = prompt.merge(question.message_id, history, thread)
        passages, block, notices = await self._looked_up(question, chat, before)
        return Brief(name, build(block), tuple(passages), notices)

    async def _looked_up(
        self, question: Incoming, chat: Chat, before: Sequence[Turn]
    ) -> tuple[Sequence[Passage], str, tuple[str, ...]]:
        """What documents say about a question."""
        if self._knowledge is None:
            return (), "", ()
        try:
            async with asyncio.timeout(PATIENCE):
                (about, passages), known = await asyncio.gather(
                    self._found(question, chat, before, self._knowledge),
                    self._knowledge.manifest.of_place(question.conversation.place, KNOWN),
                )
        except (StoreError, ModelError, TimeoutError) as exc:
            log.warning("not searched: %s", type(exc).__name__)
            return (), "", (sentences.NO_SEARCH,)
        failed = [each for each in about if each.state is State.FAILED]
        notices = tuple(sentences.not_read(each.name, each.reason) for each in failed)
        if not known and not passages:
            return (), "", notices
        return passages, f"{files_block(known)}\n{passages_block(passages)}", notices

    async def _found(
        self, question: Incoming, chat: Chat, before: Sequence[Turn], knowledge: Knowledge
    ) -> tuple[Sequence[Document], Sequence[Passage]]:
        """The documents that this thread is about, and passages: theirs first, then all others."""
        about, scopes, text = await asyncio.gather(
            self._thread_documents(question, knowledge),
            self._audience(question, chat, knowledge),
            standing_alone(question.text, before, self._model),
        )
        # a thread's own file is asked about in words that need not be in it
        own = await self._own([each for each in about if each.version], text, knowledge)
        others = await knowledge.library.search(text, scopes)
        seen = {each.text for each in own}
        return about, [*own, *(each for each in others if each.text not in seen)]

    async def _audience(
        self, question: Incoming, chat: Chat, knowledge: Knowledge
    ) -> frozenset[Scope]:
        """What may be seen, without the places that we left."""
        scopes = await chat.audience(question.person)
        return await still_ours(scopes, question.conversation.scope, knowledge.departures)

    async def _thread_documents(
        self, question: Incoming, knowledge: Knowledge
    ) -> Sequence[Document]:
        where = question.conversation
        if not where.thread or not question.in_thread:
            return ()
        return await knowledge.manifest.of_message(where.place, where.thread)

    async def _own(
        self, documents: Sequence[Document], text: str, knowledge: Knowledge
    ) -> Sequence[Passage]:
        if not documents:
            return ()
        whole = await self._whole(documents, knowledge, THREADS)
        if whole is not None:
            return whole
        ids = [each.id for each in documents]
        scopes = frozenset(each.scope for each in ids)
        return await knowledge.library.search(text, scopes, only=ids, limit=6)

    async def _whole(
        self, documents: Sequence[Document], knowledge: Knowledge, tokens: int
    ) -> Sequence[Passage] | None:
        """All of some documents, None if that is more than `tokens`."""
        if sum(each.chunks for each in documents) * 100 > tokens:
            return None
        read = await asyncio.gather(*(knowledge.library.read(each) for each in documents))
        passages = [passage for each in read for passage in each]
        return passages if sum(estimate(each.text) for each in passages) <= tokens else None

    async def _of_files(
        self,
        question: Incoming,
        chat: Chat,
        live: Shows,
        name: str,
        build: Callable[[str, str | None], Prompt],
    ) -> Brief:
        """A question about files that came with it, or their summary."""
        knowledge = self._knowledge
        if knowledge is None:
            names = tuple(f"“{sentences.plain(each.name)}”" for each in question.attachments)
            return Brief(name, None, notices=(f"{', '.join(names)}: {sentences.NO_FILES}",))
        shared = await knowledge.sharing.take(question, chat, live.status)
        asks = question.addressed and bool(question.text.strip())
        if not shared.documents and not asks:
            return Brief(name, None, notices=shared.unread)
        passages = await self._of_documents(question, shared.documents, live, asks=asks)
        request = None if asks else digest.ask(shared.documents, await _nearby(chat))
        asked = build(passages_block(passages) if passages else "", request)
        # a summary is of the whole file: it has no need of sources
        return Brief(name, asked, tuple(passages) if asks else (), shared.unread)

    async def _of_documents(
        self, question: Incoming, documents: Sequence[Document], live: Shows, *, asks: bool
    ) -> Sequence[Passage]:
        knowledge = self._knowledge
        if knowledge is None or not documents:
            return ()
        whole = await self._whole(documents, knowledge, WHOLE)
        if whole is not None:
            return whole
        ids = [each.id for each in documents]
        if asks:
            scopes = frozenset(each.scope for each in ids)
            return await knowledge.library.search(question.text, scopes, only=ids, limit=20)
        read = await asyncio.gather(*(knowledge.library.read(each) for each in documents))
        whole = [passage for each in read for passage in each]

        def told(done: int, total: int) -> None:
            live.status(sentences.condensing(done, total))

        told(0, len(digest.split(whole, digest.PART)))
        return await digest.condensed(whole, self._model, "haiku", told)


async def _nearby(chat: Chat) -> Sequence[Turn]:
    """What people said lately, to learn the language they use."""
    try:
        return await chat.nearby(NEARBY)
    except ChatError as exc:
        log.warning("the channel was not read: %s", type(exc).__name__)
        return ()


async def still_ours(
    scopes: frozenset[Scope], here: Scope, departures: Departures
) -> frozenset[Scope]:
    """Without the places that we left, be it that we left another one of their team."""
    others = scopes - {here, LIBRARY}
    if not others:
        return scopes
    left = await departures.among(place for each in others for place in _places(each))
    return frozenset(e for e in scopes if e not in others or left.isdisjoint(_places(e)))


def _places(scope: Scope) -> frozenset[str]:
    return scope.within | {scope.prefix}
