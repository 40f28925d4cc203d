"""Who somebody is in a workspace: a member, a guest, somebody of another one, an administrator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.api.web import call, read
from bots.wire.fields import map_of
from core.ports.chat import RateLimited

FRESH = 300.0
"""Seconds that an answer of Slack's about a person holds."""
MOST = 2_000
"""People who are remembered; those whom nobody asked of for longest are evicted."""


@dataclass(frozen=True, slots=True)
class Standing:
    outsider: bool
    admin: bool


class Standings:
    """One for a workspace. https://docs.slack.dev/reference/objects/user-object"""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Standing]] = OrderedDict()
        self._ours: tuple[str, str] | None = None

    async def of(self, user: str) -> Standing:
        """Raises ChatError. Where Slack says that we ask too often, an older answer does."""
        at, known = self._known.get(user, (float("-inf"), None))
        if known is not None and self._clock() - at < FRESH:
            self._known.move_to_end(user)
            return known
        try:
            found = map_of((await read(self._client, "users.info", user=user)).get("user"))
            standing = standing_of(found, *await self._workspace())
        except RateLimited:
            if known is None:
                raise
            return known
        self._known[user] = (self._clock(), standing)
        self._known.move_to_end(user)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return standing

    async def _workspace(self) -> tuple[str, str]:
        """Our team and, if there is one, our organisation."""
        if self._ours is None:
            told = await call(self._client, "auth.test")
            self._ours = str(told.get("team_id") or ""), str(told.get("enterprise_id") or "")
        return self._ours


def standing_of(user: Mapping[str, Any], team: str, organisation: str) -> Standing:
    """A member of our team or organisation who is said to be no guest is from inside, nobody else.

    Slack leaves the fields of guests out of what it tells of members of other workspaces
    (`is_stranger`). https://docs.slack.dev/apis/slack-connect
    """
    within = map_of(user.get("enterprise_user")).get("enterprise_id")
    ours = user.get("team_id") == team or bool(organisation and within == organisation)
    guest = user.get("is_restricted") is not False or user.get("is_ultra_restricted") is not False
    outsider = not ours or guest or user.get("is_stranger") is True or user.get("deleted") is True
    admin = user.get("is_admin") is True or user.get("is_owner") is True
    return Standing(outsider, admin and not outsider)
