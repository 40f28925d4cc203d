"""The input of `parley inspect`: a path, or `-` for standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PIPE = "-"


class Unusable(Exception):
    """The input cannot be inspected; the message is one plain sentence."""


def content_of(path: str) -> bytes:
    """Return the bytes of a file or of standard input. Raises Unusable."""
    if path == PIPE:
        return sys.stdin.buffer.read()
    with _readable(path):
        return Path(path).read_bytes()


def text_of(path: str) -> str:
    """Return the text of a file or of standard input. Raises Unusable."""
    try:
        return content_of(path).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Unusable(f"{_called(path)} is not UTF-8 text.") from exc


def json_of(path: str) -> Any:
    """Return the JSON in a file or in standard input. Raises Unusable."""
    return parsed(text_of(path), path)


def parsed(text: str, path: str) -> Any:
    """Parse JSON that was read from `path`. Raises Unusable."""
    try:
        return json.loads(text)
    except RecursionError as exc:
        raise Unusable(f"{_called(path)} is nested too deep.") from exc
    except ValueError as exc:
        raise Unusable(f"{_called(path)} is not JSON.") from exc


def messages_in(value: Any, wrapped: str, path: str) -> list[dict[str, Any]]:
    """Return the messages of a thread: a list, or a response with the list under `wrapped`. Raises
    Unusable."""
    if isinstance(value, dict):
        value = value.get(wrapped)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Unusable(
            f"{_called(path)} has no list of messages, be it alone or under “{wrapped}”."
        )
    return value


@contextmanager
def file_at(path: str) -> Iterator[Path]:
    """Yield a path that a reader may open; standard input is stored in a temporary file. Raises
    Unusable."""
    if path != PIPE:
        with _readable(path), Path(path).open("rb"):
            pass
        yield Path(path).resolve()
        return
    with TemporaryDirectory(prefix="parley-") as folder:
        kept = Path(folder) / "file"
        kept.write_bytes(content_of(path))
        yield kept


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise Unusable(f"{path} is not there.") from exc
    except IsADirectoryError as exc:
        raise Unusable(f"{path} is a folder: name a file in it.") from exc
    except OSError as exc:
        raise Unusable(f"{path} cannot be read: {exc.strerror}.") from exc
    except ValueError as exc:  # a zero byte
        raise Unusable("That path is no path.") from exc


def _called(path: str) -> str:
    return "Standard input" if path == PIPE else path
