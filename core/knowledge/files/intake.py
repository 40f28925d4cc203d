"""Stores the files attached to a message, and looks up how far they are.

The ingester takes over at the bucket, and its progress is read from the manifest; nobody waits for
it here (`core.turn.continuation`). If another worker repeats this for the same message, it
continues where the first one stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from core.knowledge.files.overdue import overdue, tries
from core.knowledge.files.transfer import Fetcher, reason_of
from core.knowledge.files.waiting import ENDED, unread
from core.ports.chat import Chat, ChatError, Forbidden, RateLimited, Unreachable
from core.ports.documents import FileEvents, Manifest, Vault
from core.runtime.tasks import retrying, together
from core.values.conversation import Attachment, Incoming
from core.values.documents import Document, DocumentId, State, key_of
from core.wording import user_messages
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)

AT_ONCE = 3
"""Files of one message fetched concurrently."""
LOOK = 1.0
"""Seconds between reads of the manifest while a file is read again."""
PATIENCE = (0.5, 1.0, 2.0)
"""Seconds between attempts to list a message's files."""
LONGEST_WAIT = 10.0
RENEWAL = 20.0
"""Seconds that an answer waits for files that are read again."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The searchable files of a message, sentences about those that could not be read, and the
    files that the ingester has yet to read."""

    documents: tuple[Document, ...] = ()
    unread: tuple[str, ...] = ()
    waiting: tuple[Document, ...] = ()


