"""The stand-in's embeddings: near neighbours, batches, and the service's own refusals."""

import asyncio

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestServer

from local.bedrock.embedding import EmbeddingScript, EmbeddingStandIn, Encoder, Fault, hashed
from local.bedrock.server import BedrockStandIn

TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "global.cohere.embed-v4:0"


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


async def titan(standin, text):
    body = {"inputText": text, "dimensions": 512, "normalize": True}
    return orjson.loads(await standin.answer("us-east-1", TITAN, body))["embedding"]


async def test_a_question_is_nearest_to_the_passage_that_answers_it_in_korean_and_english():
    passages = [
        "Employees receive twenty days of paid vacation every year.",
        "The server restarts automatically after a power failure.",
        "이 제품의 보증 기간은 구매일로부터 2년입니다.",
    ]
    questions = [
        ("How many vacation days do workers get?", 0),
        ("직원의 연간 유급 휴가는 며칠인가요?", 0),
        ("What happens when the electricity goes out?", 1),
        ("보증은 얼마나 오래 유효합니까?", 2),
        ("How long is the product's warranty?", 2),
    ]
    standin = EmbeddingStandIn()
    vectors = [await titan(standin, text) for text in passages]
    assert all(cosine(v, v) == pytest.approx(1, abs=1e-4) for v in vectors)
    for question, expected in questions:
        asked = await titan(standin, question)
        scores = [cosine(asked, vector) for vector in vectors]
        assert scores.index(max(scores)) == expected, question


async def test_both_wires_give_the_same_vectors():
    standin = EmbeddingStandIn(EmbeddingScript(vectors="hash"))
    body = {"texts": ["one", "two"], "input_type": "search_query", "output_dimension": 512}
    found = orjson.loads(await standin.answer("us-east-1", COHERE, body))["embeddings"]["float"]
    assert found == [await titan(standin, "one"), await titan(standin, "two")]


async def test_requests_that_come_together_are_encoded_together_and_not_mixed_up():
    sizes = []

    def encode(texts):
        sizes.append(len(texts))
        return [hashed(text) for text in texts]

    encoder = Encoder(encode)
    wanted = [[f"{n}", f"{n} again"] for n in range(100)]
    found = await asyncio.gather(*map(encoder.vectors, wanted))
    assert found == [[hashed(text) for text in texts] for texts in wanted]
    assert sizes == [128, 72]


async def test_an_encoder_that_failed_tells_those_who_wait_and_goes_on():
    def encode(texts):
        if "bad" in texts:
            raise ValueError("no")
        return [hashed(text) for text in texts]

    encoder = Encoder(encode)
    with pytest.raises(ValueError, match="no"):
        await asyncio.wait_for(encoder.vectors(["bad"]), 30)
    assert await asyncio.wait_for(encoder.vectors(["good"]), 30) == [hashed("good")]


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (TITAN, {"inputText": "", "dimensions": 512}),
        (TITAN, {"inputText": "x" * 50_001, "dimensions": 512}),
        (TITAN, {"inputText": "x", "dimensions": 100}),
        (COHERE, {"texts": ["x"] * 97, "input_type": "search_query", "output_dimension": 512}),
        (COHERE, {"texts": ["x"], "output_dimension": 512}),
        ("amazon.unknown", {"inputText": "x"}),
    ],
)
async def test_what_the_service_refuses_is_refused(model, body):
    with pytest.raises(Fault) as refused:
        await EmbeddingStandIn(EmbeddingScript(vectors="hash")).answer("us-east-1", model, body)
    assert refused.value.status == 400


async def test_a_script_is_set_over_the_wire_and_unsigned_calls_are_refused():
    standin = BedrockStandIn()
    server = TestServer(standin.app)
    await server.start_server()
    async with aiohttp.ClientSession() as http:
        script = {"embedding": {"vectors": "hash", "throttle": 1, "regions": ["eu-west-1"]}}
        await http.post(server.make_url("/_script"), json=script)
        answer = await http.post(server.make_url(f"/model/{TITAN}/invoke"), json={})
    await server.close()
    assert answer.status == 403
    assert standin.embedding.script == EmbeddingScript("hash", throttle=1, regions=("eu-west-1",))
