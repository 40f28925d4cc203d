"""Notices that a workspace which removed us has installed us again, so that its files are kept.

Any question or command shows it. The platform sends no event of the installation if we are in no
channel.
"""

from __future__ import annotations

from collections.abc import Callable

from core.ports.documents import Removals
from core.values.conversation import Command, Incoming

FRESH = 60.0
"""Seconds until a workspace that has us is looked up again."""
MOST = 1_000
"""Workspaces that are remembered."""
MILLISECONDS = 1e11
"""Message ids from this number on are milliseconds (Teams), smaller ones seconds (Slack)."""


class Presence:
    """Notices installations. One instance per process. `clock` is monotonic, in seconds."""

    def __init__(self, removals: Removals, clock: Callable[[], float]) -> None:
        self._removals = removals
        self._clock = clock
        self._seen: dict[str, float] = {}

    async def seen(self, item: Incoming | Command) -> None:
        """Record that an item's workspace has us, if it is newer than our removal.

        Raises StoreError.
        """
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
    """When an item happened by the platform's clock, in seconds since the epoch; 0 if unknown."""
    if isinstance(item, Command):
        return item.at
    try:
        at = float(item.message_id)
    except ValueError:
        return 0.0
    return at / 1000 if at >= MILLISECONDS else max(0.0, at)
