"""Embeddings on Bedrock: order, regions that fail, batches, and questions first."""

import asyncio
import io
import json
import time
from contextlib import asynccontextmanager

import boto3
import pytest
from aiohttp.test_utils import TestServer
from langchain_aws import BedrockEmbeddings

from core.aws.bedrock.embedding_wire import Caller, wire_of
from core.aws.bedrock.embeddings import EmbeddingPool
from core.ports.model import Broken, Overloaded, Refused
from core.values.tokens import estimate
from local.bedrock.embedding import EmbeddingScript, EmbeddingStandIn, hashed
from local.bedrock.server import BedrockStandIn

REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-2")
TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"
TEXTS = [f"text {n}" for n in range(60)]


class Time:
    """A clock that sleeping moves: to the nearest end, and not while a call is under way."""

    def __init__(self):
        self.now = 0.0
        self.slept = []
        self._ends = []
        self._busy = 0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        until = self.now + seconds
        self._ends.append(until)
        idle = 0
        try:
            while idle < 50:  # rounds in which whoever can go on has gone on
                waits = bool(self._busy) or until > min(self._ends)
                idle = 0 if waits else idle + 1
                await asyncio.sleep(0.002 if waits else 0)
        finally:
            self._ends.remove(until)
        self.now = max(self.now, until)

    def watch(self, call):
        async def watched(*arguments):
            self._busy += 1
            try:
                return await call(*arguments)
            finally:
                self._busy -= 1

        return watched


@asynccontextmanager
async def bedrock(script=None, regions=REGIONS, model=TITAN, fake=True, standin=None, **options):
    embedding = standin or EmbeddingStandIn()
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
        if fake:
            pool._post = clock.watch(pool._post)
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


async def test_throttled_calls_are_made_again_and_nobody_notices():
    script = EmbeddingScript(vectors="hash", throttle=25)
    async with bedrock(script) as (pool, standin, clock):
        vectors = await pool.embed(TEXTS)
    assert right(vectors, TEXTS)
    assert standin.throttled == 25
    assert clock.slept


async def test_a_whole_minute_of_throttling_is_absorbed_with_ever_longer_pauses():
    script = EmbeddingScript(vectors="hash", throttle_for=60)
    async with bedrock(script) as (pool, standin, clock):
        vectors = await pool.embed(TEXTS[:20])
    assert right(vectors, TEXTS[:20])
    assert 60 <= clock.now < 120
    assert standin.throttled < 60
    assert max(clock.slept) == 30


async def test_documents_are_given_up_after_minutes_in_which_nothing_succeeded():
    script = EmbeddingScript(vectors="hash", throttle_for=10_000)
    async with bedrock(script) as (pool, _, clock):
        with pytest.raises(Overloaded):
            await pool.embed(TEXTS)
    assert 300 < clock.now < 400


async def test_a_question_is_given_up_after_seconds():
    script = EmbeddingScript(vectors="hash", throttle_for=10_000)
    async with bedrock(script) as (pool, standin, clock):
        with pytest.raises(Overloaded):
            await pool.embed(["why?"], query=True)
        assert 2 < clock.now <= 5
    assert {call["region"] for call in standin.calls[:3]} == set(REGIONS)


async def test_a_question_goes_around_throttled_regions_at_once():
    script = EmbeddingScript(vectors="hash", throttle_for=10_000, regions=REGIONS[:2])
    async with bedrock(script) as (pool, _, clock):
        for _ in range(5):
            assert right(await pool.embed(["why?"], query=True), ["why?"])
        assert clock.now < 1


async def test_a_question_does_not_stand_in_line_behind_documents():
    script = EmbeddingScript(vectors="hash", latency=0.05)
    async with bedrock(script, fake=False, concurrency=1) as (pool, standin, _):
        book = asyncio.create_task(pool.embed(TEXTS))
        await asyncio.sleep(0.12)
        began = time.monotonic()
        await pool.embed(["why?"], query=True)
        took = time.monotonic() - began
        served = standin.served
        assert right(await book, TEXTS)
    assert served < 20
    assert took < 0.4


@pytest.mark.parametrize("failure", ["drop", "500", "503", "deny"])
async def test_a_region_that_is_down_or_denied_is_passed_over(failure):
    script = EmbeddingScript(vectors="hash", failure=failure, regions=(REGIONS[1],))
    async with bedrock(script) as (pool, standin, _):
        assert right(await pool.embed(TEXTS), TEXTS)
        begun = sum(call["region"] == REGIONS[1] for call in standin.calls)
        assert begun <= 8
        assert right(await pool.embed(["why?"], query=True), ["why?"])


async def test_a_region_nobody_can_reach_is_passed_over():
    async with bedrock() as (pool, _, _):
        await pool.embed(["first"])
        await pool._renew(pool._regions[0])
        pool._regions[0].caller.url = "http://127.0.0.1:9/"
        assert right(await pool.embed(TEXTS), TEXTS)


async def test_a_region_that_denied_is_asked_again_later():
    script = EmbeddingScript(vectors="hash", failure="deny", regions=(REGIONS[0],))
    async with bedrock(script, regions=REGIONS[:1]) as (pool, standin, clock):
        with pytest.raises(Refused):
            await pool.embed(TEXTS)
        standin.set(EmbeddingScript(vectors="hash"))
        with pytest.raises(Refused):
            await pool.embed(TEXTS)
        with pytest.raises(Refused):
            await pool.embed(TEXTS, query=True)
        clock.now += 301
        assert right(await pool.embed(TEXTS), TEXTS)


