"""What the operator's commands share: the settings they run with, progress, and how they fail."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, MutableMapping
from pathlib import Path

from core.ports import ModelError, StoreError
from core.settings import Settings, load
from core.stores import Foreign, Rejected
from local.bulk import reached

AGAIN = "What is done is done: mend that and run the same command again."


def settings_for(environ: MutableMapping[str, str], state: Path) -> Settings:
    """Those of the environment, or of a running `parley run`. Raises SettingsError."""
    reached(environ, state)
    return load(environ, talks=False)


def ran(command: Coroutine[None, None, int]) -> int:
    """The exit code of a command; 1, and a sentence, where something did not answer."""
    try:
        return asyncio.run(command)
    except Foreign as exc:
        failed(f"{exc}.")
    except StoreError as exc:
        failed(f"no answer ({exc}): not there, not allowed, or busy. {AGAIN}")
    except Rejected as exc:
        failed(f"the index refuses it ({exc}). {AGAIN}")
    except ModelError as exc:
        failed(f"the embedding model fails ({type(exc).__name__}: {exc}). {AGAIN}")
    return 1


def failed(text: str) -> None:
    print(f"parley: {text}", file=sys.stderr)


def say(text: str) -> None:
    """Progress: one line that is written over, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def said() -> None:
    """Ends the line of progress."""
    say("")
