# mypy: ignore-errors
"""Serves ministack on one port until its parent is gone, with state that outlives a kill.

Runs under ministack's own interpreter (it pins a botocore of its own), so it imports nothing of
this project. ministack saves its state when it ends; here also shortly after each change.
"""

import asyncio
import ctypes
import os
import signal
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

SNAPSHOT_EVERY = 1.0
READS = ("GetItem", "Query", "ReceiveMessage", "Describe", "List", "GetQueue", "Scan")


def main() -> None:
    """Arguments: host, port."""
    host, port = sys.argv[1], sys.argv[2]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    asyncio.run(_main(host, port, os.getppid()))


async def _main(host: str, port: str, parent: int) -> None:
    from ministack import app as ministack
    from ministack.core.persistence import PERSIST_STATE, save_all

    changed = asyncio.Event()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)

    async def app(scope, receive, send):
        await ministack.app(scope, receive, send)
        if scope["type"] == "http":
            target = dict(scope["headers"]).get(b"x-amz-target", b"").decode().rpartition(".")[2]
            if scope["method"] != "GET" and not target.startswith(READS):
                changed.set()

    async def watch():
        while not ended.is_set():
            await asyncio.sleep(SNAPSHOT_EVERY)
            if os.getppid() != parent:
                ended.set()
            if PERSIST_STATE and changed.is_set():
                changed.clear()
                save_all(ministack._build_persistence_save_dict())

    config = Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    config.graceful_timeout = 1
    watcher = asyncio.create_task(watch())
    await serve(ministack.app if not PERSIST_STATE else app, config, shutdown_trigger=ended.wait)
    watcher.cancel()


if __name__ == "__main__":
    main()
