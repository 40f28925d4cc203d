"""The child and its parent: nothing that a reader does reaches further than its records."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from core.values.documents import Block, Locator
from ingestion.extract.errors import Unreadable
from ingestion.sandbox import parent
from ingestion.sandbox.parent import Limits, extract
from tests.ingestion.extract.reading import blocks, put, read, reason

ROOT = Path(__file__).parents[3]
MIB = 1024**2


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Makes a reader of our own the one for `.txt`, and gives a file for it."""
    (tmp_path / "ingestion" / "extract").mkdir(parents=True)
    (tmp_path / "core").symlink_to(ROOT / "core")
    (tmp_path / "ingestion" / "__init__.py").symlink_to(ROOT / "ingestion" / "__init__.py")
    (tmp_path / "ingestion" / "sandbox").mkdir()
    for each in (ROOT / "ingestion" / "sandbox").glob("*.py"):
        (tmp_path / "ingestion" / "sandbox" / each.name).symlink_to(each)
    for each in (ROOT / "ingestion" / "extract").glob("*.py"):
        if each.name != "text.py":
            (tmp_path / "ingestion" / "extract" / each.name).symlink_to(each)
    monkeypatch.setattr(parent, "ROOT", tmp_path)

    def make(body):
        lines = "\n    ".join(body.splitlines())
        (tmp_path / "ingestion" / "extract" / "text.py").write_text(
            "import os, sys, time, socket, subprocess\n"
            "from core.values.documents import Block, Locator, Picture\n"
            f"def read(path):\n    {lines}\n    yield Block('the end')\n"
        )
        return put(tmp_path, "a.txt", "hello")

    return make


def alive(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_records_arrive_as_the_reader_made_them(reader):
    path = reader(
        "yield Block('한글 🎈', Locator('page', 2, 3, headings=('a', 'b')), 'heading', 2)"
    )
    first, _ = await read(path)
    assert first == Block("한글 🎈", Locator("page", 2, 3, headings=("a", "b")), "heading", 2)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("x = [bytearray(10_000_000) for _ in range(60)]; time.sleep(9)", "too_much_memory"),
        ("x = bytearray(1_100_000_000)", "too_much_memory"),
        ("while True: pass", "too_slow"),
        ("time.sleep(60)", "too_slow"),
        ("os.kill", "the end"),
        ("os.abort()", "damaged"),
        ("sys.exit(3)", "damaged"),
        ("import ctypes; ctypes.string_at(0)", "damaged"),
        ("raise ValueError", "damaged"),
        ("def f(): f()\nf()", "too_much_memory"),
        ("while True: yield Block('x' * 100_000)", "too_large"),
        ("while True: yield Block('x')", "too_large"),
        ("while True: yield Picture(b'x' * 30_000_000, 'image/png')", "too_large"),
    ],
)
async def test_what_ends_a_reader_has_a_name(reader, body, why):
    path = reader(body)
    limits = {"stall": 1.5 if why == "too_slow" else 20, "output": 40 * MIB, "records": 2000}
    if why == "the end":
        assert [each.text for each in await read(path, **limits)] == ["the end"]
    else:
        assert await reason(path, **limits) == why


async def test_a_reader_that_says_something_now_and_then_still_ends(reader):
    slow = "while True:\n    time.sleep(0.1)\n    yield Block('on and on')"
    assert await reason(reader(slow), wall=1.0) == "too_slow"
    busy = (
        "while True:\n    t = time.process_time()\n    while time.process_time() - t < 0.2: pass\n"
        "    yield Block('x')"
    )
    assert await reason(reader(busy), cpu=1) == "too_slow"


@pytest.mark.parametrize(
    "deed",
    [
        "socket.socket()",
        "import _socket; _socket.socket()",
        "socket.getaddrinfo('localhost', 80)",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], os.environ)",
        "os.execv('/bin/true', ['true'])",
        "open('{0}/left', 'w')",
        "os.open('{0}/left', os.O_CREAT | os.O_WRONLY)",
        "os.mkdir('{0}/left')",
        "os.remove(path)",
        "os.rename(path, '{0}/left')",
        "import tempfile; tempfile.TemporaryFile()",
    ],
)
async def test_a_reader_reads_and_does_nothing_else(reader, tmp_path, deed):
    body = f"try:\n    {deed.format(tmp_path)}\nexcept OSError: yield Block('refused')"
    path = reader(body)
    assert [each.text for each in await blocks(path)] == ["refused", "the end"]
    assert path.exists()
    assert not (tmp_path / "left").exists()


