"""A bounded cache whose entries expire, and which asks for a value once for concurrent callers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

V = TypeVar("V")

MOST = 10_000
"""The default number of entries."""


class Remembered(Generic[V]):
    """The `most` recently used values by name, each kept for `seconds` by `clock`."""

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
        """The value, None if there is none or it has expired."""
        until, value = self._known.get(name, (float("-inf"), None))
        if value is None or until <= self._clock():
            self._known.pop(name, None)
            return None
        self._known.move_to_end(name)
        return value

    def put(self, name: str, value: V, seconds: float | None = None) -> None:
        """Store a value, for its own `seconds` if given; the least recently used one may go."""
        self._known[name] = (self._clock() + (self._seconds if seconds is None else seconds), value)
        self._known.move_to_end(name)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def forget(self, name: str) -> None:
        """Remove a value, if there is one."""
        self._known.pop(name, None)

    async def once(self, name: str, ask: Callable[[], Awaitable[V]]) -> V:
        """The result of `ask`, called once for all concurrent callers.

        All of them get its errors. If the caller that asks is cancelled, another one asks again.
        """
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
    """Mark a failure as retrieved: the caller that asked raises it, and there may be no others."""
    if not future.cancelled():
        future.exception()
