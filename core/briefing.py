"""What goes into a prompt: what was said, what is known, what came with the question."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from core import digest, prompt, sentences
from core.answer import Exchange, Prompt, Turn
from core.audience import Audience
from core.conversation import NOTHING_QUOTED, Conversation, Incoming, Quoted, Scope
from core.documents import Document, Passage, State, quoted
from core.follow_up import standing_alone
from core.history import History
from core.models import MODELS
from core.passages import files_block, passages_block
from core.ports import (
    Chat,
    ChatError,
    Forbidden,
    Gone,
    Model,
    ModelError,
    PlaceSettings,
    StoreError,
)
from core.recall import Recalled, documents_of, recalled
from core.sharing import Sharing
from core.stores import Library, Manifest
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
    quoted: Quoted = NOTHING_QUOTED
    """What the prompt has of documents, itself or in earlier answers."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What documents are reached by. A process without an index has none."""

    library: Library
    manifest: Manifest
    sharing: Sharing


class Briefing:
    """One for a process."""

    def __init__(
        self,
        model: Model,
        history: History,
        settings: PlaceSettings,
        knowledge: Knowledge | None,
        audience: Audience,
        *,
        default_model: str,
        today: Callable[[], date],
    ) -> None:
        self._model = model
        self._history = history
        self._settings = settings
        self._knowledge = knowledge
        self._audience = audience
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
        if await self.refused(question, chat):
            return None
        if question.partial:
            try:
                question = await chat.completed(question)
            except (Forbidden, Gone) as exc:
                log.info("a message's files are not known: %s", type(exc).__name__)
        return question if question.attachments else None

    async def refused(self, question: Incoming, chat: Chat) -> str:
        """Why somebody is not answered at all; empty if they are."""
        refused = await self._audience.refuses(question.person, chat)
        return sentences.OUTSIDE if refused else ""

    async def of(
        self, question: Incoming, chat: Chat, live: Shows, thread: Sequence[Turn]
    ) -> Brief:
        """All that is asked of the model. Raises StoreError or ModelError."""
        where = question.conversation
        chosen, exchanges, scopes = await asyncio.gather(
            self._settings.model(where.place),
            self._history.recent(question.history, prompt.WINDOW),
            self._audience.of(question.person, where, chat),
        )
        known = await self._recalled(exchanges, where, scopes)
        name = chosen if chosen and chosen in MODELS else self._default_model

        def build(block: str, request: str | None = None) -> Prompt:
            return prompt.build(
                question,
                name,
                known.turns,
                thread,
                self._today(),
                block=block,
                request=request,
                withheld=known.withheld,
            )

        if question.attachments:
            brief = await self._of_files(question, chat, live, name, build, scopes=scopes)
        else:
            before = prompt.merge(question.message_id, known.turns, thread, known.withheld)
            passages, block, notices = await self._looked_up(question, scopes, before)
            made_from = quoted(each.document for each in passages)
            brief = Brief(name, build(block), tuple(passages), notices, made_from)
        return replace(brief, quoted=brief.quoted | known.quoted)

    async def _recalled(
        self, exchanges: Sequence[Exchange], where: Conversation, scopes: frozenset[Scope]
    ) -> Recalled:
        """What was said before, as far as it may be seen now."""
        wanted = documents_of(exchanges)
        known = self._knowledge
        rows = await known.manifest.get(wanted) if known is not None and wanted else {}
        return recalled(exchanges, where, scopes, rows)

    async def _looked_up(
        self, question: Incoming, scopes: frozenset[Scope], before: Sequence[Turn]
    ) -> tuple[Sequence[Passage], str, tuple[str, ...]]:
        """What documents say about a question."""
        if self._knowledge is None:
            return (), "", ()
        try:
            async with asyncio.timeout(PATIENCE):
                (about, passages), known = await asyncio.gather(
                    self._found(question, scopes, before, self._knowledge),
                    self._knowledge.manifest.of_place(question.conversation.place, KNOWN),
                )
        except (StoreError, ModelError, TimeoutError) as exc:
            log.warning("not searched: %s", type(exc).__name__)
            return (), "", (sentences.NO_SEARCH,)
        failed = [each for each in about if each.state is State.FAILED]
        notices = tuple(sentences.not_read(each.name, each.reason) for each in failed)
        known = [each for each in known if each.seen_by(scopes)]
        if not known and not passages:
            return (), "", notices
        return passages, f"{files_block(known)}\n{passages_block(passages)}", notices

    async def _found(
        self,
        question: Incoming,
        scopes: frozenset[Scope],
        before: Sequence[Turn],
        knowledge: Knowledge,
    ) -> tuple[Sequence[Document], Sequence[Passage]]:
        """The documents that this thread is about, and passages: theirs first, then all others."""
        found, text = await asyncio.gather(
            self._thread_documents(question, knowledge),
            standing_alone(question.text, before, self._model),
        )
        about = [each for each in found if each.seen_by(scopes)]
        # a thread's own file is asked about in words that need not be in it
        own = await self._own([each for each in about if each.version], text, scopes, knowledge)
        others = await knowledge.library.search(text, scopes)
        seen = {each.text for each in own}
        return about, [*own, *(each for each in others if each.text not in seen)]

    async def _thread_documents(
        self, question: Incoming, knowledge: Knowledge
    ) -> Sequence[Document]:
        where = question.conversation
        if not where.thread or not question.in_thread:
            return ()
        return await knowledge.manifest.of_message(where.place, where.thread)

    async def _own(
        self,
        documents: Sequence[Document],
        text: str,
        scopes: frozenset[Scope],
        knowledge: Knowledge,
    ) -> Sequence[Passage]:
        if not documents:
            return ()
        whole = await self._whole(documents, knowledge, THREADS)
        if whole is not None:
            return whole
        ids = [each.id for each in documents]
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
        *,
        scopes: frozenset[Scope],
    ) -> Brief:
        """A question about files that came with it, or their summary."""
        knowledge = self._knowledge
        if knowledge is None:
            names = tuple(f"“{sentences.plain(each.name)}”" for each in question.attachments)
            return Brief(name, None, notices=(f"{', '.join(names)}: {sentences.NO_FILES}",))
        if question.private:
            return Brief(name, None, notices=(sentences.PRIVATE_FILES,))
        shared = await knowledge.sharing.take(question, chat, live.status)
        documents = [each for each in shared.documents if each.seen_by(scopes)]
        unread = shared.unread + tuple(
            sentences.not_read(each.name, "forbidden")
            for each in shared.documents
            if each not in documents
        )
        asks = question.addressed and bool(question.text.strip())
        if not documents and not asks:
            return Brief(name, None, notices=unread)
        passages = await self._of_documents(question, documents, live, scopes, asks=asks)
        request = None if asks else digest.ask(documents, await _nearby(chat))
        asked = build(passages_block(passages) if passages else "", request)
        # a summary is of the whole file: it has no need of sources
        sources = tuple(passages) if asks else ()
        return Brief(name, asked, sources, unread, quoted(documents))

    async def _of_documents(
        self,
        question: Incoming,
        documents: Sequence[Document],
        live: Shows,
        scopes: frozenset[Scope],
        *,
        asks: bool,
    ) -> Sequence[Passage]:
        knowledge = self._knowledge
        if knowledge is None or not documents:
            return ()
        whole = await self._whole(documents, knowledge, WHOLE)
        if whole is not None:
            return whole
        ids = [each.id for each in documents]
        if asks:
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
