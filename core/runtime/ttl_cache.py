"""What a long-lived process remembers of many: a bounded number, for a while, asked for once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

V = TypeVar("V")

MOST = 10_000
"""Entries of one kind."""


class Remembered(Generic[V]):
    """Values by name, the latest used ones. `clock` and `seconds` say how long a value is good."""

    def __init__(
        self, clock: Callable[[], float], seconds: float = float("inf"), most: int = MOST
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._known: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._asking: dict[str, asyncio.Future[V]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: str) -> V | None:
        """The value, None if there is none that is still good."""
        until, value = self._known.get(name, (float("-inf"), None))
        if value is None or until <= self._clock():
            self._known.pop(name, None)
            return None
        self._known.move_to_end(name)
        return value

    def put(self, name: str, value: V, seconds: float | None = None) -> None:
        """Remembers a value, for a time of its own if that is given; the oldest one may go."""
        self._known[name] = (self._clock() + (self._seconds if seconds is None else seconds), value)
        self._known.move_to_end(name)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def forget(self, name: str) -> None:
        self._known.pop(name, None)

    async def once(self, name: str, ask: Callable[[], Awaitable[V]]) -> V:
        """What `ask` gives, asked once for all who want it at the same time. Its errors are
        everybody's; whoever is cancelled leaves the others to ask anew."""
        while (other := self._asking.get(name)) is not None:
            await asyncio.wait({other})
            if not other.cancelled():
                return other.result()
        future = self._asking[name] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_heard)
        try:
            value = await ask()
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as exc:
            future.set_exception(exc)
            raise
        else:
            future.set_result(value)
            return value
        finally:
            del self._asking[name]


def _heard(future: asyncio.Future[V]) -> None:
    """A failure is told to whoever asked, and need not be heard by others."""
    if not future.cancelled():
        future.exception()
