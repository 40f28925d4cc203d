"""How much extracted text one process holds at a time, whatever many files are read side by side.

A file's paragraphs are kept until they are indexed. Whoever would hold more than there is room for
waits, and its reader with it: a child whose records nobody takes is not to blame for the time. The
file that has held something longest never waits, so there is always one that comes to its end; all
together hold at most the room and what one document may be.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Self

from core.values.documents import Block, Picture

STEP = 256 * 1024
"""Bytes that a file takes at a time."""
OVERHEAD = 300
"""Bytes of a block beside its text, measured."""


class Room:
    """`size` in bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[Share, int] = {}
        self._freed = asyncio.Event()

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return sum(self._held.values())

    def share(self, beat: Callable[[], Awaitable[object]], every: float) -> Share:
        """What one file holds: a context that gives it back. `beat` is called while it waits."""
        return Share(self, beat, every)

    async def take(self, share: Share, size: int) -> None:
        """Waits until there is room for so many bytes more."""
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
        """Lets go of all that a file holds."""
        self._held.pop(share, None)
        self._freed.set()


class Share:
    """One file's part of the room."""

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
        """Counts an item, waiting for room first where a step is full."""
        self._more += weight(item)
        if self._more >= STEP:
            more, self._more = self._more, 0
            await self._room.take(self, more)


def weight(item: Block | Picture) -> int:
    """Bytes of memory that an item takes, and the chunks made of it with it."""
    if isinstance(item, Picture):
        return len(item.data) + OVERHEAD
    return 2 * sys.getsizeof(item.text) + OVERHEAD
