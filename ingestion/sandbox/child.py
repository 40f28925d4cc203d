"""The child process that reads one file: restrict itself, choose the reader, write records."""

from __future__ import annotations

import ctypes
import importlib
import inspect
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from core.values.documents import Block, Locator, Picture
from ingestion.extract.errors import Unreadable
from ingestion.extract.sniff import kind
from ingestion.extract.total import Total
from ingestion.sandbox.confine import confine
from ingestion.sandbox.parent import HEADER, OUT_OF_MEMORY

PIECE = 500_000
"""The most characters of a block in one record; a longer one is written in pieces."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FORBIDDEN = (
    "ftplib.", "http.", "os.chmod", "os.chown", "os.exec", "os.fork", "os.kill", "os.link",
    "os.mkdir", "os.posix_spawn", "os.remove", "os.rename", "os.rmdir", "os.spawn", "os.symlink",
    "os.system", "os.truncate", "os.utime", "pty.", "shutil.", "smtplib.", "socket.", "subprocess.",
    "tempfile.", "urllib.", "webbrowser.",
)  # fmt: skip
"""Audit events that are refused. https://docs.python.org/3/library/audit_events.html"""
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read what to do from standard input, one line of JSON, and do it."""
    told = json.loads(sys.stdin.buffer.readline())
    out = _quiet()
    _limit(told)
    path, name = Path(told["path"]), told["name"]
    if missing := confine(path, _code()):
        _put(out, {"record": "unconfined", "missing": list(missing)}, b"")
    try:
        for item in read(path, name):
            _write(out, item)
    except Unreadable as exc:
        _put(out, {"record": "unreadable", "reason": exc.reason}, b"")
    except (MemoryError, RecursionError):
        raise SystemExit(OUT_OF_MEMORY) from None


def read(path: Path, name: str) -> Iterator[Block | Picture | Total]:
    """Yield the content of a file, by the reader for it. Raises Unreadable."""
    module = importlib.import_module(f"ingestion.extract.{kind(path, name)}")
    wants_name = len(inspect.signature(module.read).parameters) > 1
    yield from module.read(path, name) if wants_name else module.read(path)


def _quiet() -> BinaryIO:
    """Return our standard output for records only; what a parser prints is discarded."""
    out = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return out


def _limit(told: dict[str, Any]) -> None:
    """Set the limits that the kernel enforces; the parent also watches memory and total time."""
    if sys.platform == "linux":  # end with the process that started us
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    cpu = int(told["cpu"])
    for name, most, hard in (
        ("RLIMIT_AS", told["space"], told["space"]),
        (
            "RLIMIT_CPU",
            cpu,
            cpu + 5,
        ),  # the hard limit sends SIGKILL, which would be reported as "memory"
        ("RLIMIT_FSIZE", 0, 0),
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_NOFILE", 64, 64),
        ("RLIMIT_NPROC", 0, 0),
    ):
        number = getattr(resource, name, None)
        if number is not None:
            try:
                resource.setrlimit(number, (int(most), int(hard)))
            except (ValueError, OSError):
                continue  # not every system has every limit
    sys.addaudithook(_audit)


def _code() -> list[Path]:
    """Return the directories that Python imports from."""
    found = [Path(each) for each in sys.path if each]
    return [*found, Path(__file__).resolve().parents[2]]


def _audit(event: str, told: tuple[Any, ...]) -> None:
    """Refuse what a reader has no need for: connecting, starting processes, writing."""
    if event == "open":
        if isinstance(told[2], int) and told[2] & WRITES:
            raise PermissionError("a reader writes no file")
    elif event.startswith(FORBIDDEN):
        raise PermissionError(event)


def _write(out: BinaryIO, item: Block | Picture | Total) -> None:
    if isinstance(item, Total):
        _put(out, {"record": "total", "pages": item.pages}, b"")
        return
    where = {each.name: getattr(item.locator, each.name) for each in fields(Locator)}
    locator = {name: value for name, value in where.items() if value}
    if isinstance(item, Picture):
        picture = {"record": "picture", "media_type": item.media_type, "locator": locator}
        _put(out, picture, item.data)
        return
    for text in _pieces(item.text):
        block = {"record": "block", "text": text, "kind": item.kind, "locator": locator}
        _put(out, {**block, "level": item.level}, b"")


def _pieces(text: str) -> Iterator[str]:
    """Yield a text too long for one record in pieces, cut at line or word ends if possible."""
    while len(text) > PIECE:
        half = PIECE // 2
        cut = text.rfind("\n", half, PIECE) + 1 or text.rfind(" ", half, PIECE) + 1 or PIECE
        yield text[:cut]
        text = text[cut:]
    if text.strip():
        yield text


def _put(out: BinaryIO, told: dict[str, Any], data: bytes) -> None:
    encoded = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    out.write(HEADER.pack(len(encoded), len(data)) + encoded + data)
    out.flush()


if __name__ == "__main__":
    main()
