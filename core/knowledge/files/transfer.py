"""Transfers files from a platform into the bucket, and checks whether a stored one is current."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from hashlib import sha256

from core.ports.chat import Chat, ChatError, Forbidden, Gone, RateLimited, Unreachable
from core.ports.documents import Manifest, SharerNotAllowed, TooLarge, Vault
from core.runtime.tasks import retrying
from core.values.conversation import Attachment
from core.values.documents import Document, DocumentId, State

log = logging.getLogger(__name__)

DELAYS = (1.0, 2.0, 4.0)
"""Seconds between tries of a platform that does not answer."""
PASSING = (RateLimited, Unreachable)
GRACE = 30.0
SLOWEST = 20_000
"""The slowest average in bytes per second that a download may have after `GRACE` seconds."""
LONGEST = 900.0
"""The longest download in seconds."""
EDITABLE = 1024**2
"""Files up to this size in bytes are compared by content, as people cannot edit larger ones."""


class Fetcher:
    """Fetches files. `limit` is the size limit of a file in bytes."""

    def __init__(
        self,
        vault: Vault,
        manifest: Manifest,
        *,
        limit: int,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._vault = vault
        self._manifest = manifest
        self._limit = limit
        self._clock = clock
        self._sleep = sleep

    async def described(self, attachment: Attachment, chat: Chat) -> Attachment:
        """Resolve a file's name, size and URL, with retries. Raises ChatError."""
        return await retrying(
            lambda: chat.described(attachment), DELAYS, PASSING, self._sleep, pause=_pause
        )

    async def fetch(self, row: Document, attachment: Attachment, chat: Chat) -> str:
        """Register and store a file, and return its digest. Raises StoreError.

        The digest is empty if the file could not be fetched; the manifest then has the reason.
        """
        await self._manifest.register(row)
        reason, digest = "too_large", ""
        if attachment.size <= self._limit:
            reason, digest = await self._stored(row.key, attachment, chat)
        if reason:
            await self._manifest.refuse(row.id, reason)
            return ""
        await self._manifest.fetched(row.id, digest)
        await self._vault.forget(f"{row.id.place}/{row.id.file}/", keep=row.key)
        if await self._went(row.id, row.message):
            await self._manifest.forget(row.id)
            await self._vault.forget(f"{row.id.place}/{row.id.file}/")
        return digest

    async def fetch_anew(self, known: Document, chat: Chat, now: Callable[[], float]) -> bool:
        """Store a file's current version; False if it cannot be fetched, and the old one stays."""
        try:
            attachment = await chat.current(known)
        except ChatError as exc:
            log.warning("a file is not read anew: %s", type(exc).__name__)
            return False
        # until the new bytes are stored, the old ones must not count as the new version
        pending = replace(known, source_version="", state=State.RECEIVED)
        await self._manifest.sourced(pending, state=pending.state)
        reason, digest = "too_large", ""
        if attachment.size <= self._limit:
            reason, digest = await self._stored(known.key, attachment, chat)
        if reason:
            await self._manifest.sourced(known, state=known.state)
            return False
        size, version = attachment.size, attachment.version
        row = replace(known, size=size, source=attachment.source, source_version=version)
        await self._manifest.sourced(replace(row, digest=digest, shared_at=now()))
        return True

    async def is_same(self, known: Document, attachment: Attachment, chat: Chat) -> bool:
        """Whether a file still has its known name and content. Raises ChatError.

        In Slack, people can edit snippets, which are small; larger files are compared by size.
        https://slack.com/help/articles/204145658-Create-or-paste-code-snippets-in-Slack
        """
        if attachment.name not in ("", known.name):
            return False
        if attachment.version and known.source_version:
            return attachment.version == known.source_version
        if attachment.size > EDITABLE:
            return attachment.size == known.size
        digest, size = sha256(), 0
        async for piece in self._paced(chat.open(attachment)):
            size += len(piece)
            if size > EDITABLE:
                return False
            digest.update(piece)
        return digest.hexdigest() == known.digest

    async def _went(self, document: DocumentId, message_id: str) -> bool:
        """Whether the file or its message was deleted before the transfer ended."""
        if await self._manifest.has_tombstone(document.place, message_id):
            return True
        known = (await self._manifest.get([document])).get(document)
        return known is None or known.forgotten

    async def _stored(self, key: str, attachment: Attachment, chat: Chat) -> tuple[str, str]:
        """Store a file; returns the reason if that failed, else empty, and the digest."""

        async def once() -> str:
            digest = sha256()
            pieces = _hashed(self._paced(chat.open(attachment)), digest.update)
            await self._vault.store(key, pieces, attachment.media_type, self._limit)
            return digest.hexdigest()

        def pause(exc: Exception, delay: float) -> float:
            log.warning("a file was not fetched: %s", type(exc).__name__)
            return _pause(exc, delay)

        try:
            return "", await retrying(once, DELAYS, PASSING, self._sleep, pause=pause)
        except TooLarge:
            return "too_large", ""
        except ChatError as exc:
            return reason_of(exc), ""

    async def _paced(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        began, size = self._clock(), 0
        async for piece in pieces:
            size += len(piece)
            took = self._clock() - began
            if took > LONGEST or (took > GRACE and size < took * SLOWEST):
                raise Unreachable("too slow")
            yield piece


async def _hashed(
    pieces: AsyncIterator[bytes], update: Callable[[bytes], None]
) -> AsyncIterator[bytes]:
    async for piece in pieces:
        update(piece)
        yield piece


def reason_of(exc: ChatError) -> str:
    """The reason for the manifest why a file could not be fetched."""
    match exc:
        case SharerNotAllowed():
            return "not_theirs"
        case Gone():
            return "gone"
        case Forbidden():
            return f"forbidden {exc.needs}".rstrip()
        case _:
            return "unreachable"


def _pause(exc: Exception, delay: float) -> float:
    """Seconds until the next try."""
    return exc.retry_after if isinstance(exc, RateLimited) else delay
