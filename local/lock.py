"""Lock a state directory: two `parley run` on the same one would overwrite each other's files."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUse(Exception):
    """Another process uses the state directory; the message says which, and what to do."""


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the lock of a state directory inside the context. Raises InUse.

    The operating system releases the lock when the process ends, in whatever way.
    """
    with (state / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise InUse(
                f"another `parley run` (process {holder}) uses {state}. End it, or give this one "
                "a state of its own with --state."
            ) from exc
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
