"""Looks a question up in documents: in its thread's files first, then in all that may be seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.knowledge.files.intake import Sharing
from core.knowledge.follow_up import standing_alone
from core.knowledge.originals import AT_ONCE, Originals, Search, States
from core.ports.chat import Chat
from core.ports.documents import Manifest
from core.ports.history import History
from core.ports.index import Library
from core.ports.model import Model, ModelError
from core.ports.store_error import StoreError
from core.runtime.tasks import together
from core.turn.prompt.prompt_blocks import files_block, passages_block
from core.values.answer import Message
from core.values.conversation import Incoming, Scope
from core.values.documents import Document, DocumentId, Passage, State
from core.values.tokens import estimate
from core.wording import user_messages
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)

THREADS = 12_000
"""A thread's own documents with up to this many tokens go into a prompt whole."""
PATIENCE = 10.0
"""Seconds that a search may take, before the question is answered without it."""
KNOWN = 30
"""Files whose names are given to the model."""


class Shows(Protocol):
    """Where progress is shown while there is no text."""

    def status(self, markdown: str) -> None:
        """Show a status."""
        ...


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Access to documents, which a process without a search index does not have."""

    library: Library
    manifest: Manifest
    sharing: Sharing


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The result of a lookup.

    `passages` are in the order of their numbers in the prompt. Of the two blocks for the prompt,
    `documents` will be in the next question's prompt as well, `block` may not. The sentences for
    people are about files that could not be read or that have changed.
    """

    passages: tuple[Passage, ...] = ()
    documents: str = ""
    block: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of a search; `search` repeats it in some documents only.

    `about` are the thread's own documents, `whole` all their passages if these fit in a prompt.
    """

    about: Sequence[Document]
    whole: Sequence[Passage]
    passages: Sequence[Passage]
    search: Search


class Lookup:
    """Looks questions up. One instance per process."""

    def __init__(self, knowledge: Knowledge, history: History, model: Model) -> None:
        self._library = knowledge.library
        self._manifest = knowledge.manifest
        self._originals = Originals(knowledge.sharing, history)
        self._model = model

    async def of(
        self,
        question: Incoming,
        chat: Chat,
        live: Shows,
        scopes: frozenset[Scope],
        before: Sequence[Message],
    ) -> LookedUp:
        """Search for passages, and check that their files are current.

        `before` are the earlier turns, which a follow-up question may depend on. A failure or
        timeout of the search ends in a sentence for people.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                found, known = await together(
                    self._found(question, scopes, before), self._known(question, chat)
                )
            quotable = await self._originals.quotable(
                found.passages, known, chat, live.status, found.search
            )
        except (StoreError, ModelError, TimeoutError) as exc:
            log.warning("not searched: %s", type(exc).__name__)
            return LookedUp(notes=(phrase("file.not_searched"),))
        failed = [each for each in found.about if each.state is State.FAILED]
        unread = tuple(user_messages.not_read(each.name, each.reason) for each in failed)
        notes = (*unread, *quotable.notes)
        files = [e for e in known[0] if e.seen_by(scopes) and e.id not in quotable.gone]
        if not files and not quotable.passages:
            return LookedUp(notes=notes)
        texts = {each.text for each in found.whole}
        stay = tuple(each for each in quotable.passages if each.text in texts)
        others = tuple(each for each in quotable.passages if each.text not in texts)
        documents = passages_block(stay) if stay else ""
        block = passages_block(others, 1 + len(stay)) if others or not stay else ""
        return LookedUp((*stay, *others), documents, f"{files_block(files)}\n{block}", notes)

    async def _known(self, question: Incoming, chat: Chat) -> tuple[Sequence[Document], States]:
        """The files of this place, and the freshness of the latest ones."""
        known = await self._manifest.of_place(question.conversation.place, KNOWN)
        return known, await self._originals.look(known[:AT_ONCE], chat)

    async def _found(
        self, question: Incoming, scopes: frozenset[Scope], before: Sequence[Message]
    ) -> _Found:
        """The thread's own documents, and passages: theirs first, then those of all others."""
        found, text = await together(
            self._of_thread(question), standing_alone(question.text, before, self._model)
        )
        about = [each for each in found if each.seen_by(scopes)]
        # questions about a thread's own file need not share words with it
        read = [each for each in about if each.version]
        all_of_it = await whole(read, self._library, THREADS) if read else ()
        own = all_of_it
        if own is None:
            ids = [each.id for each in read]
            own = await self._library.search(text, scopes, only=ids, limit=6)
        others = await self._library.search(text, scopes)
        if own:
            others = [each for each in others if not each.weak]
        seen = {each.text for each in own}
        passages = [*own, *(each for each in others if each.text not in seen)]

        async def search(ids: Collection[DocumentId]) -> Sequence[Passage]:
            return await self._library.search(text, scopes, only=ids)

        return _Found(about, all_of_it or (), passages, search)

    async def _of_thread(self, question: Incoming) -> Sequence[Document]:
        where = question.conversation
        if not where.thread or not question.in_thread:
            return ()
        return await self._manifest.of_message(where.place, where.thread)


async def whole(
    documents: Sequence[Document], library: Library, tokens: int
) -> Sequence[Passage] | None:
    """All passages of some documents, None if they have more than `tokens` tokens."""
    if sum(each.chunks for each in documents) * 100 > tokens:
        return None
    read = await together(*(library.read(each) for each in documents))
    passages = [passage for each in read for passage in each]
    return passages if sum(estimate(each.text) for each in passages) <= tokens else None
