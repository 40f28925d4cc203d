"""Claude on Bedrock: the wire, the pool of regions, and what goes wrong."""

import asyncio
import json
from contextlib import asynccontextmanager

import boto3
import pytest
from aiohttp.test_utils import TestServer
from botocore.config import Config

from core.aws.bedrock.client import BedrockModel
from core.aws.bedrock.converse import chat_model, messages, parameters
from core.ports.model import Broken, ModelError, Overloaded, Refused
from core.turn.prompt import prompt as prompts
from core.values.answer import CachePoints, Message, Prompt
from core.values.effort import Task
from core.values.models import MODELS
from local.bedrock import server
from local.bedrock.server import BedrockStandIn, Script

REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-2")
ASKED = Prompt("sonnet", "Be brief.", (Message("user", "Hello?"),))
TEXT = "Hello, this is a streamed answer of some words."


@asynccontextmanager
async def bedrock(script=None, regions=REGIONS, **options):
    standin = BedrockStandIn(script or Script(text=TEXT, pace=0))
    server = TestServer(standin.app)
    await server.start_server()
    session = boto3.Session("test", "test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", str(server.make_url("/")).rstrip("/"))
        model = BedrockModel(regions, session, **{"join": 0.01, "rounds": (0,), **options})
    try:
        yield model, standin
    finally:
        await model.close()
        await server.close()


async def collect(model, prompt=ASKED):
    deltas = [delta async for delta in model.stream(prompt)]
    return "".join(d.text for d in deltas), deltas


async def test_an_answer_streams_with_its_stop_reason_and_usage():
    async with bedrock() as (model, _):
        text, deltas = await collect(model)
    assert text == TEXT
    assert [d.stop for d in deltas if d.stop] == ["end_turn"]
    (usage,) = [d.usage for d in deltas if d.usage]
    assert usage.output_tokens > 0


async def test_deltas_are_joined_but_the_first_is_passed_on_at_once():
    async with bedrock(Script(text="x" * 400, pace=0.005), join=0.1) as (model, _):
        _, deltas = await collect(model)
    sizes = [len(d.text) for d in deltas if d.text]
    assert sizes[0] <= 16
    assert len(sizes) < 15


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("name", sorted(MODELS))
async def test_the_request_is_what_the_stock_class_would_send(name, task):
    turns = (Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "Why?"))
    cached = CachePoints(system=True, documents=True, turns=(1,))
    given = {"documents": "A report.", "today": "Monday", "cached": cached}
    asked = Prompt(name, "Be brief.", turns, task=task, **given)
    model = MODELS[name]
    async with bedrock(regions=("us-east-1",)) as (client, standin):
        await collect(client, asked)
    sent = standin.calls[0]["body"]
    seen = {}

    class Recorder:
        meta = boto3.Session("t", "t").client("bedrock-runtime", region_name="us-east-1").meta

        def converse_stream(self, **parameters):
            seen.update(parameters)
            return {"stream": iter([{"messageStop": {"stopReason": "end_turn"}}])}

    stock = chat_model(
        model,
        "us-east-1",
        asked,
        parameters(model, task),
        client=Recorder(),
        bedrock_client=object(),
    )
    list(stock.stream(messages(asked)))
    assert seen.pop("modelId") == standin.calls[0]["model"] == model.profile("us-east-1")
    assert sent == json.loads(json.dumps(seen))
    point = {"cachePoint": {"type": "default"}}
    assert sent["system"][-1] == point
    first, second, last = sent["messages"]
    assert first["content"] == [{"text": "A report."}, point, {"text": "Hi"}]
    assert second["content"] == [{"text": "Yes?"}, point]
    assert last["content"] == [{"text": "Why?"}, {"text": "<today>Monday</today>"}]


THOUGHTS = {"low": 2_048, "medium": 8_192, "high": 16_384}
SAID = {
    ("haiku", Task.ANSWER): ("adaptive", "medium"),
    ("haiku", Task.SUMMARY): ("adaptive", "low"),
    ("haiku", Task.CONDENSE): ("adaptive", "low"),
    ("haiku", Task.REWRITE): ("disabled", "low"),
    ("haiku", Task.PICTURE): ("disabled", "low"),
    ("sonnet", Task.ANSWER): ("adaptive", "high"),
    ("sonnet", Task.SUMMARY): ("adaptive", "low"),
    ("sonnet", Task.REWRITE): ("between_tools", "low"),
    ("opus", Task.ANSWER): ("adaptive", "medium"),
    ("opus", Task.REWRITE): ("adaptive", "low"),
    ("sonnet-5", Task.ANSWER): ("adaptive", "high"),
    ("sonnet-5", Task.REWRITE): ("disabled", "low"),
    ("opus-4.8", Task.ANSWER): (None, "high"),
    ("sonnet-4.6", Task.SUMMARY): (None, "low"),
    ("haiku-4.5", Task.ANSWER): (None, None),
    ("haiku-4.5", Task.REWRITE): (None, None),
}


