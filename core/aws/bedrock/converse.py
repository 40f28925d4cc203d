"""Builds and parses Bedrock requests with langchain-aws's ChatBedrockConverse, without sending.

The stock class sends through botocore, with a thread for every chunk. Here its botocore client
stops before it sends and hands over the signed request; events are parsed by the stock parser.
`tests/core/aws/bedrock/test_client.py` checks both against the stock class.
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

from core.aws.bedrock.signed_requests import Handed, handing_over
from core.values.answer import Delta, Prompt, Usage
from core.values.documents import Picture
from core.values.effort import Task
from core.values.models import ClaudeModel

TEMPERATURE = 0.1
TOP_K = 250
TOP_P = 0.9


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """An HTTP POST request with its signature in the headers."""

    url: str
    headers: dict[str, str]
    body: bytes


class Converse:
    """Builds requests for one region. Call it off the event loop, as it may fetch credentials."""

    def __init__(self, session: boto3.Session, region: str) -> None:
        config = Config(retries={"mode": "standard", "total_max_attempts": 1})
        self._region = region
        self._client = handing_over(session, region, "ConverseStream")
        self._control = session.client("bedrock", region_name=region, config=config)
        self._models: dict[tuple[str, int, Task, frozenset[str]], ChatBedrockConverse] = {}

    def request(self, prompt: Prompt, model: ClaudeModel, allowed: frozenset[str]) -> SignedRequest:
        """The signed ConverseStream request; `allowed` names the optional parameters to send."""
        key = (model.name, prompt.max_tokens, prompt.task, allowed)
        chat = self._models.get(key)
        if chat is None:
            chat = self._models[key] = chat_model(
                model,
                self._region,
                prompt,
                allowed,
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


def parameters(model: ClaudeModel, task: Task) -> frozenset[str]:
    """The names of the optional parameters that a model accepts for a task."""
    effort = model.effort(task)
    told = {"thinking": effort.thinking, "effort": effort.level}
    return model.sampling | {name for name, value in told.items() if value}


def chat_model(
    model: ClaudeModel, region: str, prompt: Prompt, allowed: frozenset[str], **clients: Any
) -> ChatBedrockConverse:
    """The stock class with our defaults and the `allowed` parameters of the prompt's task.

    Thinking counts towards `max_tokens`, so its allowance is added to the prompt's limit.
    """
    effort = model.effort(prompt.task)
    thinks = effort if "thinking" in allowed else model.effort(Task.ANSWER)
    fields: dict[str, Any] = {}
    if "top_k" in allowed:
        fields["top_k"] = TOP_K
    if "thinking" in allowed:
        fields["thinking"] = {"type": effort.thinking}
    if "effort" in allowed:
        fields["output_config"] = {"effort": effort.level}
    return ChatBedrockConverse(
        model=model.profile(region),
        region_name=region,
        provider="anthropic",
        max_tokens=min(prompt.max_tokens + thinks.room, model.max_output),
        temperature=TEMPERATURE if "temperature" in allowed else None,
        top_p=TOP_P if "top_p" in allowed else None,
        additional_model_request_fields=fields or None,
        **clients,
    )


def messages(prompt: Prompt) -> list[BaseMessage]:
    """A prompt as LangChain messages, with its cache points."""
    system = SystemMessage(content=[_text(prompt.system), *_point(prompt.cached.system)])
    last = len(prompt.turns) - 1
    said: list[BaseMessage] = [system] if prompt.system else []
    for number, turn in enumerate(prompt.turns):
        content: list[str | dict[str, Any]] = []
        if not number and prompt.documents:
            content += [_text(prompt.documents), *_point(prompt.cached.documents)]
        if number == last:
            content += [_image(each) for each in prompt.images]
        content += [_text(turn.text), *_point(number in prompt.cached.turns)]
        if number == last and prompt.today:
            content.append(_text(f"<today>{prompt.today}</today>"))
        said.append(
            HumanMessage(content=content) if turn.role == "user" else AIMessage(content=content)
        )
    return said


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _point(here: bool) -> list[dict[str, Any]]:
    return [{"cachePoint": {"type": "default"}}] if here else []


def _image(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    source = {"type": "base64", "media_type": picture.media_type, "data": data}
    return {"type": "image", "source": source}


def parse(name: str, event: Mapping[str, Any]) -> Delta | None:
    """The delta in an event, by the stock parser; None if the event says nothing of interest."""
    chunk = _parse_stream_event({name: event})
    if chunk is None:
        return None
    usage = None
    counted = getattr(chunk, "usage_metadata", None)
    if counted:
        details = counted.get("input_token_details") or {}
        # tokens written to the cache are listed by time to live, if the service reports it
        written = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
        usage = Usage(
            counted["input_tokens"],
            counted["output_tokens"],
            details.get("cache_read", 0),
            sum(details.get(name, 0) for name in written),
        )
    stop = chunk.response_metadata.get("stopReason")
    text = str(chunk.text)
    return Delta(text, stop, usage) if text or stop or usage else None
