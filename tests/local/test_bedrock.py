"""The stand-in of Bedrock's Converse as AWS's own client sees it."""

import asyncio
from contextlib import asynccontextmanager, closing

import aiohttp
import boto3
import pytest
from aiohttp.test_utils import TestServer
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from core.models import MODELS
from local.bedrock import BedrockStandIn, Script

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
