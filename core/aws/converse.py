"""langchain-aws's ChatBedrockConverse, with the wire left to us.

The stock class builds, signs and parses; it sends through botocore, a thread for every chunk. Here
a botocore client stops before it sends and hands over the signed request, and events are parsed by
the stock parser. `tests/core/aws/test_bedrock.py` holds both to the stock class.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from langchain_aws import ChatBedrockConverse
from langchain_aws.chat_models.bedrock_converse import _parse_stream_event
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from core.answer import Delta, Prompt, Usage
from core.aws.handover import Handed, handing_over
from core.documents import Picture
from core.models import ClaudeModel

TEMPERATURE = 0.1
TOP_K = 250
TOP_P = 0.9


@dataclass(frozen=True, slots=True)
class SignedRequest:
    url: str
    headers: dict[str, str]
    body: bytes


class Converse:
    """Builds requests for one region. Keep it off the event loop: it may fetch credentials."""

    def __init__(self, session: boto3.Session, region: str) -> None:
        config = Config(retries={"mode": "standard", "total_max_attempts": 1})
        self._region = region
        self._client = handing_over(session, region, "ConverseStream")
        self._control = session.client("bedrock", region_name=region, config=config)
        self._models: dict[tuple[str, int, frozenset[str]], ChatBedrockConverse] = {}

    def request(
        self, prompt: Prompt, model: ClaudeModel, sampling: frozenset[str]
    ) -> SignedRequest:
        """The signed ConverseStream request; `sampling` names the parameters to send."""
        key = (model.name, prompt.max_tokens, sampling)
        chat = self._models.get(key)
        if chat is None:
            chat = self._models[key] = chat_model(
                model,
                self._region,
                min(prompt.max_tokens, model.max_output),
                sampling,
                client=self._client,
                bedrock_client=self._control,
            )
        try:
            for _ in chat._stream(messages(prompt)):  # noqa: SLF001
                pass
        except Handed as handed:
            prepared = handed.request
            headers = {
                name: value if isinstance(value, str) else value.decode()
                for name, value in prepared.headers.items()
            }
            return SignedRequest(prepared.url, headers, prepared.body)
        raise AssertionError("botocore sent a request that was to be handed over")


def chat_model(
    model: ClaudeModel, region: str, max_tokens: int, sampling: frozenset[str], **clients: Any
) -> ChatBedrockConverse:
    """The stock class with our defaults, as far as the model takes them."""
    fields = {"top_k": TOP_K} if "top_k" in sampling else None
    return ChatBedrockConverse(
        model=model.profile(region),
        region_name=region,
        provider="anthropic",
        max_tokens=max_tokens,
        temperature=TEMPERATURE if "temperature" in sampling else None,
        top_p=TOP_P if "top_p" in sampling else None,
        additional_model_request_fields=fields,
        **clients,
    )


def messages(prompt: Prompt) -> list[BaseMessage]:
    """A prompt as LangChain messages; its stable prefix ends in a cache point."""
    cache = {"cachePoint": {"type": "default"}}
    system = SystemMessage(content=[{"type": "text", "text": prompt.system}, cache])
    turns = [
        HumanMessage(content=turn.text) if turn.role == "user" else AIMessage(content=turn.text)
        for turn in prompt.turns
    ]
    if prompt.images:
        images = [_image(each) for each in prompt.images]
        turns[-1] = HumanMessage(content=[*images, {"type": "text", "text": prompt.turns[-1].text}])
    return [system, *turns]


def _image(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    source = {"type": "base64", "media_type": picture.media_type, "data": data}
    return {"type": "image", "source": source}


def parse(name: str, event: Mapping[str, Any]) -> Delta | None:
    """What an event says, if anything, by the stock parser."""
    chunk = _parse_stream_event({name: event})
    if chunk is None:
        return None
    usage = None
    counted = getattr(chunk, "usage_metadata", None)
    if counted:
        details = counted.get("input_token_details") or {}
        usage = Usage(
            counted["input_tokens"],
            counted["output_tokens"],
            details.get("cache_read", 0),
            details.get("cache_creation", 0),
        )
    stop = chunk.response_metadata.get("stopReason")
    text = str(chunk.text)
    return Delta(text, stop, usage) if text or stop or usage else None
