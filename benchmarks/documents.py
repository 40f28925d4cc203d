"""Documents: many small ones with poison among them, one long pdf by stage, a huge one's memory,
and what retrieval adds to OpenSearch's own time.

Over ministack, a real OpenSearch node and the Bedrock stand-in (vectors from a hash after 40 ms),
each a process of its own; the ingester is in this one.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.bedrock.embeddings import EmbeddingPool
from core.aws.document_stores import DIMS, DocumentStores
from core.aws.dynamodb.cursors import DynamoCursors
from core.aws.dynamodb.departures import DynamoDepartures
from core.aws.dynamodb.erasures import DynamoErasures
from core.aws.dynamodb.history import DynamoHistory
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.dynamodb.waits import DynamoWaits
from core.aws.provision import provision
from core.aws.s3 import S3Vault
from core.aws.search.index_versions import IndexVersions
from core.aws.search.mapping import CANDIDATES
from core.aws.sqs.consumer import Consumer
from core.knowledge.library import IndexedLibrary
from core.runtime.fair_slots import FairSlots
from core.runtime.settings import EMBEDDING_MODEL
from core.values.conversation import Scope
from core.values.documents import Block, Chunk, Document, DocumentId, Locator, State, searched
from ingestion.app import Ingester
from ingestion.chunks import chunked
from ingestion.pictures import Eyes
from ingestion.pipeline import Pipeline
from ingestion.sandbox.parent import extract
from local.aws import LocalAws, free_port
from local.opensearch.node import LocalOpenSearch

REGION = "us-east-1"
DOCUMENTS = int(os.environ.get("PARLEY_BENCH_DOCUMENTS", "1000"))
CHUNKS = int(os.environ.get("PARLEY_BENCH_CHUNKS", "20000"))
POISON = 100
"""One of so many documents is a pdf that is none."""
AT_ONCE = 16
PAGES = 200
QUESTIONS = 200
HUGE = 100 * 2**20
WORDS = [f"word{n}" for n in range(4000)]
STANDIN = """
import asyncio, sys
from aiohttp import web
from local.bedrock.server import BedrockStandIn
from local.bedrock.embedding import EmbeddingScript
async def main():
    standin = BedrockStandIn()
    standin.embedding.set(EmbeddingScript(vectors="hash", latency=0.04))
    runner = web.AppRunner(standin.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1])).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Bench:
    shelf: DocumentStores
    calls: Calls
    bucket: str
    queue: str
    folder: Path


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Everything that documents need, fresh."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch())
        aws = stack.enter_context(LocalAws(folder / "aws", free_port()))
        node = stack.enter_context(LocalOpenSearch(folder / "opensearch", free_port()))
        port = stack.enter_context(_standin())
        os.environ.update(aws.env)
        os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = f"http://127.0.0.1:{port}"
        made = provision(REGION, bucket="bench", table="bench")
        calls, session = Calls(), boto3.Session(region_name=REGION)

        def pool(model: str, dims: int) -> EmbeddingPool:
            return EmbeddingPool([REGION, "eu-west-1", "ap-northeast-2"], model, session, dims=dims)

        index = IndexVersions(
            node.url, REGION, model=EMBEDDING_MODEL, dims=DIMS, pool=pool, table=made.table
        )
        manifest = DynamoManifest(
            client("dynamodb", REGION, session), made.table, calls, clock=time.time
        )
        vault = S3Vault(client("s3", REGION, session), made.bucket, calls)
        stack.callback(calls.close)
        stack.push_async_callback(index.close)
        dynamodb = client("dynamodb", REGION, session)
        shelf = DocumentStores(
            vault,
            manifest,
            DynamoErasures(dynamodb, made.table, calls, manifest),
            DynamoHistory(dynamodb, made.table, calls, clock=time.time),
            index,
            index,
            DynamoDepartures(dynamodb, made.table, calls, clock=time.time),
            DynamoCursors(dynamodb, made.table, calls),
            DynamoWaits(dynamodb, made.table, calls),
        )
        yield Bench(shelf, calls, made.bucket, made.files_queue, folder)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that OpenSearch can enter as well, which may be another user."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def _standin() -> Iterator[int]:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", STANDIN, str(port)]) as process:
        try:
            yield port
        finally:
            process.terminate()


class _Blind:
    async def stream(self, prompt: Any) -> AsyncIterator[Any]:
        nothing: tuple[Any, ...] = ()  # there are no images here
        for each in nothing:
            yield each


def _pipeline(on: Bench, **more: Any) -> Pipeline:
    shelf = on.shelf
    return Pipeline(
        shelf.vault,
        shelf.manifest,
        shelf.index,
        shelf.embeddings,
        Eyes(_Blind(), "haiku"),
        limit=2 * HUGE,
        **more,
    )


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


