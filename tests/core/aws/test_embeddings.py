"""Embeddings on Bedrock: order, regions that fail, batches, and questions first."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import boto3
import pytest
from aiohttp.test_utils import TestServer

from core.aws.embeddings import EmbeddingPool
from core.ports import Broken, Overloaded, Refused
from local.bedrock import BedrockStandIn
from local.embedding import EmbeddingScript, EmbeddingStandIn, hashed

REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-2")
TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"
TEXTS = [f"text {n}" for n in range(60)]


class Time:
    """A clock that sleeping moves."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0.002)
        self.now = max(self.now, until)


@asynccontextmanager
async def bedrock(script=None, regions=REGIONS, model=TITAN, fake=True, **options):
    embedding = EmbeddingStandIn()
    clock = Time()
    if fake:
        embedding.clock = clock
        options = {"sleep": clock.sleep, "clock": clock, "chance": lambda: 1.0, **options}
    embedding.set(script or EmbeddingScript(vectors="hash"))
    server = TestServer(BedrockStandIn(embedding=embedding).app)
    await server.start_server()
    session = boto3.Session("test", "test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", str(server.make_url("/")).rstrip("/"))
        pool = EmbeddingPool(regions, model, session, **{"concurrency": 4, **options})
    try:
        yield pool, embedding, clock
    finally:
        await pool.close()
        await server.close()


def near(vector, text):
    return sum(a * b for a, b in zip(vector, hashed(text), strict=True)) > 0.999


def right(vectors, texts):
    return len(vectors) == len(texts) and all(map(near, vectors, texts))


async def test_vectors_come_in_the_order_of_the_texts_over_all_regions():
    async with bedrock(EmbeddingScript(vectors="hash", latency=0.005)) as (pool, standin, _):
        vectors = await pool.embed(TEXTS)
    assert right(vectors, TEXTS)
    assert {call["region"] for call in standin.calls} == set(REGIONS)
    assert len(standin.calls) == len(TEXTS)
