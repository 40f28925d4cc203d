"""Checks before files are quoted that the platform still has them unchanged.

A file that was deleted there is forgotten, as if an event had said so. A file that has changed is
read again, and the answer says so. If the platform does not answer, the answer names the date of
the version that it quotes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from core.knowledge.files.intake import Sharing
from core.ports.chat import Chat, ChatError, Forbidden
from core.ports.file_sources import Freshness
from core.ports.history import History
from core.values.documents import Document, DocumentId, Passage, State
from core.wording import user_messages
from core.wording.dates import day

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a platform may take to report the freshness of files."""
AT_ONCE = 20
"""Files that are checked before it is known whether they will be quoted."""

States = Mapping[DocumentId, Freshness]
Search = Callable[[Collection[DocumentId]], Awaitable[Sequence[Passage]]]


@dataclass(frozen=True, slots=True)
class Quotable:
    """The passages that may be quoted, sentences about changed files, and the deleted documents."""

    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    gone: frozenset[DocumentId]


class Originals:
    """Checks files at their platforms. One instance per process."""

    def __init__(self, sharing: Sharing, history: History) -> None:
        self._sharing = sharing
        self._history = history

    async def look(self, documents: Collection[Document], chat: Chat) -> States:
        """The freshness of files, `UNKNOWN` if the platform does not answer in time."""
        if not documents:
            return {}
        try:
            async with asyncio.timeout(PATIENCE):
                return await chat.freshness(documents)
        except Forbidden as exc:
            log.info("files are quoted as they were read: %s", exc)
            return {}
        except (ChatError, TimeoutError) as exc:
            log.warning("a store does not say how files are: %s", type(exc).__name__)
            return {each.id: Freshness.UNKNOWN for each in documents if each.source}

    async def quotable(
        self,
        passages: Sequence[Passage],
        known: tuple[Collection[Document], States],
        chat: Chat,
        status: Callable[[str], None],
        search: Search,
    ) -> Quotable:
        """The passages that may be quoted, after deleted files are forgotten and changed ones read.

        `known` are the place's files with the freshness of some, `search` looks the question up in
        some documents only. Raises StoreError or ModelError.
        """
        here, states = known
        documents = {each.document.id: each.document for each in passages}
        rest = [each for key, each in documents.items() if key not in states]
        states = {**states, **await self.look(rest, chat)}
        gone = {e.id: e for e in (*here, *documents.values()) if _is(e, Freshness.GONE, states)}
        await self._forget(gone.values())
        changed = [each for each in documents.values() if _is(each, Freshness.CHANGED, states)]
        reading = [e for e in documents.values() if _is_read_anew(e) and e not in changed]
        ready = await self._sharing.renewed(changed, chat, status) if changed else ()
        fresh = {each.id for each in ready}
        notes = [
            user_messages.answered_from_new(each.name)
            if each.id in fresh
            else user_messages.new_not_read(each.name)
            for each in (*changed, *reading)
        ]
        unsure = [e for e in documents.values() if _is(e, Freshness.UNKNOWN, states)]
        if unsure:
            notes.append(user_messages.not_checked((e.name, day(e.shared_at)) for e in unsure))
        left_out = {*gone, *(each.id for each in (*changed, *reading))}
        kept = [each for each in passages if each.document.id not in left_out]
        found = await search(fresh) if fresh else ()
        return Quotable((*kept, *found), tuple(notes), frozenset(gone))

    async def _forget(self, documents: Collection[Document]) -> None:
        """Forget files deleted on their platform, with exchanges that began with or quote them."""
        for each in documents:
            log.info("a file is forgotten: it is gone at its store")
            for row in await self._sharing.forget(each):
                await self._history.forget_quoting(row.id)
                threads = (row.thread,) if row.thread else (row.message, "-")
                for thread in threads if row.message else ():
                    await self._history.forget(f"{row.id.place}/{thread}", row.message)


def _is(document: Document, state: Freshness, states: States) -> bool:
    return states.get(document.id) is state


def _is_read_anew(document: Document) -> bool:
    """Whether the searchable version is outdated because a newer one is being read."""
    ended = document.state in (State.READY, State.FAILED, State.DELETED)
    return bool(document.source) and not ended
