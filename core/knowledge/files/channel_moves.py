"""Moves a channel's files and settings when the channel gets a new id.

Slack gives a private channel a new, permanent id when it is shared with another company.
https://docs.slack.dev/reference/events/channel_id_changed
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from core.ports.documents import Manifest, Missing, Vault
from core.ports.place_settings import PlaceSettings
from core.values.conversation import Command
from core.values.documents import Document, DocumentId, State, key_of

log = logging.getLogger(__name__)

MOST = 2_000
"""The most files of a channel that are moved."""
PIECE = 1024**2


class Rehoming:
    """Moves channels. One instance per process. `limit` is the size limit of a file in bytes."""

    def __init__(
        self, manifest: Manifest, vault: Vault, settings: PlaceSettings, *, limit: int
    ) -> None:
        self._manifest = manifest
        self._vault = vault
        self._settings = settings
        self._limit = limit

    async def rehome(self, command: Command) -> None:
        """Move everything to the channel named by `argument`. Idempotent. Raises StoreError.

        Files are copied within the bucket and read again there. Exchanges stay under the old id,
        where nobody sees them: the channel's threads still contain them.
        """
        old = command.conversation.place
        new = replace(command.conversation, channel=command.argument).place
        model = await self._settings.model(old)
        if model and not await self._settings.model(new):
            await self._settings.choose_model(new, model)
        if not await self._settings.auto(old):
            await self._settings.choose_auto(new, on=False)
        documents = await self._manifest.of_place(old, MOST)
        for each in documents:
            await self._move(each, new)
        log.info("%d files went along to a channel's new id", len(documents))

    async def _move(self, document: Document, place: str) -> None:
        there = DocumentId(place, document.id.file)
        known = (await self._manifest.get([there])).get(there)
        if known is None or known.state is State.DELETED or not known.seen:
            key = key_of(place, document.id.file, document.name)
            await self._manifest.register(replace(document, id=there, key=key))
            try:
                await self._copy(document, key)
            except Missing:
                await self._manifest.refuse(there, "gone")
            await self._manifest.fetched(there, document.digest)
        await self._manifest.forget(document.id)
        await self._vault.forget(f"{document.id.place}/{document.id.file}/")

    async def _copy(self, document: Document, key: str) -> None:
        with TemporaryDirectory(prefix="parley-") as folder:
            path = Path(folder) / "file"
            await self._vault.fetch(document.key, path, self._limit)
            await self._vault.store(key, _pieces(path), document.media_type, self._limit)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