async def many(on: Bench) -> None:
    """From S3's events to searchable, against what reading alone would allow."""
    chance = random.Random(1)
    s3 = client("s3", REGION)
    bad = set(range(0, DOCUMENTS, POISON))
    files = []
    for n in range(DOCUMENTS):
        name = f"{n}.pdf" if n in bad else f"{n}.txt"
        data = b"%PDF-1.7 broken" if n in bad else _text(chance, 150).encode()
        files.append((name, data))

    def put(each: tuple[str, bytes]) -> None:
        s3.put_object(Bucket=on.bucket, Key=f"library/{each[0]}", Body=each[1])

    source = Consumer(
        client("sqs", REGION),
        on.queue,
        on.calls,
        Ingester(_pipeline(on)).handle,
        FairSlots({"message": AT_ONCE}),
    )
    began = time.perf_counter()
    running = asyncio.create_task(source.run())
    for start in range(0, DOCUMENTS, 64):
        await asyncio.gather(*(on.calls(put, each) for each in files[start : start + 64]))
    ids = [DocumentId("library", name) for name, _ in files]
    while True:
        found = await on.shelf.manifest.get(ids)
        states = [found[each].state for each in ids if each in found]
        if sum(each in (State.READY, State.FAILED) for each in states) == DOCUMENTS:
            break
        await asyncio.sleep(0.5)
    took = time.perf_counter() - began
    await source.drain(5)
    running.cancel()
    ready, failed = states.count(State.READY), states.count(State.FAILED)
    alone = await _reading(on, files[: min(DOCUMENTS, 400)])
    print("| documents | searchable | named as bad | documents/s | reading alone/s | ratio |")
    print("|---|---|---|---|---|---|")
    rate = DOCUMENTS / took
    print(f"| {DOCUMENTS} | {ready} | {failed} | {rate:.1f} | {alone:.1f} | {rate / alone:.2f} |\n")


async def _reading(on: Bench, files: Sequence[tuple[str, bytes]]) -> float:
    """Files a second that are read, each in a child of its own, and nothing else is done."""
    slots = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(name: str, data: bytes) -> None:
        path = on.folder / f"alone-{name}"
        async with slots:
            path.write_bytes(data)
            try:
                async for _ in extract(path, name):
                    pass
            except Exception:  # noqa: BLE001 - the poison
                return

    began = time.perf_counter()
    await asyncio.gather(*(one(*each) for each in files))
    return len(files) / (time.perf_counter() - began)


def _pdf(pages: Sequence[str], padding: int = 0) -> bytes:
    """A pdf of text; `padding` bytes of an attached stream make it as large as wanted."""
    objects = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        rows = [text[n : n + 90] for n in range(0, len(text), 90)]
        shown = " T* ".join(f"({row}) Tj" for row in rows)
        drawn = f"BT /F1 9 Tf 12 TL 40 760 Td {shown} ET".encode()
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects) + 2} "
            "0 R /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    if padding:
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (padding, b"\0" * padding))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>".encode()
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


async def long_pdf(on: Bench) -> None:
    """A pdf of 200 pages by stage, one after another; the pipeline overlaps the last two."""
    chance = random.Random(2)
    data = _pdf([_text(chance, 400) for _ in range(PAGES)])
    shelf, now, stages = on.shelf, time.perf_counter, {}

    async def pieces() -> AsyncIterator[bytes]:
        for n in range(0, len(data), 2**18):
            yield data[n : n + 2**18]

    at = now()
    await shelf.vault.store("other/long.pdf", pieces(), "application/pdf", HUGE)
    stages["store"], at = now() - at, now()
    path = on.folder / "long.pdf"
    await shelf.vault.fetch("other/long.pdf", path, HUGE)
    stages["fetch"], at = now() - at, now()
    items = [each async for each in extract(path, "long.pdf")]
    stages["read"], at = now() - at, now()
    blocks = [each for each in items if isinstance(each, Block)]
    chunks = [*chunked(blocks)]
    stages["chunk"], at = now() - at, now()
    vectors = await shelf.embeddings.embed([searched("long.pdf", each) for each in chunks])
    stages["embed"], at = now() - at, now()
    await shelf.index.put(Document(DocumentId("other", "x"), "x", "x"), "1", chunks, vectors)
    await shelf.index.refresh()
    stages["index"] = now() - at
    whole = sum(stages.values())
    print(f"A pdf of {PAGES} pages, {len(chunks)} chunks, {len(data) / 1e6:.1f} MB")
    print(f"| {' | '.join(stages)} | s in all |\n|{'---|' * (len(stages) + 1)}")
    print(f"| {' | '.join(f'{each / whole:.0%}' for each in stages.values())} | {whole:.1f} |\n")


