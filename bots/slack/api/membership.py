"""Which channels somebody is in now, as far as we are in them too."""

from __future__ import annotations

from collections.abc import Callable

from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.api.web import read
from core.ports.chat import RateLimited
from core.runtime.ttl_cache import Remembered

KINDS = "public_channel,private_channel,mpim"
PAGES = 10
OURS = 60.0
"""Seconds that our own channels, and in a pinch somebody else's, are taken for granted."""


class Membership:
    """One for a workspace. https://docs.slack.dev/reference/methods/users.conversations"""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._known: Remembered[frozenset[str]] = Remembered(clock, OURS)

    async def of(self, user: str, team: str = "") -> frozenset[str]:
        """Channels that both `user` and we are in: asked at every question. Raises ChatError.

        `team` is the workspace that is meant: an app of a whole organisation has to say it, and for
        others Slack passes over it. https://docs.slack.dev/enterprise/organization-ready-apps
        Only where Slack says that we ask too often, an answer of the last minute does.
        """
        ours = self._known.get(f"{team}/")
        if ours is None:
            ours = await self._known.once(f"{team}/", lambda: self._asked("", team))
        try:
            theirs = await self._asked(user, team)
        except RateLimited:
            recent = self._known.get(f"{team}/{user}")
            if recent is None:
                raise
            theirs = recent
        return theirs & ours

    async def _asked(self, user: str, team: str) -> frozenset[str]:
        """`user` empty for ourselves."""
        channels: set[str] = set()
        more: dict[str, str] = {"user": user} if user else {}
        if team.startswith("T"):
            more["team_id"] = team
        for _ in range(PAGES):
            found = await read(
                self._client,
                "users.conversations",
                types=KINDS,
                limit=999,
                exclude_archived="true",
                **more,
            )
            channels |= {str(each["id"]) for each in found["channels"]}
            cursor = (found.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
            more["cursor"] = str(cursor)
        self._known.put(f"{team}/{user}", frozenset(channels))
        return frozenset(channels)
