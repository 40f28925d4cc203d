"""The stand-in of Bedrock's Converse as AWS's own client sees it."""

import asyncio
from contextlib import asynccontextmanager, closing

import aiohttp
import boto3
import pytest
from aiohttp.test_utils import TestServer
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from core.values.models import MODELS
from local.bedrock.server import BedrockStandIn, Script

HAIKU = f"us.{MODELS['haiku'].bedrock_id}"
HELLO = [{"role": "user", "content": [{"text": "Hello?"}]}]


@asynccontextmanager
async def bedrock(script=None):
    """Calls of boto3's client, each off the loop: the events of a stream, as a list."""
    server = TestServer(BedrockStandIn(script or Script(text="One two three.", pace=0)).app)
    await server.start_server()
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=str(server.make_url("/")).rstrip("/"),
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )

    async def converse(messages, **more):
        def call():
            asked = {"modelId": HAIKU, "messages": messages, **more}
            with closing(client.converse_stream(**asked)["stream"]) as stream:
                return list(stream)

        return await asyncio.to_thread(call)

    try:
        yield converse, server
    finally:
        client.close()
        await server.close()


async def test_a_stream_begins_with_its_role_and_ends_with_reason_and_usage():
    async with bedrock() as (converse, _):
        events = await converse(HELLO)
    names = [next(iter(each)) for each in events]
    assert names[0] == "messageStart"
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert set(names[1:-3]) == {"contentBlockDelta"}
    assert events[0]["messageStart"] == {"role": "assistant"}
    assert "contentBlockStart" not in names
    usage = events[-1]["metadata"]["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]


@pytest.mark.parametrize("failure", ["modelStreamErrorException", "throttlingException"])
async def test_a_failure_within_a_stream_has_a_code_that_begins_small(failure):
    async with bedrock(Script(text="x" * 40, pace=0, fail_after=1, failure=failure)) as (ask, _):
        with pytest.raises(EventStreamError) as refused:
            await ask(HELLO)
    assert refused.value.response["Error"]["Code"] == failure


@pytest.mark.parametrize(
    "messages, why",
    [
        ([{"role": "assistant", "content": [{"text": "Hi"}]}], "must start with a user message"),
        ([*HELLO, *HELLO], "must alternate between user and assistant"),
        ([{"role": "user", "content": [{"text": "  "}]}], "at messages.0.content.0 is blank"),
        ([], "must start with a user message"),
    ],
    ids=["begins with the assistant", "two of the user", "blank", "none"],
)
async def test_messages_that_converse_does_not_take_are_refused(messages, why):
    async with bedrock() as (converse, _):
        with pytest.raises(ClientError, match=why) as refused:
            await converse(messages)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


async def test_a_throttled_call_is_a_429():
    async with bedrock(Script(throttle=1)) as (converse, _):
        with pytest.raises(ClientError) as refused:
            await converse(HELLO)
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


async def test_sampling_parameters_that_a_model_has_not_are_refused_whatever_their_value():
    async with bedrock() as (converse, _):
        with pytest.raises(ClientError, match="`temperature` is deprecated for this model"):
            await converse(HELLO, inferenceConfig={"temperature": 1.0})


async def test_a_call_without_a_signature_is_refused():
    async with bedrock() as (_, server), aiohttp.ClientSession() as http:
        url = server.make_url(f"/model/{HAIKU}/converse-stream")
        async with http.post(url, json={"messages": HELLO}) as answer:
            assert answer.status == 403


SONNET, OPUS = (f"us.{MODELS[name].bedrock_id}" for name in ("sonnet", "opus"))
OLD = f"us.{MODELS['haiku-4.5'].bedrock_id}"


def thinking(kind, effort=None):
    fields = {"thinking": {"type": kind}}
    if effort:
        fields["output_config"] = {"effort": effort}
    return {"additionalModelRequestFields": fields}


@pytest.mark.parametrize(
    "model, asked, why",
    [
        (OPUS, thinking("disabled"), "thinking.type.disabled"),
        (OPUS, thinking("enabled"), "thinking.type.enabled"),
        (SONNET, thinking("disabled"), "thinking.type.disabled"),
        (SONNET, thinking("between_tools", "max"), "high or below"),
        (HAIKU, thinking("between_tools"), "thinking.type.between_tools"),
        (HAIKU, thinking("disabled", "xhigh"), "high or below"),
        (OLD, {"outputConfig": {"effort": "low"}}, "effort: low is not supported"),
    ],
)
async def test_thinking_that_a_model_does_not_take_is_refused(model, asked, why):
    async with bedrock() as (converse, _):
        with pytest.raises(ClientError, match=why):
            await converse(HELLO, modelId=model, **asked)


@pytest.mark.parametrize(
    "model, asked",
    [
        (OPUS, thinking("adaptive", "max")),
        (SONNET, thinking("between_tools", "high")),
        (HAIKU, thinking("disabled", "low")),
        (OLD, thinking("disabled")),
    ],
)
async def test_thinking_that_a_model_takes_is_taken(model, asked):
    async with bedrock() as (converse, _):
        assert await converse(HELLO, modelId=model, **asked)


async def test_a_forced_tool_and_a_fifth_cache_point_are_refused():
    tool = {"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object"}}}}
    forced = {"tools": [tool], "toolChoice": {"any": {}}}
    point = {"cachePoint": {"type": "default"}}
    many = [{"role": "user", "content": [{"text": "Hello?"}, *[point] * 5]}]
    async with bedrock() as (converse, _):
        with pytest.raises(ClientError, match="forced tool use"):
            await converse(HELLO, modelId=SONNET, toolConfig=forced)
        with pytest.raises(ClientError, match="A maximum of 4"):
            await converse(many, modelId=SONNET)
        with pytest.raises(ClientError, match="prefill"):
            answered = [*HELLO, {"role": "assistant", "content": [{"text": "Well"}]}]
            await converse(answered, modelId=SONNET)


def reasoning(events):
    deltas = [each["contentBlockDelta"]["delta"] for each in events if "contentBlockDelta" in each]
    return [each["reasoningContent"] for each in deltas if "reasoningContent" in each]


async def test_a_model_thinks_in_a_block_before_its_text_unless_it_is_told_not_to():
    script = Script(text="One two three.", pace=0, thoughts=500)
    async with bedrock(script) as (converse, _):
        unasked = await converse(HELLO)
        shown = {"thinking": {"type": "adaptive", "display": "summarized"}}
        summarized = await converse(HELLO, additionalModelRequestFields=shown)
        told_not_to = await converse(HELLO, **thinking("disabled"))
    assert [set(each) for each in reasoning(unasked)] == [{"signature"}]
    assert [set(each) for each in reasoning(summarized)] == [{"text"}, {"signature"}]
    assert reasoning(told_not_to) == []
    assert unasked[-1]["metadata"]["usage"]["outputTokens"] >= 500
    assert told_not_to[-1]["metadata"]["usage"]["outputTokens"] < 500


async def test_thinking_counts_towards_the_most_tokens():
    async with bedrock(Script(text="x" * 400, pace=0, thoughts=500)) as (converse, _):
        nothing = await converse(HELLO, inferenceConfig={"maxTokens": 500})
        half = await converse(HELLO, inferenceConfig={"maxTokens": 550})
    assert nothing[-2]["messageStop"]["stopReason"] == "max_tokens"
    texts = [each["contentBlockDelta"]["delta"].get("text") for each in half[1:-3:]
             if "contentBlockDelta" in each]  # fmt: skip
    assert "".join(filter(None, texts)) == "x" * 200
