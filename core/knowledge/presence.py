"""Signs of life of a workspace that removed us: it has us again, so its files are not to go.

The platform need not say that it installed us again, where we are in no channel.
"""

from __future__ import annotations

from collections.abc import Callable

from core.ports.documents import Removals
from core.values.conversation import Command, Incoming

FRESH = 60.0
"""Seconds that a workspace which has us is not looked at again."""
MOST = 1_000
"""Workspaces that are remembered."""
MILLISECONDS = 1e11
"""Message ids from here on count milliseconds (Teams'), below it seconds (Slack's)."""


class Presence:
    """One for a process. `clock` in seconds, from anywhere."""

    def __init__(self, removals: Removals, clock: Callable[[], float]) -> None:
        self._removals = removals
        self._clock = clock
        self._seen: dict[str, float] = {}

    async def seen(self, item: Incoming | Command) -> None:
        """Undoes that its workspace removed us, if this happened after that. Raises StoreError."""
        at = happened(item)
        tenant = f"{item.conversation.platform}/{item.conversation.tenant}"
        if not at or self._clock() - self._seen.get(tenant, float("-inf")) < FRESH:
            return
        if isinstance(item, Command) and item.name in ("left", "uninstalled"):
            self._seen.pop(tenant, None)
            return
        if await self._removals.among([tenant]):
            await self._removals.undo(tenant, at)
            return
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[tenant] = self._clock()


def happened(item: Incoming | Command) -> float:
    """When, by the platform's clock, in seconds since the epoch; 0 if it does not say."""
    if isinstance(item, Command):
        return item.at
    try:
        at = float(item.message_id)
    except ValueError:
        return 0.0
    return at / 1000 if at >= MILLISECONDS else max(0.0, at)