async def huge_pdf(on: Bench) -> None:
    """Memory while a pdf of 100 MB goes through vault and pipeline."""
    chance = random.Random(3)
    path = on.folder / "huge.pdf"
    await asyncio.to_thread(_write_huge, path, [_text(chance, 300) for _ in range(50)])
    size, before = path.stat().st_size, _resident()

    async def pieces() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(2**18):
                yield piece

    await on.shelf.vault.store("library/huge.pdf", pieces(), "application/pdf", 2 * HUGE)
    stored = _resident()
    children = 0

    async def watched(path: Path, name: str) -> AsyncIterator[Any]:
        nonlocal children
        async for each in extract(path, name):
            children = max(children, _child())
            yield each

    source = Consumer(
        client("sqs", REGION),
        on.queue,
        on.calls,
        Ingester(_pipeline(on, read=watched)).handle,
        FairSlots({"message": AT_ONCE}),
    )
    running = asyncio.create_task(source.run())
    document = DocumentId("library", "huge.pdf")
    while True:
        known = (await on.shelf.manifest.get([document])).get(document)
        if known is not None and known.state in (State.READY, State.FAILED):
            break
        await asyncio.sleep(0.2)
    await source.drain(5)
    running.cancel()
    print(f"A pdf of {size / 2**20:.0f} MB: {known.state}")
    print("| | MB resident at most |\n|---|---|")
    print(f"| this process before | {before / 1024:.0f} |")
    print(f"| stored (as the worker does) | {stored / 1024:.0f} |")
    print(f"| ingested | {_resident() / 1024:.0f} |")
    print(f"| the child that reads it | {children / 1024:.0f} |\n")


def _write_huge(path: Path, pages: Sequence[str]) -> None:
    """In a process of its own, so that its memory is not taken for ours."""
    code = (
        "import json, sys; from benchmarks.documents import _pdf, HUGE; "
        "open(sys.argv[1], 'wb').write(_pdf(json.load(sys.stdin), HUGE - 2**20))"
    )
    told = json.dumps(list(pages))
    subprocess.run([sys.executable, "-c", code, str(path)], input=told, text=True, check=True)


def _child() -> int:
    """KB that the reading child has had at most."""
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"ingestion.sandbox.child" in (each / "cmdline").read_bytes():
                status = (each / "status").read_text()
                return int(status.partition("VmHWM:")[2].split()[0])
    return 0


def _resident() -> int:
    """The most KB that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class _Instant:
    """Vectors at once: what an embedding takes is Bedrock's."""

    def __init__(self, vectors: Sequence[Sequence[float]]) -> None:
        self._vectors = vectors
        self._at = 0

    async def embed(
        self, texts: Sequence[str], *, query: bool = False
    ) -> Sequence[Sequence[float]]:
        self._at += 1
        return [self._vectors[self._at % len(self._vectors)] for _ in texts]


async def retrieval(on: Bench) -> None:
    """What a search takes beside the requests to OpenSearch that it makes, one after another."""
    chance = random.Random(4)
    centres = [[chance.gauss(0, 1) for _ in range(512)] for _ in range(200)]

    def near() -> list[float]:
        return [each + chance.gauss(0, 0.5) for each in chance.choice(centres)]

    index, manifest = (await on.shelf.index.live()).index, on.shelf.manifest
    per, place = 50, "slack/T/C"
    for n in range(CHUNKS // per):
        document = DocumentId(place, f"F{n}")
        chunks = [
            Chunk(i, _text(chance, 60), Locator("page", i + 1, i + 1), i - i % 5, i - i % 5 + 4)
            for i in range(per)
        ]
        row = Document(document, f"{n}.pdf", f"{place}/F{n}/{n}.pdf")
        await index.put(row, "1", chunks, [near() for _ in chunks])
        await manifest.begin_version(document, row.key, row.name, "1", 1)
        await manifest.ready(document, "1", pages=per, chunks=per)
    await index.refresh()
    vectors = [near() for _ in range(QUESTIONS)]
    library = IndexedLibrary(index, manifest, _Instant(vectors))
    scopes = frozenset({Scope(place), Scope("library")})
    own: list[float] = []
    real = index._asked  # noqa: SLF001

    async def timed(call: Any, **arguments: Any) -> Any:
        at = time.perf_counter()
        try:
            return await real(call, **arguments)
        finally:
            own.append(time.perf_counter() - at)

    index._asked = timed  # type: ignore[method-assign] # noqa: SLF001
    whole, inside = [], []
    for n in range(QUESTIONS):
        own.clear()
        at = time.perf_counter()
        await library.search(_text(chance, 8), scopes)
        if n >= 20:  # warm
            whole.append(time.perf_counter() - at)
            inside.append(sum(own))
    index._asked = real  # type: ignore[method-assign] # noqa: SLF001
    print(f"Retrieval at {CHUNKS} chunks, {CANDIDATES} candidates a leg, one question at a time")
    print("| | p50 ms | p95 ms |\n|---|---|---|")
    for name, times in (("OpenSearch's requests", inside), ("a search whole", whole)):
        print(f"| {name} | {_at(times, 50):.1f} | {_at(times, 95):.1f} |")
    bound = 1.1 * _at(inside, 95) + 10
    print(f"| goal at p95 (1.1 × + 10 ms) | | {bound:.1f} |\n")


def _at(times: Sequence[float], percent: int) -> float:
    return 1000 * statistics.quantiles(times, n=100)[percent - 1]


async def main() -> None:
    """All four, each on a fresh set-up."""
    for each in (many, long_pdf, huge_pdf, retrieval):
        async with bench() as on:
            await each(on)


if __name__ == "__main__":
    asyncio.run(main())
