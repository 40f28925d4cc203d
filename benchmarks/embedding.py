"""Embedding 2,000 chunks: the pool of regions, what its concurrency allows, and the stock class.

The stand-in runs in a process of its own and answers after 40 ms with vectors made from a hash, so
that the client is measured and not a model.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.request
from dataclasses import dataclass

import boto3
from aiohttp import web
from langchain_aws import BedrockEmbeddings

from core.aws.bedrock.embeddings import EmbeddingPool
from local.bedrock.server import BedrockStandIn

REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-2")
TITAN, COHERE = "amazon.titan-embed-text-v2:0", "us.cohere.embed-v4:0"
LATENCY = 0.04
CHUNKS = [
    f"{n}. " + "The quarterly report says that revenue in Seoul grew by a tenth. " * 24
    for n in range(2000)
]
SAMPLE = 100
QUOTA = 100
RUNS = ((TITAN, 1, 4), (TITAN, 1, 8), (TITAN, 1, 32), (COHERE, 96, 4))


@dataclass(frozen=True, slots=True)
class Run:
    """Chunks a second, process CPU in µs a chunk, and how many calls were throttled."""

    rate: float
    cpu: float
    throttled: int = 0


async def main() -> None:
    """Prints the tables."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    command = (sys.executable, "-m", "benchmarks.embedding", "serve")
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert server.stdout is not None
        line = await server.stdout.readline()
        os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = line.decode().strip()
        await _tables()
    finally:
        server.terminate()
        await server.wait()
        os.environ.pop("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", None)


async def _tables() -> None:
    _script(vectors="hash", latency=LATENCY)
    stock = await asyncio.to_thread(_stock)
    print(f"\nEmbedding {len(CHUNKS)} chunks of 1,600 characters, 40 ms a call, three regions")
    print("| client | in flight a region | chunks/s | of the allowed | CPU µs a chunk | × stock |")
    print("|---|---|---|---|---|---|")
    print(f"| BedrockEmbeddings | 1 in all | {stock.rate:.0f} | | {stock.cpu:.0f} | 1 |")
    for model, batch, concurrency in (
        (TITAN, 1, 4),
        (TITAN, 1, 8),
        (TITAN, 1, 32),
        (COHERE, 96, 4),
    ):
        run = await _pool(model, concurrency)
        allowed = batch * concurrency * len(REGIONS) / LATENCY
        share = f"{run.rate / allowed:.2f}" if batch == 1 else ""
        name = "pool, Titan" if batch == 1 else "pool, Cohere in 96s"
        print(
            f"| {name} | {concurrency} | {run.rate:.0f} | {share} | {run.cpu:.0f} | "
            f"{run.rate / stock.rate:.0f} |"
        )
    _script(vectors="hash", latency=LATENCY, rate=QUOTA)
    run = await _pool(TITAN, 32)
    print(
        f"\nWith a quota of {QUOTA} calls/s in each region (a second's worth kept): "
        f"{run.rate:.0f} chunks/s, {run.rate / QUOTA / len(REGIONS):.2f} of it; "
        f"{run.throttled / len(CHUNKS):.2f} calls throttled for each chunk"
    )


def _stock() -> Run:
    embeddings = BedrockEmbeddings(model_id=TITAN, region_name=REGIONS[0], dimensions=512)
    embeddings.embed_documents(CHUNKS[:2])
    began, cpu = time.perf_counter(), time.process_time()
    embeddings.embed_documents(CHUNKS[:SAMPLE])
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Run(SAMPLE / took, cpu / SAMPLE * 1e6)


async def _pool(model: str, concurrency: int) -> Run:
    pool = EmbeddingPool(REGIONS, model, boto3.Session(), concurrency=concurrency)
    await pool.embed(CHUNKS[: 3 * concurrency])  # connections, credentials
    before = _throttled()
    began, cpu = time.perf_counter(), time.process_time()
    await pool.embed(CHUNKS)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    await pool.close()
    return Run(len(CHUNKS) / took, cpu / len(CHUNKS) * 1e6, _throttled() - before)


def _script(**embedding: object) -> None:
    _post("_script", {"embedding": embedding})


def _throttled() -> int:
    return int(_post("_count", {})["throttled"])


def _post(path: str, body: object) -> dict[str, int]:
    url = os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    request = urllib.request.Request(f"{url}/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        found: dict[str, int] = json.load(answer)
        return found


async def serve() -> None:
    """The stand-in, until it is killed."""
    standin = BedrockStandIn()
    app = standin.app

    async def count(_: web.Request) -> web.Response:
        return web.json_response({"throttled": standin.embedding.throttled})

    app.router.add_post("/_count", count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve() if "serve" in sys.argv else main())
