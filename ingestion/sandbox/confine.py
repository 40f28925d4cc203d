"""Kernel restrictions on a reader, which not even machine code in it can lift.

Python's audit hook stops a parser's Python code; code that calls the C library bypasses it. So, on
Linux, before the file is opened:

- seccomp: no sockets, no other programs, no signals to other processes and no look into them.
https://docs.kernel.org/userspace-api/seccomp_filter.html
- Landlock (Linux 5.13): only Python, this code, the system's libraries and the one file can be
opened: no other process's environment, no home directory.
https://docs.kernel.org/userspace-api/landlock.html
- no capabilities, and no way to regain any (`PR_SET_NO_NEW_PRIVS`).

The process that starts readers calls `undumpable`, which closes its memory and environment to
processes of the same user. https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html If the
system lacks one of these, the others still hold; `confine` returns what is missing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ingestion.sandbox.syscalls import REFUSED

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCH, FIRST = 0, 4, 16
"""Offsets in `struct seccomp_data` of the call's number, architecture and first argument."""
CLONE_THREAD = 0x10000
X32 = 0x40000000

_ARCHES = {
    # column in REFUSED; audit's number of it; clone; kill and tgkill; prlimit64; capset
    "x86_64": (0, 0xC000003E, 56, (62, 234), 302, 126),
    "aarch64": (1, 0xC00000B7, 220, (129, 131), 261, 91),
}
CLONE3 = 435
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
READ_FILE, READ_DIR = 1 << 2, 1 << 3
RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""The number of Landlock's file rights (the lowest bits), by the version that introduced them."""
SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/nix/store", "/opt", "/var/lang", "/var/runtime",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/dev/null", "/dev/zero",
    "/dev/urandom",
)  # fmt: skip


def undumpable() -> bool:
    """Close this process's memory and environment to others of its user. False if it cannot."""
    return sys.platform == "linux" and int(_libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0


def confine(path: Path, code: Iterable[Path]) -> Sequence[str]:
    """Restrict this process for good to what reading `path` takes. Returns what is not
    supported."""
    arch = _ARCHES.get(platform.machine())
    if sys.platform != "linux" or arch is None:
        return ("seccomp", "landlock")
    libc = _libc()
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    missing = [] if _landlock(libc, path, code) else ["landlock"]
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    libc.syscall(arch[5], header, none)
    program = _program(arch, os.getpid())
    filters = ctypes.create_string_buffer(program, len(program))
    told = struct.pack("@HP", len(program) // 8, ctypes.addressof(filters))
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, told, 0, 0) != 0:
        missing.append("seccomp")
    return tuple(missing)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _program(arch: tuple[int, int, int, tuple[int, int], int, int], own: int) -> bytes:
    """Build the filter: each step is an operation, the jumps if it holds and if not, and a
    value."""
    column, audit, clone, kills, prlimit, _ = arch
    no = (RETURN, 0, 0, ERRNO | errno.EPERM)
    steps = [
        (LOAD, 0, 0, ARCH), (EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, X32), no,
    ]  # fmt: skip
    for numbers in REFUSED.values():
        if numbers[column] >= 0:
            steps += [(EQUAL, 0, 1, numbers[column]), no]
    steps += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]  # glibc then uses clone
    for number, test in (
        (clone, (ANY_BIT, 1, 0, CLONE_THREAD)),
        *((each, (EQUAL, 1, 0, own)) for each in kills),
        (prlimit, (EQUAL, 1, 0, 0)),
    ):
        # the fifth step must return: the argument is loaded now, so no number can be compared
        steps += [(EQUAL, 0, 4, number), (LOAD, 0, 0, FIRST), test, no, (RETURN, 0, 0, ALLOW)]
    steps.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _landlock(libc: ctypes.CDLL, path: Path, code: Iterable[Path]) -> bool:
    version = libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return False
    bits = max(count for first, count in RIGHTS.items() if version >= first)
    ruleset = libc.syscall(LANDLOCK_CREATE, struct.pack("=Q", (1 << bits) - 1), 8, 0)
    if ruleset < 0:
        return False
    known = {path, *map(Path, (*SYSTEM, sys.prefix, sys.base_prefix)), *code}
    for each in known:
        try:
            opened = os.open(each, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        rights = READ_FILE | READ_DIR if each.is_dir() else READ_FILE
        libc.syscall(LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, opened), 0)
        os.close(opened)
    restricted = int(libc.syscall(LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)
    return restricted == 0
