"""Access to the files of a Teams conversation, each with the right token and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

import aiohttp

from bots.teams.api.downloads import Bearer, download, is_shared_store
from bots.teams.api.hosts import Hosts
from bots.teams.api.tokens import CONNECTOR, Tokens
from bots.teams.graph.drives import Drives, Folder
from bots.teams.graph.shares import ITEM, SHARE
from core.ports.chat import Forbidden
from core.ports.file_sources import Freshness
from core.values.conversation import Attachment
from core.values.documents import Document, DocumentId


@dataclass(frozen=True, slots=True)
class Files:
    """Files of a conversation. `extra` is the turn's: who asks, and which connector is theirs."""

    drives: Drives
    tokens: Tokens
    hosts: Hosts
    http: aiohttp.ClientSession
    extra: Mapping[str, str]

    async def described(self, attachment: Attachment, folder: Folder) -> Attachment:
        """Return a file with its current size and type, under the name in its message, if its
        sharer may open it. Raises ChatError."""
        sharer = self.extra.get("aad", "")
        if attachment.url.startswith(SHARE):
            return await self.drives.described(attachment, sharer, folder)
        return await self.drives.noted(attachment, sharer)

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """Compare the Teams files among documents with what was read of them."""
        ours = [each for each in documents if each.id.place.startswith("teams/")]
        return await self.drives.freshness(ours)

    async def current(self, document: Document, folder: Folder) -> Attachment:
        """Return a document's file in its current state. Raises ChatError."""
        return await self.drives.current(document, folder)

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Download a picture from the connector with our token, or a personal chat's file from its
        store."""
        url, service = attachment.url, f"{self.extra.get('service_url', '').rstrip('/')}/"
        if url.startswith(ITEM):
            async for piece in self.drives.content(attachment):
                yield piece
            return
        bearer: Bearer | None = None
        if len(service) > 1 and url.startswith(service) and self.hosts.allow(url):
            bearer = Bearer(self.tokens, CONNECTOR)
        elif not is_shared_store(url, self.drives.url):
            raise Forbidden("neither Teams' nor SharePoint's")
        async for piece in download(self.http, attachment, url, self.drives.url, bearer):
            yield piece
