"""Run ministack so that its state survives a SIGKILL. Started by `local/aws.py`.

It runs under the Python that has ministack installed. On its own, ministack saves its queues and
tables only at a graceful exit; here they are saved shortly after every change as well. The process
exits when its standard input closes, that is, when the process that started it is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

QUIET = 0.05
"""Seconds without further changes before a save."""
LATEST = 1.0
"""Seconds after which a change is saved at the latest."""
SHARE = 0.1
"""The largest share of time spent on saving, which blocks."""
SAVE = "/_parley/save"
READS = ("Get", "List", "Query", "Scan", "Describe", "BatchGet", "Head", "TransactGet")

App = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class Saving:
    """ASGI middleware that saves ministack's state after requests that changed it."""

    def __init__(self, app: App, save: Callable[[], None]) -> None:
        self._app = app
        self._save = save
        self._first = self._last = 0.0

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        """Handle a request: save now if it asks for that, else shortly after it changed
        something."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == SAVE:
            self._save()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            full = False

            async def watched(message: dict[str, Any]) -> None:
                nonlocal full
                full = full or len(message.get("body", b"")) > 2  # longer than `{}`
                await send(message)

            await self._app(scope, receive, watched)
            if changes(scope, full=full):
                self._last = time.monotonic()
                self._first = self._first or self._last

    async def run(self) -> None:
        """Save what has changed, until cancelled."""
        while True:
            await asyncio.sleep(QUIET)
            now = time.monotonic()
            if self._first and (now - self._last >= QUIET or now - self._first >= LATEST):
                self._first = 0.0
                self._save()
                await asyncio.sleep((time.monotonic() - now) / SHARE)


def changes(scope: dict[str, Any], *, full: bool) -> bool:
    """Whether a request may have changed something; `full` says that its response has a body."""
    headers = dict(scope["headers"])
    action = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")[2]
    if action == "ReceiveMessage":
        return full
    if action:
        return not action.startswith(READS)
    return scope["method"] not in {"GET", "HEAD"}


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


async def serve() -> None:
    """Serve until SIGTERM or the end of standard input, then save."""
    # installed only in the Python that this runs under
    # ruff: noqa: PLC0415
    from hypercorn.asyncio import serve as serving  # type: ignore[import-not-found]
    from hypercorn.config import Config  # type: ignore[import-not-found]
    from ministack import app as ministack  # type: ignore[import-not-found]
    from ministack.core.persistence import save_all  # type: ignore[import-not-found]

    def save() -> None:
        save_all(ministack._build_persistence_save_dict())  # noqa: SLF001 - it has no public name

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.shutdown_timeout = 5
    config.loglevel = "WARNING"
    app = Saving(ministack.app, save)
    async with asyncio.TaskGroup() as group:
        saving = group.create_task(app.run())
        await serving(app, config, shutdown_trigger=ended.wait)
        saving.cancel()


if __name__ == "__main__":
    asyncio.run(serve())
