"""Liveness and readiness of the long-lived process.

Alive: every task that the process started still runs. Ready: every dependency responded when it was
last checked. A process that is not alive should be replaced; one that is not ready waits for
others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from core.ports.chat import ChatError
from core.ports.store_error import StoreError
from core.runtime.tasks import together
from core.runtime.ttl_cache import Remembered

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[str]]
"""Returns what is wrong with a dependency, as a sentence, empty if nothing is. May raise StoreError
or ChatError."""
FRESH = 10.0
"""Seconds for which the result of a check is reused."""
PATIENCE = 10.0
"""Seconds until a check times out."""
AGAIN = 2.0
"""Seconds between checks at start-up, until every dependency is ready."""


class Health:
    """The liveness and readiness of this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.died = ""
        """The name of the first task that ended unexpectedly, empty if none did."""
        self._dead = asyncio.Event()
        self._checks: dict[str, Check] = {}
        self._ending = False
        self._found: Remembered[Mapping[str, str]] = Remembered(clock, FRESH)

    def depends_on(self, checks: Mapping[str, Check]) -> None:
        """Add checks of dependencies, by name."""
        self._checks.update(checks)

    def watch(self, name: str, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Count a task as essential: if it ends, the process is no longer alive."""

        def ended(done: asyncio.Task[None]) -> None:
            if self._ending or done.cancelled():
                return
            if (error := done.exception()) is not None:
                log.error("%s died", name, exc_info=error)
            self.died = self.died or name
            self._dead.set()

        task.add_done_callback(ended)
        return task

    def ending(self) -> None:
        """Announce the shutdown: from now on tasks may end."""
        self._ending = True

    async def until_dead(self) -> None:
        """Return once an essential task has ended unexpectedly."""
        await self._dead.wait()

    async def unready(self) -> Mapping[str, str]:
        """Return what is wrong, by dependency. Concurrent callers share one check."""
        if (found := self._found.get("")) is not None:
            return found
        return await self._found.once("", self._asked)

    async def until_ready(self) -> None:
        """Return once every dependency responds; log what does not, each reason once."""
        said: Mapping[str, str] = {}
        while missing := await self._asked():
            for name, reason in missing.items():
                if said.get(name) != reason:
                    log.warning("not ready: %s: %s", name, reason)
            said = missing
            await asyncio.sleep(AGAIN)

    async def _asked(self) -> Mapping[str, str]:
        reasons = await together(*(_reason(each) for each in self._checks.values()))
        found = {name: why for name, why in zip(self._checks, reasons, strict=True) if why}
        self._found.put("", found)
        return found


async def _reason(check: Check) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return await check()
    except TimeoutError:
        return "It did not answer in time."
    except StoreError as exc:
        return f"It did not answer: {exc}"
    except ChatError as exc:
        return f"It refused, or did not answer: {type(exc).__name__} {exc}".strip()
