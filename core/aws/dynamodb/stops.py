"""Wishes to stop an answer, asked for once for all who want to know at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PACE = 0.2
"""Seconds between two queries for wishes to stop."""


class Stops:
    """Whoever calls gets what a query says that began after the call."""

    def __init__(self, query: Callable[[], Awaitable[frozenset[str]]]) -> None:
        self._query = query
        self._next: asyncio.Task[frozenset[str]] | None = None
        self._began = 0.0

    async def now(self) -> frozenset[str]:
        if self._next is None:
            self._next = asyncio.create_task(self._ask())
            self._next.add_done_callback(_heard)
        return await asyncio.shield(self._next)

    async def _ask(self) -> frozenset[str]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._began + PACE - loop.time()))
        self._began = loop.time()
        self._next = None
        return await self._query()


def _heard(task: asyncio.Task[frozenset[str]]) -> None:
    """Those who waited were told of a failure; if all went away, nobody need be."""
    if not task.cancelled():
        task.exception()
