"""Shared by the operator's commands: settings, clients, confirmation, progress and errors."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cli.commands.upload import reached
from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.ports.index import ForeignIndex, IndexRejected
from core.ports.model import ModelError
from core.ports.store_error import StoreError
from core.runtime.settings import Settings, load

AGAIN = "What is done is done: mend that and run the same command again."


def settings_for(environ: MutableMapping[str, str], state: Path) -> Settings:
    """Return the settings of the environment or of a running `parley run`. Raises SettingsError."""
    reached(environ, state)
    return load(environ, talks=False)


def ran(command: Coroutine[None, None, int]) -> int:
    """Run a command and return its exit code: 1, with a message, if a service does not respond."""
    try:
        return asyncio.run(command)
    except ForeignIndex as exc:
        failed(f"{exc}.")
    except StoreError as exc:
        failed(f"no answer ({exc}): not there, not allowed, or busy. {AGAIN}")
    except IndexRejected as exc:
        failed(f"the index refuses it ({exc}). {AGAIN}")
    except ModelError as exc:
        failed(f"the embedding model fails ({type(exc).__name__}: {exc}). {AGAIN}")
    return 1


@asynccontextmanager
async def opened(settings: Settings, *services: str) -> AsyncIterator[tuple[Calls, list[Any]]]:
    """Open threads for calls, and a client of each service, until the context ends."""
    calls, clients = Calls(), [client(each, settings.aws_region) for each in services]
    try:
        yield calls, clients
    finally:
        calls.close()
        for each in clients:
            each.close()


def agreed(word: str, to: str, otherwise: str) -> bool:
    """Ask the operator to type `word` to confirm that `to` should happen.

    If they do not, or nobody can be asked, print that `otherwise` is the case and return False.
    """
    if not sys.stdin.isatty():
        print(f"{otherwise}: repeat this with --yes to {to}.")
        return False
    if input(f"Type {word} to {to}: ").strip() == word:
        return True
    print(f"{otherwise}.")
    return False


def failed(text: str) -> None:
    """Print an error to standard error."""
    print(f"parley: {text}", file=sys.stderr)


def say(text: str) -> None:
    """Show progress on one line that is overwritten; on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def said() -> None:
    """End the line of progress."""
    say("")
