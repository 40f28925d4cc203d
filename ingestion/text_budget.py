"""Limit the extracted text that one process holds, however many files are read concurrently.

A file's paragraphs are kept until they are indexed. A file that would exceed the room waits, and
its reader with it; time in which nobody takes a reader's records does not count against it. The
file that has held text for longest never waits, so at least one always finishes; together they hold
at most the room plus one document.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Self

from core.values.documents import Block, Picture

STEP = 256 * 1024
"""Bytes that a file reserves at a time."""
OVERHEAD = 300
"""Bytes that a block takes besides its text, as measured."""


class Room:
    """The text budget of a process, of `size` bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[Share, int] = {}
        self._freed = asyncio.Event()

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return sum(self._held.values())

    def share(self, beat: Callable[[], Awaitable[object]], every: float) -> Share:
        """Return a context for one file, which gives back its share at the end.

        `beat` is called every so many seconds while the file waits.
        """
        return Share(self, beat, every)

    async def take(self, share: Share, size: int) -> None:
        """Reserve bytes for a file, waiting until there is room."""
        self._held.setdefault(share, 0)
        while self.held + size > self._size and next(iter(self._held)) is not share:
            self._freed.clear()
            try:
                async with asyncio.timeout(share.every):
                    await self._freed.wait()
            except TimeoutError:
                await share.beat()
        self._held[share] += size

    def give_back(self, share: Share) -> None:
        """Give back everything that a file holds."""
        self._held.pop(share, None)
        self._freed.set()


class Share:
    """One file's share of the room."""

    def __init__(self, room: Room, beat: Callable[[], Awaitable[object]], every: float) -> None:
        self._room = room
        self.beat = beat
        self.every = every
        self._more = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.give_back(self)

    async def add(self, item: Block | Picture) -> None:
        """Count an item; when a step is full, wait for room first."""
        self._more += weight(item)
        if self._more >= STEP:
            more, self._more = self._more, 0
            await self._room.take(self, more)


def weight(item: Block | Picture) -> int:
    """Return the bytes of memory that an item and the chunks made from it take."""
    if isinstance(item, Picture):
        return len(item.data) + OVERHEAD
    return 2 * sys.getsizeof(item.text) + OVERHEAD