@pytest.mark.parametrize("name, task", SAID)
async def test_thinking_and_effort_are_said_by_task_and_model_and_have_room_of_their_own(
    name, task
):
    async with bedrock(regions=("us-east-1",)) as (client, standin):
        await collect(client, Prompt(name, "Be brief.", ASKED.turns, 300, task=task))
    (call,) = standin.calls  # nothing was refused
    fields = call["body"].get("additionalModelRequestFields", {})
    thinking, level = SAID[name, task]
    assert fields.get("thinking", {}).get("type") == thinking
    assert fields.get("output_config", {}).get("effort") == level
    room = THOUGHTS[level] if thinking == "adaptive" else 0
    assert call["body"]["inferenceConfig"]["maxTokens"] == 300 + room
    sampling = call["body"]["inferenceConfig"].get("temperature"), fields.get("top_k")
    assert sampling == ((0.1, 250) if name in ("sonnet-4.6", "haiku-4.5") else (None, None))


async def test_what_is_thought_is_no_text_and_takes_none_of_its_length():
    script = Script(text="x" * 1_200, pace=0, thinks=0.01, thoughts=2_000)
    async with bedrock(script, ("us-east-1",)) as (model, _):
        asked = Prompt("opus", "Be brief.", ASKED.turns, 300, task=Task.REWRITE)
        text, deltas = await collect(model, asked)
    assert text == "x" * 1_200
    assert [d.stop for d in deltas if d.stop] == ["end_turn"]
    assert deltas[0].thinking
    assert not deltas[0].text
    (usage,) = [d.usage for d in deltas if d.usage]
    assert usage.output_tokens > 2_000


async def test_a_model_that_thinks_may_be_silent_for_longer():
    script = Script(text=TEXT, pace=0, thinks=0.4)
    async with bedrock(script, ("us-east-1",), silence=0.2) as (model, standin):
        text, _ = await collect(model)
        assert text == TEXT
        standin.script = Script(text=TEXT, pace=0.4)
        with pytest.raises(Broken):
            await collect(model, Prompt("haiku-4.5", "x", ASKED.turns))


async def test_a_conversation_that_is_cached_keeps_to_one_region():
    cached = CachePoints(system=True)
    async with bedrock() as (model, standin):
        for name in ("one", "two", "three", "four"):
            for _ in range(3):
                asked = Prompt("sonnet", "x", ASKED.turns, cached=cached, affinity=name)
                await collect(model, asked)
    regions = [call["region"] for call in standin.calls]
    kept = [set(regions[n : n + 3]) for n in range(0, 12, 3)]
    assert all(len(each) == 1 for each in kept)
    assert len(set.union(*kept)) > 1


async def test_what_is_cached_is_counted():
    cached = CachePoints(system=True)
    asked = Prompt("sonnet", "s" * 8_000, ASKED.turns, cached=cached, affinity="one")
    async with bedrock() as (model, standin):
        usages = []
        for _ in range(2):
            _, deltas = await collect(model, asked)
            usages += [delta.usage for delta in deltas if delta.usage]
    written, read = usages
    assert (written.cache_write_tokens, written.cache_read_tokens) == (2_000, 0)
    assert (read.cache_write_tokens, read.cache_read_tokens) == (0, 2_000)
    assert written.input_tokens == read.input_tokens == 2_001
    assert standin.cache.vain == 0


async def test_a_region_that_fails_for_days_cools_down_and_is_tried_again():
    async with bedrock(Script(throttle=1, text=TEXT, pace=0), ("us-east-1",)) as (model, _):
        model._regions[0].failures = 5_000
        with pytest.raises(Overloaded):
            await collect(model)
        left = model._regions[0].cool_until - asyncio.get_running_loop().time()
        assert 50 < left <= 60
        text, _ = await collect(model)
    assert text == TEXT


