"""Read a file in a child process that cannot harm us: limits on memory, CPU, time and output.

No parser survives every file: some use gigabytes, some loop, some abort the process. The child gets
none of our environment, may not open sockets or write files (`confine` makes the kernel enforce
that), and is killed with its process group when it exceeds a limit, is cancelled, or produces
nothing for too long.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import struct
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.runtime.tasks import running
from core.values.documents import Block, Locator, Picture
from ingestion.extract.errors import Unreadable
from ingestion.extract.total import Total
from ingestion.sandbox.confine import undumpable

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
HEADER = struct.Struct(">II")
"""The header of a record: the lengths of its JSON and of the bytes after it."""
OUT_OF_MEMORY = 77
"""Exit status of a child whose memory did not suffice."""
MIB = 1024**2
LOOK = 0.2
"""Seconds between checks of the child's memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`stall`: seconds without a record; `cpu` and `wall`: seconds in all; the others are bytes.

    Time in which nobody takes the records counts towards neither `stall` nor `wall`.
    """

    stall: float = 30.0
    cpu: int = 240
    wall: float = 600.0
    space: int = 1024 * MIB
    resident: int = 512 * MIB
    output: int = 256 * MIB
    record: int = 32 * MIB
    records: int = 1_000_000


Record = Block | Picture | Total
USUAL = Limits()
_SAID: set[str] = set()
"""What was already logged about this system."""


async def extract(path: Path, name: str, limits: Limits = USUAL) -> AsyncIterator[Record]:
    """Yield the content of a file in order. Raises Unreadable."""
    undumpable()
    told = json.dumps({"path": str(path), "name": name, **asdict(limits)})
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-IB",
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        "from ingestion.sandbox.child import main; main()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        start_new_session=True,
        cwd=path.parent,
        limit=MIB,
    )
    watch = _Watch(child, limits)
    async with running(watch.run()) as (guard,):
        try:
            if child.stdin is None or child.stdout is None:
                raise AssertionError("pipes were asked for")
            with suppress(ConnectionError):
                child.stdin.write(told.encode() + b"\n")
                await child.stdin.drain()
            async with aclosing(_records(child.stdout, watch)) as records:
                async for record in records:
                    yield record
            await child.wait()
            if guard.done():
                guard.result()
            if watch.reason or child.returncode:
                raise Unreadable(watch.reason or _reason(child.returncode))
        finally:
            watch.kill()
            with suppress(ProcessLookupError):
                await child.wait()


class _Watch:
    """Kills a child that exceeds its limits, and remembers why."""

    def __init__(self, child: asyncio.subprocess.Process, limits: Limits) -> None:
        self._child = child
        self._limits = limits
        self._now = asyncio.get_running_loop().time
        self.reason = ""
        self._since = self._now()
        self._waits = True
        self._waited = 0.0
        self._size = self._count = 0

    async def run(self) -> None:
        """Check the limits until the child ends or exceeds one."""
        try:
            while self._child.returncode is None and not self.reason:
                self.reason = self._exceeded()
                if not self.reason:
                    await asyncio.sleep(LOOK)
        finally:
            self.kill()  # nothing runs without its limits

    def waits(self) -> None:
        """Start the stall time: we wait for the child's next record."""
        self._waits, self._since = True, self._now()

    def heard(self) -> None:
        """Stop the clocks: a record has arrived, and while it is handled the child is not to
        blame."""
        self._waits = False
        self._waited += self._now() - self._since

    def weigh(self, size: int) -> None:
        """Check the size of a record before it is read. Raises Unreadable."""
        self._size += size
        self._count += 1
        most = self._limits
        if size > most.record or self._size > most.output or self._count > most.records:
            raise Unreadable("too_large")

    def kill(self) -> None:
        """Kill the child with its process group."""
        if self._child.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _exceeded(self) -> str:
        waiting = self._now() - self._since if self._waits else 0.0
        if waiting > self._limits.stall or self._waited + waiting > self._limits.wall:
            return "too_slow"
        return "too_much_memory" if _resident(self._child.pid) > self._limits.resident else ""


async def _records(stream: asyncio.StreamReader, watch: _Watch) -> AsyncGenerator[Record, None]:
    while True:
        watch.waits()
        try:
            told, more = HEADER.unpack(await stream.readexactly(HEADER.size))
            watch.weigh(told + more)
            fields = json.loads(await stream.readexactly(told))
            data = await stream.readexactly(more)
        except asyncio.IncompleteReadError:
            return  # the child ended, or was killed
        except (ValueError, RecursionError) as exc:
            raise Unreadable("damaged") from exc
        watch.heard()
        if isinstance(fields, dict) and fields.get("record") == "unconfined":
            _unconfined(fields)
            continue
        try:
            record = _record(fields, data)
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise Unreadable("damaged") from exc  # a compromised parser may send anything
        yield record


def _unconfined(fields: dict[str, object]) -> None:
    """Log once which restrictions this system does not support."""
    for each in ("seccomp", "landlock"):
        if each in str(fields.get("missing")) and each not in _SAID:
            _SAID.add(each)
            log.warning("this system has no %s: readers of files are less shut in", each)


def _record(fields: dict[str, object], data: bytes) -> Record:
    match fields.pop("record"):
        case "unreadable":
            raise Unreadable(str(fields["reason"]))
        case "total":
            return Total(int(str(fields["pages"])))
        case kind:
            where = fields.pop("locator")
            locator = Locator(**where) if isinstance(where, dict) else Locator()
            locator = replace(locator, headings=tuple(locator.headings))
            if kind == "picture":
                return Picture(data, str(fields["media_type"]), locator)
            return Block(locator=locator, **fields)  # type: ignore[arg-type]


def _reason(code: int | None) -> str:
    """Return why a child ended by itself, from its exit status."""
    match code:
        case _ if code == OUT_OF_MEMORY:
            return "too_much_memory"
        case None:
            return "damaged"
        case _ if code == -signal.SIGXCPU:
            return "too_slow"
        case _ if code == -signal.SIGKILL:
            return "too_much_memory"
        case _:
            return "damaged"


def _resident(pid: int) -> int:
    """Return the bytes of memory a process has; 0 if the system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
