"""Retries calls to a store within a turn, while people see a status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from core.ports.store_error import StoreError
from core.ports.turns import LeaseLost
from core.runtime.tasks import retrying
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)

DELAYS = (0.2, 0.5, 1, 2, 4, 8, 15, 30, 30)
"""Seconds between attempts to reach a store."""

T = TypeVar("T")


class Shown(Protocol):
    """The live message that people see meanwhile."""

    def status(self, markdown: str) -> None:
        """Show a status while there is no text."""
        ...


async def patiently(call: Callable[[], Awaitable[T]], live: Shown | None = None) -> T:
    """Call a store, retrying StoreError for a minute and a half before raising it."""

    def pause(_: Exception, delay: float) -> float:
        log.warning("store does not answer, again in %s s", delay)
        if live is not None and delay >= 1:
            live.status(phrase("progress.no_storage"))
        return delay

    return await retrying(call, DELAYS, StoreError, asyncio.sleep, but=(LeaseLost,), pause=pause)