async def test_a_full_line_moves_on_once_a_throttled_region_is_well_again():
    script = EmbeddingScript(vectors="hash", throttle=4, latency=0.002)
    async with bedrock(script, regions=REGIONS[:1]) as (pool, _, _):
        assert right(await pool.embed(TEXTS), TEXTS)
        assert pool._regions[0].window.room == 4


async def test_no_region_has_more_calls_in_flight_than_it_may():
    running = most = 0

    class Counting(EmbeddingStandIn):
        async def answer(self, region, model, body):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            return await super().answer(region, model, body)

    async with bedrock(regions=REGIONS[:1], concurrency=3, standin=Counting()) as (pool, _, _):
        await asyncio.gather(pool.embed(TEXTS), pool.embed(TEXTS))
    assert most == 3


async def test_places_are_given_back_when_the_caller_is_cancelled():
    script = EmbeddingScript(vectors="hash", latency=0.05)
    async with bedrock(script, concurrency=2) as (pool, _, _):
        book = asyncio.create_task(pool.embed(TEXTS))
        await asyncio.sleep(0.06)
        book.cancel()
        with pytest.raises(asyncio.CancelledError):
            await book
        assert all(region.window.running == 0 for region in pool._regions)
        assert right(await pool.embed(TEXTS[:5]), TEXTS[:5])


async def test_an_empty_text_is_refused_before_any_call():
    async with bedrock() as (pool, standin, _):
        with pytest.raises(Refused):
            await pool.embed(["good", " \n"])
        assert await pool.embed([]) == []
    assert standin.calls == []


@pytest.mark.parametrize("text", ["x" * 60_000, "가" * 20_000])
@pytest.mark.parametrize("model", [TITAN, COHERE])
async def test_a_text_beyond_what_the_model_reads_is_cut(text, model):
    async with bedrock(model=model) as (pool, standin, _):
        (vector,) = await pool.embed([text])
    body = standin.calls[0]["body"]
    (sent,) = body["texts"] if "texts" in body else [body["inputText"]]
    assert 8_000 < len(sent) <= 50_000
    assert text.startswith(sent)
    assert estimate(sent) <= 8_192
    assert near(vector, sent)


@pytest.mark.parametrize("query", [False, True])
async def test_cohere_takes_96_texts_a_call_and_is_told_what_they_are_for(query):
    texts = [f"text {n}" for n in range(200)]
    async with bedrock(model=COHERE) as (pool, standin, _):
        assert right(await pool.embed(texts, query=query), texts)
    assert sorted(len(call["body"]["texts"]) for call in standin.calls) == [8, 96, 96]
    assert {call["model"] for call in standin.calls} == {COHERE}
    body = standin.calls[0]["body"]
    assert body["input_type"] == ("search_query" if query else "search_document")
    assert body["output_dimension"] == 512
    assert body["embedding_types"] == ["float"]


def test_both_forms_of_cohere_answers_are_read():
    wire = wire_of(COHERE, 2)
    assert wire.vectors(b'{"embeddings":{"float":[[1.0,0.0]]}}', 1) == [[1.0, 0.0]]
    assert wire.vectors(b'{"embeddings":[[1.0,0.0]]}', 1) == [[1.0, 0.0]]
    for odd in (b'{"embeddings":[[1.0]]}', b'{"embeddings":{}}', b'{"embeddings":[]}'):
        with pytest.raises(Broken):
            wire.vectors(odd, 1)


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b"{}", b'{"embedding":[1.0]}', b'{"embedding":null}']
)
async def test_an_answer_without_the_vector_is_broken(answer):
    class Odd(EmbeddingStandIn):
        async def answer(self, region, model, body):
            return answer

    async with bedrock(standin=Odd()) as (pool, _, _):
        with pytest.raises(Broken):
            await pool.embed(["why?"], query=True)


async def test_titan_gets_what_the_stock_class_would_send():
    async with bedrock() as (pool, standin, _):
        await pool.embed(["What is it?"])
        sent = {}

        class Recorder:
            def invoke_model(self, **parameters):
                sent.update(parameters)
                return {"body": io.BytesIO(b'{"embedding": [1.0]}')}

        stock = BedrockEmbeddings(
            client=Recorder(), model_id=TITAN, dimensions=512, model_kwargs={"normalize": True}
        )
        stock.embed_documents(["What is it?"])
    assert standin.calls[0]["body"] == json.loads(sent["body"])
    assert standin.calls[0]["model"] == sent["modelId"]


async def test_a_request_is_signed_as_botocore_signs_it():
    session = boto3.Session("test", "test", "token")
    caller = Caller(session, "eu-west-1", TITAN)
    caller.renew()
    headers = caller.headers(b"{}")
    assert caller.url == (
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.titan-embed-text-v2%3A0/invoke"
    )
    assert "/eu-west-1/bedrock/aws4_request" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "token"


async def test_a_bedrock_api_key_is_used_instead_of_a_signature(monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key")
    caller = Caller(boto3.Session(), "eu-west-1", TITAN)
    caller.renew()
    assert caller.headers(b"{}")["Authorization"] == "Bearer key"


async def test_without_credentials_it_is_refused(monkeypatch):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    pool = EmbeddingPool(REGIONS, session=boto3.Session())
    with pytest.raises(Refused):
        await pool.embed(["why?"], query=True)
    with pytest.raises(Refused):
        await pool.embed(TEXTS)
    await pool.close()


def test_a_model_that_is_not_known_is_refused():
    with pytest.raises(Refused):
        EmbeddingPool(REGIONS, "amazon.titan-embed-text-v1")
