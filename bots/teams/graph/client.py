"""What only Microsoft Graph can tell: a message's files, a thread's messages, channel members.

Each call names the permission that it needs. https://learn.microsoft.com/graph/api/overview
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp

from bots.teams.api.downloads import Bearer
from bots.teams.api.web import Web
from bots.teams.graph.drives import Drives
from bots.wire.fields import list_of, maps_of
from core.ports.chat import Forbidden, Gone, RateLimited
from core.runtime.tasks import together
from core.runtime.ttl_cache import Remembered
from core.values.conversation import Rights

log = logging.getLogger(__name__)

READ_CHANNEL = "need.teams.team_permission ChannelMessage.Read.Group"
READ_CHAT = "need.teams.chat_permission ChatMessage.Read.Chat"
READ_TEAMS = "need.teams.graph_permission Team.ReadBasic.All"
READ_CHANNELS = "need.teams.graph_permission Channel.ReadBasic.All"
READ_MEMBERS = "need.teams.graph_permission ChannelMember.Read.All"
FRESH = 60.0
"""Seconds that a team's channels are cached, and a person's for when Graph rate-limits us."""
AT_ONCE = 8
PAGES = 6
"""The most pages of a list that are read."""
MEMBERS = 999
"""Members in a page, the most that Graph allows.
https://learn.microsoft.com/graph/api/channel-list-members"""


class Graph:
    """Calls Microsoft Graph, with short-lived caches. Methods raise ChatError."""

    def __init__(
        self,
        url: str,
        *,
        web: Web,
        bearer: Bearer,
        http: aiohttp.ClientSession,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url = url
        self._web = web
        self.drives = Drives(url, web=web, bearer=bearer, http=http, clock=clock, sleep=sleep)
        self._channels: Remembered[Mapping[str, bool]] = Remembered(clock, FRESH)
        self._known: Remembered[Mapping[str, frozenset[str]]] = Remembered(clock, FRESH)

    async def message(self, place: str, message_id: str, reply_to: str = "") -> Mapping[str, Any]:
        """Return a message. `place` is `teams/{id}/channels/{id}` or `chats/{id}`."""
        path = f"{place}/messages/{quote(reply_to or message_id, safe='')}"
        if reply_to:
            path += f"/replies/{quote(message_id, safe='')}"
        return await self._get(path, _right(place))

    async def messages(self, place: str, thread: str, limit: int) -> list[Mapping[str, Any]]:
        """Return a thread's newest messages and its first, or the newest of a chat or channel;
        oldest first."""
        if not thread:
            return (await self._newest(f"{place}/messages", limit, place))[::-1]
        root = f"{place}/messages/{quote(thread, safe='')}"
        first, replies = await together(
            self._one(root, _right(place)), self._newest(f"{root}/replies", limit, place)
        )
        return [*first, *replies[::-1][-(limit - 1) :]]

    async def channels_of(self, person: str) -> Mapping[str, frozenset[str]]:
        """Return the channels that a person is in now, by team, including its standard channels.

        Asked for every question. Raises ChatError.
        """
        try:
            found = await self._asked_channels(person)
        except RateLimited:
            known = self._known.get(person)
            if known is None:
                raise
            return known
        self._known.put(person, found)
        return found

    async def _asked_channels(self, person: str) -> Mapping[str, frozenset[str]]:
        path = f"users/{quote(person, safe='')}/joinedTeams"
        # this call accepts no query parameters
        listed, whole = await self._listed(path, READ_TEAMS, {})
        if not whole:
            log.warning("somebody's teams were not read to their end: the rest are not searched")
        teams = [str(each["id"]) for each in listed]
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(team: str) -> dict[str, frozenset[str]]:
            async with slots:
                channels = await self._channels_in(team)
                standard = frozenset(each for each, everybody in channels.items() if everybody)
                there = set(standard)
                for channel, everybody in channels.items():
                    if not everybody and await self._is_in(team, channel, person):
                        there.add(channel)
                return dict.fromkeys(there, standard)

        found = await together(*(one(team) for team in teams))
        return {channel: team for some in found for channel, team in some.items()}

    async def _channels_in(self, team: str) -> Mapping[str, bool]:
        """Return a team's channels, and for each whether all team members are in it."""
        known = self._channels.get(team)
        if known is not None:
            return known
        return await self._channels.once(team, lambda: self._asked_channels_in(team))

    async def _asked_channels_in(self, team: str) -> Mapping[str, bool]:
        path = f"teams/{quote(team, safe='')}/channels"
        listed, whole = await self._listed(path, READ_CHANNELS, {"$select": "id,membershipType"})
        if not whole:
            # a channel that we were removed from may not be listed
            log.warning("a team's channels were not read to their end: none of them is searched")
            listed = []
        found = {str(e["id"]): e.get("membershipType") == "standard" for e in listed}
        self._channels.put(team, found)
        return found

    async def _is_in(self, team: str, channel: str, person: str) -> bool:
        path = f"teams/{quote(team, safe='')}/channels/{quote(channel, safe='')}/members"

        def there(members: Sequence[Mapping[str, Any]]) -> bool:
            return any(each.get("userId") == person for each in members)

        try:
            params = {"$top": str(MEMBERS)}
            members, whole = await self._listed(path, READ_MEMBERS, params, there)
        except (Gone, Forbidden):
            return False  # membership is unknown
        if not there(members) and not whole:
            log.warning("a channel's members were not read to their end: it is not searched")
        return there(members)

    async def rights(self, place: str, person: str) -> Rights:
        """Return a person's rights in a channel: those of an owner of its team, or none. Raises
        ChatError.

        https://learn.microsoft.com/graph/api/channel-list-members
        """

        def owner(members: Sequence[Mapping[str, Any]]) -> bool:
            return any(
                person and each.get("userId") == person and "owner" in list_of(each.get("roles"))
                for each in members
            )

        params = {"$top": str(MEMBERS)}
        members, _ = await self._listed(f"{place}/members", READ_MEMBERS, params, owner)
        return Rights.PLACE if owner(members) else Rights.NONE

    async def _newest(self, path: str, limit: int, place: str) -> list[Mapping[str, Any]]:
        """Return messages newest first, as Graph lists them."""
        params = {"$top": str(min(limit, 50))}
        found, _ = await self._listed(path, _right(place), params, lambda e: len(e) >= limit)
        ordered = sorted(found, key=lambda each: str(each.get("createdDateTime")), reverse=True)
        return ordered[:limit]

    async def _listed(
        self,
        path: str,
        needs: str,
        params: Mapping[str, str],
        enough: Callable[[Sequence[Mapping[str, Any]]], bool] = lambda _: False,
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """Return a list, and whether it is complete: it is not if it continues after `PAGES`."""
        answer = await self._get(path, needs, params)
        found = maps_of(answer.get("value"))
        for _ in range(PAGES - 1):
            following = str(answer.get("@odata.nextLink") or "")
            if enough(found) or not following.startswith(f"{self.url}/"):
                break
            answer = (await self._web.call("GET", following, needs=needs)).data
            found += maps_of(answer.get("value"))
        return found, not answer.get("@odata.nextLink")

    async def _one(self, path: str, needs: str) -> list[Mapping[str, Any]]:
        return [await self._get(path, needs)]

    async def _get(
        self, path: str, needs: str, params: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        url = f"{self.url}/{path}"
        return (await self._web.call("GET", url, params=params or None, needs=needs)).data


def _right(place: str) -> str:
    return READ_CHAT if place.startswith("chats/") else READ_CHANNEL
