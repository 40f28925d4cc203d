"""A store that does not answer is asked again, within a turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from core.ports.store_error import StoreError
from core.ports.turns import Lost
from core.runtime.tasks import retrying
from core.wording import user_messages

log = logging.getLogger(__name__)

DELAYS = (0.2, 0.5, 1, 2, 4, 8, 15, 30, 30)
"""Seconds between tries of a store that does not answer."""

T = TypeVar("T")


class Shown(Protocol):
    """What people see meanwhile: a live message."""

    def status(self, markdown: str) -> None: ...


async def patiently(call: Callable[[], Awaitable[T]], live: Shown | None = None) -> T:
    """Calls a store until it answers, for a minute and a half. Raises StoreError after that."""

    def pause(_: Exception, delay: float) -> float:
        log.warning("store does not answer, again in %s s", delay)
        if live is not None and delay >= 1:
            live.status(user_messages.NO_STORE)
        return delay

    return await retrying(call, DELAYS, StoreError, asyncio.sleep, but=(Lost,), pause=pause)
