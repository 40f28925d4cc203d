"""Who somebody is in a tenant: a member, a guest, or somebody of another one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from bots.teams.api.connector import Connector
from bots.wire.fields import text_of
from core.ports.chat import RateLimited
from core.values.conversation import Conversation

FRESH = 300.0
"""Seconds that an answer about a person holds."""
MOST = 2_000
"""People who are remembered; those whom nobody asked of for longest are evicted."""
ROLES = ("user", "owner")
GUEST = "#ext#"
"""What the principal name of a guest has in it.
https://learn.microsoft.com/entra/external-id/user-properties"""


def is_outsider(member: Mapping[str, Any], tenant: str) -> bool:
    """By what the connector tells of a conversation's member: role, name and tenant.

    Who is not said to be a user of this tenant is from outside. The role alone does not do: of
    guests it may be `user` as well (https://github.com/MicrosoftDocs/msteams-docs/issues/6381).
    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context
    """
    role, name = text_of(member.get("userRole")), text_of(member.get("userPrincipalName"))
    inside = role.lower() in ROLES and bool(name) and GUEST not in name.lower()
    return not inside or member.get("tenantId") != tenant


class Standings:
    """One for a process: who is a guest, kept for a while."""

    def __init__(self, connector: Connector, clock: Callable[[], float]) -> None:
        self._connector = connector
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[float, bool]] = OrderedDict()

    async def outsider(self, service_url: str, where: Conversation, user: str) -> bool:
        """Whether a member of a conversation is from outside. Raises ChatError. Where Teams says
        that we ask too often, an older answer does."""
        key = (where.tenant, user)
        at, known = self._known.get(key, (float("-inf"), True))
        if self._clock() - at < FRESH:
            self._known.move_to_end(key)
            return known
        try:
            member = await self._connector.member(service_url, where.channel, user)
        except RateLimited:
            if key not in self._known:
                raise
            return known
        outsider = is_outsider(member, where.tenant)
        self._known[key] = (self._clock(), outsider)
        self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return outsider
