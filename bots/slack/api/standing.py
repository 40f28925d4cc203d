"""A person's standing in a workspace: member, guest, member of another one, administrator."""

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
"""Seconds that a person's standing is cached."""
MOST = 2_000
"""The most people cached; the least recently used are evicted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a person is from outside, and whether they administer the workspace."""

    outsider: bool
    admin: bool


class Standings:
    """The standing of people in one workspace, cached.

    https://docs.slack.dev/reference/objects/user-object
    """

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Standing]] = OrderedDict()
        self._ours: tuple[str, str] | None = None

    async def of(self, user: str) -> Standing:
        """Return a person's standing. Raises ChatError; if Slack rate-limits us, uses an older
        answer."""
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
        """Return the bot's team and, if there is one, its organisation."""
        if self._ours is None:
            told = await call(self._client, "auth.test")
            self._ours = str(told.get("team_id") or ""), str(told.get("enterprise_id") or "")
        return self._ours


def standing_of(user: Mapping[str, Any], team: str, organisation: str) -> Standing:
    """Work out a person's standing: inside only if of our team or organisation and known to be no
    guest.

    For members of other workspaces (`is_stranger`) Slack leaves out the guest fields.
    https://docs.slack.dev/apis/slack-connect
    """
    within = map_of(user.get("enterprise_user")).get("enterprise_id")
    ours = user.get("team_id") == team or bool(organisation and within == organisation)
    guest = user.get("is_restricted") is not False or user.get("is_ultra_restricted") is not False
    outsider = not ours or guest or user.get("is_stranger") is True or user.get("deleted") is True
    admin = user.get("is_admin") is True or user.get("is_owner") is True
    return Standing(outsider, admin and not outsider)
