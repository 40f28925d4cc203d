"""Reads the requests to stop an answer, with one query for all concurrent callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from core.runtime.tasks import Background

PACE = 0.2
"""Seconds between two queries."""


class Stops:
    """Shares one query among callers: each gets the result of a query that began after its call."""

    def __init__(self, query: Callable[[], Awaitable[frozenset[str]]]) -> None:
        self._query = query
        self._next: asyncio.Task[frozenset[str]] | None = None
        self._background = Background(heard=True)
        self._began = 0.0

    async def now(self) -> frozenset[str]:
        """The ids of the events whose answers are to be stopped. Raises what the query raises."""
        if self._next is None:
            self._next = self._background.begin(self._ask())
        return await asyncio.shield(self._next)

    async def _ask(self) -> frozenset[str]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._began + PACE - loop.time()))
        self._began = loop.time()
        self._next = None
        return await self._query()