class Sharing:
    """Stores and follows files. One instance per process.

    `limit` is the size limit of a file in bytes. `now` returns seconds since the epoch.
    """

    def __init__(
        self,
        vault: Vault,
        manifest: Manifest,
        file_events: FileEvents,
        *,
        limit: int,
        clock: Callable[[], float],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vault = vault
        self._manifest = manifest
        self._file_events = file_events
        self._fetcher = Fetcher(vault, manifest, limit=limit, clock=clock, sleep=sleep)
        self._clock = clock
        self._now = now
        self._sleep = sleep

    async def take(self, question: Incoming, chat: Chat, status: Callable[[str], None]) -> Shared:
        """Store a question's files, and say how far each is. Raises StoreError.

        A question that has waited for its files stored them before: what became of them stands.
        """
        place = question.conversation.place
        ids = [DocumentId(place, each.id) for each in question.attachments]
        if not question.waited:
            await self._store(question, chat, status)
        found = await self._manifest.get(ids)
        waiting = unread(ids, found)
        for each in waiting:
            await self._hurried(each)
        if waiting:
            status("\n".join(user_messages.reading(each) for each in waiting))
        ended = [found[each] for each in ids if each in found and found[each] not in waiting]
        return Shared(
            tuple(each for each in ended if each.version),
            tuple(_unread(each) for each in ended if not each.version),
            tuple(waiting),
        )

    async def _store(self, question: Incoming, chat: Chat, status: Callable[[str], None]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        if not question.person.name:
            person = replace(question.person, name=await chat.name(question.person))
            question = replace(question, person=person)

        async def one(attachment: Attachment) -> None:
            async with slots:
                await self._keep_one(question, attachment, chat, status)

        await together(*(one(each) for each in question.attachments))

    async def _keep_one(
        self, question: Incoming, attachment: Attachment, chat: Chat, status: Callable[[str], None]
    ) -> None:
        """Stream one file into the bucket, unless it is there already."""
        place = question.conversation.place
        document = DocumentId(place, attachment.id)
        known = (await self._manifest.get([document])).get(document)
        told = known is not None and known.origins in ((), attachment.origins)
        there = known is not None and told and await self._done(known, question.message_id)
        if known is not None and there and known.message == question.message_id:
            return
        try:
            attachment = await self._fetcher.described(attachment, chat)
            if known is not None and there and await self._fetcher.is_same(known, attachment, chat):
                return
        except ChatError as exc:
            if there and isinstance(exc, RateLimited | Unreachable):
                return
            await self._manifest.register(self._row(document, question, attachment))
            await self._manifest.refuse(document, reason_of(exc))
            return
        status(user_messages.fetching(attachment.name))
        row = self._row(document, question, attachment)
        if known is not None and there and not known.origins:
            row = replace(row, origins=())  # it is shared here, not only linked to
        await self._fetcher.fetch(row, attachment, chat)

    async def renewed(
        self, documents: Sequence[Document], chat: Chat, status: Callable[[str], None]
    ) -> Sequence[Document]:
        """Read changed files again, and return those that are ready in time.

        Files that cannot be fetched stay as they were. Raises StoreError.
        """
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(document: Document) -> bool:
            async with slots:
                status(user_messages.fetching(document.name))
                return await self._fetcher.fetch_anew(document, chat, self._now)

        fetched = await together(*map(one, documents))
        waiting = {e.id: e for e, done in zip(documents, fetched, strict=True) if done}
        ready: list[Document] = []
        until = self._clock() + RENEWAL
        while waiting and self._clock() < until:
            for row in (await self._manifest.get(waiting)).values():
                if row.seen != waiting[row.id].seen and row.state in ENDED:
                    del waiting[row.id]
                    ready += [row] if row.version else []
                else:
                    status(user_messages.reading(row))
            if waiting:
                await self._sleep(LOOK)
        return ready

    async def forget(self, document: Document) -> Sequence[Document]:
        """Forget a file in all places where it was shared; returns the documents as they were."""
        tenant = document.id.place.rpartition("/")[0]
        rows = await self._manifest.of_file(tenant, document.id.file) or [document]
        for each in rows:
            await self._manifest.forget(each.id)
            await self._vault.forget(f"{each.id.place}/{each.id.file}/")
        return rows

    async def _done(self, known: Document, message_id: str) -> bool:
        """Whether a file is stored, or was forgotten after it was shared with this message."""
        if known.state in (State.FAILED, State.DELETED):
            return known.forgotten and known.message == message_id
        return bool(known.seen) or await self._vault.has(known.key)

    async def _hurried(self, row: Document) -> None:
        """Queue a file again that no ingester is reading."""
        now = self._now()
        if overdue(row, now) and await self._manifest.take_up(row, tries(row, now)):
            log.warning("a file is queued anew: nobody reads it")
            await self._file_events.written(row)

    def _row(self, document: DocumentId, question: Incoming, attachment: Attachment) -> Document:
        return Document(
            document,
            attachment.name or phrase("file.unnamed"),
            key_of(document.place, document.file, attachment.name or "file"),
            size=attachment.size,
            sharer=question.person.name,
            sharer_id=question.person.id,
            shared_at=self._now(),
            link=attachment.link,
            message=question.message_id,
            media_type=attachment.media_type,
            origins=attachment.origins,
            thread=question.conversation.thread or "-",
            source=attachment.source,
            source_version=attachment.version,
        )


async def completed(
    question: Incoming, chat: Chat, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> tuple[Incoming, str]:
    """The question with all its files, and a sentence for people if these could not be listed."""
    if not question.files_unresolved:
        return question, ""

    def pause(exc: Exception, delay: float) -> float:
        return min(exc.retry_after, LONGEST_WAIT) if isinstance(exc, RateLimited) else delay

    try:
        passing = (RateLimited, Unreachable)
        known = await retrying(
            lambda: chat.completed(question), PATIENCE, passing, sleep, pause=pause
        )
        return known, ""
    except ChatError as exc:
        log.warning("a message's files are not known: %s", type(exc).__name__)
        return question, user_messages.unseen(exc.needs if isinstance(exc, Forbidden) else "")


def _unread(document: Document) -> str:
    reason = document.reason if document.state is not State.DELETED else "gone"
    return user_messages.not_read(document.name, reason)
