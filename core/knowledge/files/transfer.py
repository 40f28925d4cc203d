"""A file from its platform into the bucket, and whether it is there as the platform has it now."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from hashlib import sha256

from core.ports.chat import Chat, ChatError, Forbidden, Gone, RateLimited, Unreachable
from core.ports.documents import Manifest, SharerNotAllowed, TooLarge, Vault
from core.values.conversation import Attachment
from core.values.documents import Document, DocumentId, State

log = logging.getLogger(__name__)

TRIES = 4
GRACE = 30.0
SLOWEST = 20_000
"""Bytes a second, on average after `GRACE` seconds, below which a download is given up."""
LONGEST = 900.0
"""Seconds of one download."""
EDITABLE = 1024**2
"""Bytes up to which a file is compared by its content: people edit no larger ones at a platform."""


class Fetcher:
    """`limit` is the most bytes of a file."""

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
        """A file with its name, size and address. Raises ChatError."""
        for attempt in range(TRIES - 1):
            try:
                return await chat.described(attachment)
            except (RateLimited, Unreachable) as exc:
                await self._sleep(_wait(exc, attempt))
        return await chat.described(attachment)

    async def fetch(self, row: Document, attachment: Attachment, chat: Chat) -> str:
        """Registers a file and stores it. Returns its digest, empty where it could not be had: the
        row then says why. Raises StoreError."""
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
        """Stores a file as its store has it now; where that cannot be had, it stays as it was."""
        try:
            attachment = await chat.current(known)
        except ChatError as exc:
            log.warning("a file is not read anew: %s", type(exc).__name__)
            return False
        # until the bytes are stored nobody may take the old ones for the new version
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
        """Whether a file still has the name and bytes that are known. Raises ChatError.

        Slack lets people edit snippets, which are small; of a larger file the size is compared.
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
        """Whether the file or its post was deleted while the file was on its way, or before."""
        if await self._manifest.has_tombstone(document.place, message_id):
            return True
        known = (await self._manifest.get([document])).get(document)
        return known is None or known.forgotten

    async def _stored(self, key: str, attachment: Attachment, chat: Chat) -> tuple[str, str]:
        """Why a file could not be stored, empty if it is; and its digest."""
        for attempt in range(TRIES):
            digest = sha256()
            pieces = _hashed(self._paced(chat.open(attachment)), digest.update)
            try:
                await self._vault.store(key, pieces, attachment.media_type, self._limit)
            except TooLarge:
                return "too_large", ""
            except (RateLimited, Unreachable) as exc:
                log.warning("a file was not fetched: %s", type(exc).__name__)
                await self._sleep(_wait(exc, attempt))
            except ChatError as exc:
                return reason_of(exc), ""
            else:
                return "", digest.hexdigest()
        return "unreachable", ""

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
    """Why a file could not be had, as its row says it."""
    match exc:
        case SharerNotAllowed():
            return "not_theirs"
        case Gone():
            return "gone"
        case Forbidden():
            return f"forbidden {exc.needs}".rstrip()
        case _:
            return "unreachable"


def _wait(exc: ChatError, attempt: int) -> float:
    """Seconds until the next try."""
    return exc.retry_after if isinstance(exc, RateLimited) else 2.0**attempt
