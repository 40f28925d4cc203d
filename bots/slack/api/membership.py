"""Which channels a person is in now, among those the bot is in too."""

from __future__ import annotations

from collections.abc import Callable

from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.api.web import read
from core.ports.chat import RateLimited
from core.runtime.ttl_cache import Remembered

KINDS = "public_channel,private_channel,mpim"
PAGES = 10
OURS = 60.0
"""Seconds that the bot's channels are cached, and a person's for when Slack rate-limits us."""


class Membership:
    """Channel membership in one workspace.

    https://docs.slack.dev/reference/methods/users.conversations
    """

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._known: Remembered[frozenset[str]] = Remembered(clock, OURS)

    async def of(self, user: str, team: str = "") -> frozenset[str]:
        """Return the channels that both `user` and the bot are in. Raises ChatError.

        Asked for every question; only if Slack rate-limits us is an answer of the last minute used.

        `team` is the workspace meant: an app installed for a whole organisation must name it, and
        for others Slack ignores it. https://docs.slack.dev/enterprise/organization-ready-apps
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
        """Call `users.conversations`; an empty `user` stands for the bot."""
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
