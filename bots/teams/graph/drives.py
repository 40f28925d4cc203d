"""Files in SharePoint and OneDrive, by Graph: their current state, and who may open them.

The app's `Files.Read.All` opens every file of the organisation, whoever writes its URL into a
message. So a file is opened only if it is in its channel's own drive or in its sharer's OneDrive,
or if its permissions name the sharer.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import aiohttp

from bots.teams.api.downloads import Bearer, download, is_shared_store
from bots.teams.api.web import Web, error
from bots.teams.graph.shares import ITEM, SHARE, address_of, freshness_of, is_named, item_of
from bots.wire.fields import list_of, map_of, maps_of, size_of, text_of
from core.ports.chat import ChatError, Forbidden, Gone, RateLimited
from core.ports.documents import SharerNotAllowed
from core.ports.file_sources import Freshness
from core.runtime.tasks import together
from core.values.conversation import Attachment
from core.values.documents import Document, DocumentId

log = logging.getLogger(__name__)

READ_FILES = "need.teams.graph_permission Files.Read.All"
FIELDS = "id,name,size,file,webUrl,eTag,cTag,lastModifiedDateTime,parentReference"
FRESH = 60.0
"""Seconds that a file's state is cached."""
SETTLED = 3600.0
"""Seconds that the id of a person's or channel's drive is cached; it does not change."""
BATCH = 20
"""The most requests in a batch. https://learn.microsoft.com/graph/json-batching"""
SOON = 1.5
"""The longest Retry-After, in seconds, that is waited for within a batch."""
MOST = 5_000
"""The most results in the caches."""

Item = Mapping[str, Any]
Folder = Callable[[], Awaitable[str]]


async def nowhere() -> str:
    """Return no folder: for files that were not shared in a channel."""
    return ""


