"""A person's standing in a tenant: member, guest, or somebody of another tenant."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from bots.teams.api.connector import Connector
from bots.wire.fields import text_of
from core.ports.chat import RateLimited
from core.values.conversation import Conversation

FRESH = 300.0
"""Seconds that a person's standing is cached."""
MOST = 2_000
"""The most people cached; the least recently used are evicted."""
ROLES = ("user", "owner")
GUEST = "#ext#"
"""The part of a principal name that marks a guest.
https://learn.microsoft.com/entra/external-id/user-properties"""


def is_outsider(member: Mapping[str, Any], tenant: str) -> bool:
    """Whether a member is from outside, by the connector's record: role, principal name and tenant.

    Anybody not known to be a user of this tenant is from outside. The role alone is not enough:
    guests may have `user` as well (https://github.com/MicrosoftDocs/msteams-docs/issues/6381).
    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context
    """
    role, name = text_of(member.get("userRole")), text_of(member.get("userPrincipalName"))
    inside = role.lower() in ROLES and bool(name) and GUEST not in name.lower()
    return not inside or member.get("tenantId") != tenant


class Standings:
    """Who is from outside, cached."""

    def __init__(self, connector: Connector, clock: Callable[[], float]) -> None:
        self._connector = connector
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[float, bool]] = OrderedDict()

    async def outsider(self, service_url: str, where: Conversation, user: str) -> bool:
        """Whether a member of a conversation is from outside. Raises ChatError; if Teams
        rate-limits us, uses an older answer."""
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