async def test_what_is_parsed_is_what_the_stock_class_parses():
    async with bedrock(regions=("us-east-1",)) as (model, _):
        text, deltas = await collect(model)
        endpoint = model._regions[0].converse._client.meta.endpoint_url
        client = boto3.Session("t", "t").client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=endpoint,
            config=Config(retries={"total_max_attempts": 1}),
        )
        stock = chat_model(
            MODELS["sonnet"],
            "us-east-1",
            ASKED,
            frozenset(),
            client=client,
            bedrock_client=object(),
        )
        chunks = await asyncio.to_thread(lambda: list(stock.stream(messages(ASKED))))
    assert text == "".join(str(c.text) for c in chunks)
    (counted,) = [c.usage_metadata for c in chunks if c.usage_metadata]
    (usage,) = [d.usage for d in deltas if d.usage]
    assert (usage.input_tokens, usage.output_tokens) == (
        counted["input_tokens"],
        counted["output_tokens"],
    )


async def test_regions_take_turns():
    async with bedrock() as (model, standin):
        for _ in range(6):
            await collect(model)
    assert sorted(c["region"] for c in standin.calls) == sorted(REGIONS * 2)


async def test_a_throttled_region_is_passed_over_unseen_and_cools_down():
    script = Script(text=TEXT, pace=0, throttle=1, regions=("us-east-1",))
    async with bedrock(script) as (model, standin):
        texts = [(await collect(model))[0] for _ in range(6)]
    assert texts == [TEXT] * 6
    assert [c["region"] for c in standin.calls].count("us-east-1") == 1


async def test_when_all_regions_throttle_it_is_overloaded():
    async with bedrock(Script(throttle=99)) as (model, standin):
        with pytest.raises(Overloaded):
            await collect(model)
    assert len(standin.calls) == 3


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ("modelStreamErrorException", Broken),
        ("throttlingException", Overloaded),
        ("internalServerException", Broken),
        ("drop", Broken),
        ("cut", Broken),
    ],
)
async def test_a_failure_after_text_keeps_the_text_and_is_not_hidden(failure, error):
    script = Script(text="word " * 300, pace=0.001, fail_after=100, failure=failure)
    async with bedrock(script) as (model, standin):
        text = ""
        with pytest.raises(error):
            async for delta in model.stream(ASKED):
                text += delta.text
    assert 8 <= len(text) <= 800
    assert len(standin.calls) == 1


async def test_a_failure_before_text_is_not_seen():
    script = Script(text=TEXT, pace=0, fail_after=0, regions=("us-east-1", "eu-west-1"))
    async with bedrock(script) as (model, _):
        texts = [(await collect(model))[0] for _ in range(3)]
    assert texts == [TEXT] * 3


async def test_a_silent_model_ends_in_bounded_time():
    async with bedrock(Script(silent=30), ("us-east-1",), silence=0.2) as (model, _):
        with pytest.raises(Broken):
            async with asyncio.timeout(5):
                await collect(model)


async def test_a_cancelled_answer_closes_its_connection():
    async with bedrock(Script(text="x" * 5000, pace=0.01)) as (model, standin):
        task = asyncio.create_task(collect(model))
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(3):
            while not standin.closed:  # noqa: ASYNC110 - the server sees it when it writes
                await asyncio.sleep(0.02)


async def test_a_stop_at_the_limit_is_reported():
    async with bedrock(Script(text=TEXT, pace=0, stop="max_tokens")) as (model, _):
        _, deltas = await collect(model)
    assert [d.stop for d in deltas if d.stop] == ["max_tokens"]


async def test_parameters_that_a_model_turns_out_to_refuse_are_left_out_from_then_on(monkeypatch):
    monkeypatch.setitem(
        server._IDS,
        MODELS["sonnet-4.6"].bedrock_id,
        MODELS["sonnet"],
    )
    async with bedrock() as (model, standin):
        for _ in range(2):
            text, _ = await collect(model, Prompt("sonnet-4.6", "x", ASKED.turns))
            assert text == TEXT
    assert len(standin.calls) == 4
    assert "temperature" not in standin.calls[-1]["body"]["inferenceConfig"]


async def test_an_unknown_model_is_refused():
    async with bedrock() as (model, _):
        with pytest.raises(Refused):
            await collect(model, Prompt("gpt", "x", ASKED.turns))


async def test_an_unreachable_endpoint_is_a_model_error():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")
        model = BedrockModel(REGIONS, boto3.Session("t", "t"), rounds=(0,))
    with pytest.raises(ModelError):
        await collect(model)
    await model.close()


async def test_the_offline_stand_in_says_what_it_is_and_quotes():
    turns = (Message("user", "Ben: The launch moves to Friday.\n\nAna: When is the launch?"),)
    async with bedrock(Script(pace=0)) as (model, _):
        text, _ = await collect(model, Prompt("sonnet", prompts.SYSTEM, turns))
    assert "not Claude" in text
    assert "“The launch moves to Friday.” — Ben" in text
