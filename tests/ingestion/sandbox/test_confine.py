"""What machine code in a reader can do: nothing but read its file."""

import asyncio
import ctypes
import os
import sys

import pytest

from ingestion.sandbox import parent
from tests.ingestion.extract.reading import put, read
from tests.ingestion.sandbox.test_parent import reader

__all__ = ["reader"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own means")

DEEDS = {
    "a socket": "libc.socket(2, 1, 0)",
    "a socket of this machine": "libc.socket(1, 1, 0)",
    "a pair of sockets": "libc.socketpair(1, 1, 0, (ctypes.c_int * 2)())",
    "io_uring": "libc.syscall(425, 8, bytes(120))",
    "another process": "libc.fork()",
    "another program": "libc.execv(b'/bin/true', (ctypes.c_char_p * 2)(b'/bin/true', None))",
    "a signal to its parent": "libc.kill(os.getppid(), 0)",
    "limits of its parent": "libc.prlimit(os.getppid(), 7, None, (ctypes.c_ulong * 2)())",
    "a look into its parent": "libc.ptrace(16, os.getppid(), None, None)",
    "its parent's environment": "libc.open(b'/proc/%d/environ' % os.getppid(), 0)",
    "the first process's environment": "libc.open(b'/proc/1/environ', 0)",
    "a file beside its own": "libc.open(os.path.dirname(path).encode() + b'-other', 0)",
    "the users of this machine": "libc.open(b'/etc/passwd', 0)",
    "a file of its own": "libc.open(os.path.dirname(path).encode() + b'/new', 65, 0o600)",
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_the_kernel_refuses_a_reader(deed, reader):
    path = reader(
        "import ctypes, errno\n"
        "path = str(path)\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        f"done = {DEEDS[deed]}\n"
        "name = errno.errorcode.get(ctypes.get_errno())\n"
        "yield Block(f'{done} {name}')"
    )
    put(path.parent.parent, f"{path.parent.name}-other", "somebody else's")
    said = (await read(path))[0].text
    assert said in ("-1 EPERM", "-1 EACCES"), said


async def test_a_reader_may_signal_itself(reader):
    path = reader(
        "import ctypes\nlibc = ctypes.CDLL(None)\nyield Block(str(libc.kill(os.getpid(), 0)))"
    )
    assert (await read(path))[0].text == "0"


async def test_whoever_starts_a_reader_is_closed_to_its_user(reader):
    await read(reader("yield Block('x')"))
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0  # PR_GET_DUMPABLE
    # without its capabilities root is a user like others: its own parent's environment is shut
    code = (
        "import ctypes, os, struct; libc = ctypes.CDLL(None)\n"
        "libc.capset(struct.pack('=Ii', 0x20080522, 0), bytes(24))\n"
        "try: open(f'/proc/{os.getppid()}/environ').read(); print('read')\n"
        "except PermissionError: print('refused')"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert (await child.communicate())[0].strip() == b"refused"


async def test_a_system_without_the_means_still_reads_and_says_so_once(reader, monkeypatch, caplog):
    monkeypatch.setattr(parent, "_SAID", set())
    path = reader("yield Block('x')")
    folder = path.parent / "ingestion" / "sandbox"
    (folder / "confine.py").unlink()
    (folder / "confine.py").write_text(
        "def confine(path, code): return ('seccomp',)\ndef undumpable(): return False\n"
    )
    assert [each.text for each in await read(path)] == ["x", "the end"]
    await read(path)
    assert caplog.text.count("has no seccomp") == 1
    assert "landlock" not in caplog.text
