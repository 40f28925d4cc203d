"""The child that reads one file: limits itself, finds the reader, writes records to its output."""

from __future__ import annotations

import importlib
import inspect
import json
import resource
import socket
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from core.documents import Block, Locator, Picture
from ingestion.extract.errors import Unreadable
from ingestion.extract.sandbox import HEADER, Total
from ingestion.extract.sniff import kind

OUT_OF_MEMORY = 77


def main() -> None:
    """Reads what to do from standard input: one line of JSON."""
    told = json.loads(sys.stdin.buffer.readline())
    _limit(told)
    path, name = Path(told["path"]), told["name"]
    try:
        for item in read(path, name):
            _write(item)
    except Unreadable as exc:
        _put({"record": "unreadable", "reason": exc.reason}, b"")
    except (MemoryError, RecursionError):
        sys.stdout.flush()
        raise SystemExit(OUT_OF_MEMORY) from None
    sys.stdout.buffer.flush()


def read(path: Path, name: str) -> Iterator[Block | Picture | Total]:
    """What is in a file, by the reader for it. Raises Unreadable."""
    module = importlib.import_module(f"ingestion.extract.{kind(path, name)}")
    wants_name = len(inspect.signature(module.read).parameters) > 1
    yield from module.read(path, name) if wants_name else module.read(path)


def _limit(told: dict[str, Any]) -> None:
    """What the system enforces; memory and time in all are watched from outside as well."""
    for name, most in (
        ("RLIMIT_AS", told["space"]),
        ("RLIMIT_CPU", told["cpu"]),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", 64),
    ):
        number = getattr(resource, name, None)
        if number is not None:
            try:
                resource.setrlimit(number, (int(most), int(most)))
            except (ValueError, OSError):
                continue  # not every system has each
    socket.socket = _refused  # type: ignore[assignment, misc]


def _refused(*_: object, **__: object) -> NoReturn:
    raise PermissionError("a reader opens no connection")


def _write(item: Block | Picture | Total) -> None:
    if isinstance(item, Total):
        _put({"record": "total", "pages": item.pages}, b"")
        return
    where = {each.name: getattr(item.locator, each.name) for each in fields(Locator)}
    locator = {name: value for name, value in where.items() if value}
    if isinstance(item, Picture):
        picture = {"record": "picture", "media_type": item.media_type, "locator": locator}
        _put(picture, item.data)
    elif item.text.strip():
        block = {"record": "block", "text": item.text, "kind": item.kind, "locator": locator}
        _put({**block, "level": item.level}, b"")


def _put(told: dict[str, Any], data: bytes) -> None:
    encoded = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    out = sys.stdout.buffer
    out.write(HEADER.pack(len(encoded), len(data)) + encoded + data)
    out.flush()


if __name__ == "__main__":
    main()