class Drives:
    """Looks up and downloads files. Methods raise ChatError."""

    def __init__(
        self,
        url: str,
        *,
        web: Web,
        bearer: Bearer,
        http: aiohttp.ClientSession,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.url = url
        self._web = web
        self._bearer = bearer
        self._http = http
        self._clock = clock
        self._sleep = sleep
        self._items: dict[str, tuple[float, Item | None]] = {}
        self._homes: dict[str, tuple[float, str]] = {}

    async def described(self, attachment: Attachment, sharer: str, folder: Folder) -> Attachment:
        """Return a shared file in its current state if its sharer may open it; else raise
        NotTheirs.

        `sharer` is the Entra id of the person who shared it, empty if unknown. `folder` returns the
        channel it was shared in, `teams/{id}/channels/{id}`, empty in a chat.
        """
        item = await self._item(address_of(attachment.url))
        if not await self._may_open(item, attachment, sharer, folder):
            raise SharerNotAllowed("the file is not its sharer's to open")
        return item_of(attachment, item)

    async def noted(self, attachment: Attachment, sharer: str) -> Attachment:
        """Return a file that Teams itself delivered, with its name and size in the store if
        known."""
        if not self._is_kept(attachment.link):
            return attachment
        share = replace(attachment, url=f"{SHARE}{attachment.link}")
        try:
            found = await self.described(share, sharer, nowhere)
        except ChatError as exc:
            log.info("a file's store is not known: %s", type(exc).__name__)
            return attachment
        return replace(attachment, source=found.source, version=found.version)

    async def current(self, document: Document, folder: Folder) -> Attachment:
        """Return a file to be read again. One that was opened for its sharer is identified by its
        item."""
        known = Attachment(document.id.file, document.name, "", 0, document.source, document.link)
        if document.source.startswith(ITEM):
            return item_of(known, await self._item(address_of(document.source)))
        if not self._is_kept(document.link):
            raise Gone("nobody knows where the file is kept")
        url = f"{SHARE}{document.link}"
        again = Attachment(known.id, known.name, "", 0, url, document.link)
        return await self.described(again, document.sharer_id, folder)

    async def content(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Download a described file in pieces."""
        url = f"{self.url}/{address_of(attachment.url)}/content"
        pieces = download(self._http, attachment, url, self.url, self._bearer, needs=READ_FILES)
        async for piece in pieces:
            yield piece

    async def freshness(self, documents: Collection[Document]) -> Mapping[DocumentId, Freshness]:
        """Compare files with what was read of them, in as few batches as possible."""
        places = {each.id: place for each in documents if (place := self._place(each))}
        now = self._clock()
        if len(self._items) > MOST:
            self._items = {k: v for k, v in self._items.items() if now - v[0] < FRESH}
        stale = [e for e in dict.fromkeys(places.values()) if not self._is_fresh(e, now)]
        parts = [stale[n : n + BATCH] for n in range(0, len(stale), BATCH)]
        answers = await together(*map(self._batch, parts))
        failed = {place: why for each in answers for place, why in each.items()}
        return {
            each.id: found
            for each in documents
            if (found := self._freshness(each, places.get(each.id, ""), failed)) is not None
        }

    def _freshness(
        self, document: Document, place: str, failed: Mapping[str, ChatError]
    ) -> Freshness | None:
        """Compare one file; None if nothing is known about it."""
        if not place or isinstance(failed.get(place), Forbidden):
            return None
        _, item = self._items.get(place, (0.0, {}))
        if place in failed or item == {}:
            return Freshness.UNKNOWN if document.source else None
        if item is None and not document.source:
            return None  # only its URL is known, and renaming the file breaks that too
        return freshness_of(document, item)

    def _is_fresh(self, place: str, now: float) -> bool:
        return place in self._items and now - self._items[place][0] < FRESH

    async def _batch(self, places: Sequence[str]) -> Mapping[str, ChatError]:
        """Look items up in a batch. Returns the failures; rate-limited requests are retried once if
        soon."""
        try:
            failed = await self._asked(places)
        except ChatError as exc:
            return dict.fromkeys(places, exc)
        waits = [each for each in failed.values() if isinstance(each, RateLimited)]
        longest = max((each.retry_after for each in waits), default=SOON + 1)
        if longest > SOON:
            return failed
        await self._sleep(longest)
        again = [place for place, why in failed.items() if isinstance(why, RateLimited)]
        try:
            return {k: v for k, v in failed.items() if k not in again} | await self._asked(again)
        except ChatError:
            return failed

    async def _asked(self, places: Sequence[str]) -> dict[str, ChatError]:
        requests = [
            {"id": str(number), "method": "GET", "url": f"/{place}?$select={FIELDS}"}
            for number, place in enumerate(places)
        ]
        body = {"requests": requests}
        answer = await self._web.call("POST", f"{self.url}/$batch", body, needs=READ_FILES)
        told = {text_of(e.get("id")): e for e in maps_of(answer.data.get("responses"))}
        failed: dict[str, ChatError] = {}
        for number, place in enumerate(places):
            each = told.get(str(number), {})
            status, data = size_of(each.get("status")), map_of(each.get("body"))
            if 200 <= status < 300:
                self._items[place] = (self._clock(), data)
                continue
            headers = {str(k): str(v) for k, v in map_of(each.get("headers")).items()}
            why = error("GET", status or 504, headers, data, READ_FILES)
            if isinstance(why, Gone):
                self._items[place] = (self._clock(), None)
            else:
                failed[place] = why
        return failed

    def _place(self, document: Document) -> str:
        """Return the path of a document's file in Graph; empty if it is not Graph's."""
        if document.source.startswith(ITEM):
            return address_of(document.source)
        return address_of(f"{SHARE}{document.link}") if self._is_kept(document.link) else ""

    def _is_kept(self, link: str) -> bool:
        return is_shared_store(link, self.url)

    async def _item(self, place: str) -> Item:
        params = {"$select": FIELDS}
        return (await self._get(place, params)) if place else {}

    async def _may_open(
        self, item: Item, attachment: Attachment, sharer: str, folder: Folder
    ) -> bool:
        drive = text_of(map_of(item.get("parentReference")).get("driveId"))
        item_id = text_of(item.get("id"))
        if not drive or not item_id:
            return False
        channel = await folder()
        if channel and drive == await self._drive(f"{channel}/filesFolder"):
            return True
        if not sharer:
            return False
        if drive == await self._drive(f"users/{quote(sharer, safe='')}/drive"):
            return True
        place = f"drives/{quote(drive, safe='')}/items/{quote(item_id, safe='')}/permissions"
        permissions = maps_of(list_of((await self._get(place, {})).get("value")))
        return is_named(permissions, sharer, attachment.url.removeprefix(SHARE))

    async def _drive(self, place: str) -> str:
        """Return the id of a channel's or person's drive; empty if none is visible."""
        at, known = self._homes.get(place, (float("-inf"), ""))
        if self._clock() - at < SETTLED:
            return known
        try:
            found = await self._get(place, {})
        except (Gone, Forbidden):
            return ""
        parent = text_of(map_of(found.get("parentReference")).get("driveId"))
        known = parent if place.endswith("/filesFolder") else text_of(found.get("id"))
        if len(self._homes) > MOST:
            self._homes.clear()
        self._homes[place] = (self._clock(), known)
        return known

    async def _get(self, place: str, params: Mapping[str, str]) -> Item:
        url = f"{self.url}/{place}"
        return (await self._web.call("GET", url, params=params or None, needs=READ_FILES)).data