async def test_our_environment_stays_ours(reader, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    path = reader("import json; yield Block(json.dumps(sorted(os.environ)))")
    first, _ = await blocks(path)
    assert set(json.loads(first.text)) <= {"LANG", "PATH", "LC_CTYPE"}


async def test_only_the_one_parser_is_loaded(reader):
    path = reader("yield Block(' '.join(sys.modules))")
    first, _ = await blocks(path)
    assert not {"pypdfium2", "docx", "pptx", "PIL", "lxml", "boto3"} & set(first.text.split())


async def test_what_a_parser_prints_is_no_record(reader):
    path = reader("print('warning: odd')\nsys.stdout.flush()\nos.write(1, b'more')")
    assert [each.text for each in await blocks(path)] == ["the end"]


@pytest.mark.parametrize(
    "said",
    [
        b"\0\0\0\2\0\0\0\0[]",
        b"\0\0\0\2\0\0\0\0{}",
        b"\0\0\0\3\0\0\0\0abc",
        b'\0\0\0\x21\0\0\0\0{"record":"block","locator":"xyz"}',
        b'\0\0\0\x1c\0\0\0\0{"record":"total","pages":[]}',
    ],
)
async def test_a_child_that_was_taken_over_only_has_a_damaged_file(reader, said):
    path = reader(
        f"for fd in range(3, 20):\n    try: os.write(fd, {said!r})\n    except OSError: 0"
    )
    assert await reason(path) == "damaged"


async def test_a_text_without_end_is_told_in_pieces(reader):
    path = reader("yield Block('word ' * 300_000)\nyield Block('x' * 1_200_000)")
    found = [each.text for each in await blocks(path)]
    assert "".join(found) == "word " * 300_000 + "x" * 1_200_000 + "the end"
    assert max(map(len, found)) <= 500_000


async def test_the_child_waits_for_whoever_listens(reader, tmp_path):
    """Back-pressure: it does not run ahead, and it is not to blame for the time."""
    path = reader(
        "for n in range(200):\n    yield Block('x' * 200_000 + str(time.monotonic()))\n"
        "    last = time.monotonic()"
    )
    times = []
    async for each in extract(path, path.name, Limits(stall=0.8, wall=0.8)):
        times.append(each.text.lstrip("x"))
        if len(times) == 1:
            await asyncio.sleep(1.5)
    assert float(times[150]) - float(times[0]) > 1.4


async def pid_of(reading):
    first = await anext(reading)
    return int(first.text)


TELLS = "yield Block(str(os.getpid()))\nwhile True: time.sleep(0.01)"


async def test_closing_ends_the_child(reader):
    path = reader(TELLS)
    reading = extract(path, path.name)
    pid = await pid_of(reading)
    assert alive(pid)
    await reading.aclose()
    assert not alive(pid)


async def test_cancelling_ends_the_child(reader):
    path = reader(TELLS)
    pids = asyncio.Queue()

    async def listen():
        async for each in extract(path, path.name):
            await pids.put(int(each.text))

    task = asyncio.create_task(listen())
    pid = await pids.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)


async def test_a_child_does_not_outlive_its_parent(reader, tmp_path):
    path = reader(TELLS)
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom ingestion.sandbox import parent\n"
        f"parent.ROOT = Path({str(tmp_path)!r})\n"
        "async def main():\n"
        f"    async for each in parent.extract(Path({str(path)!r}), 'a.txt'):\n"
        "        print(each.text, flush=True)\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=subprocess.PIPE
    )
    pid = int(await parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    for _ in range(500):
        if not alive(pid):
            break
        await asyncio.sleep(0.02)
    assert not alive(pid)


async def test_many_files_leave_nothing_behind(reader):
    path = reader("yield Block('x')")
    before = open_files()
    for _ in range(5):
        await asyncio.gather(*(read(path) for _ in range(4)))
    assert open_files() <= before + 1


async def test_what_was_read_before_the_trouble_is_still_told(reader):
    path = reader("yield Block('good')\nos.abort()")
    found = []
    with pytest.raises(Unreadable):
        async for each in extract(path, path.name):
            found += [each.text]
    assert found == ["good"]
