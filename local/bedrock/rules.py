"""Validation of Converse requests to Claude, by the rules that Bedrock documents.

`local/bedrock/CLAIMS.md` has the sources. The tables are copied from the vendor's pages
independently of those that the product builds requests from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

POINTS = 4
"""The most cache points in a request."""
LEVELS = ("low", "medium", "high", "xhigh", "max")
CAPPED = LEVELS[:3]
"""Efforts allowed with little or no thinking."""
LEAST = ("disabled", "between_tools")
THINKING = {
    "claude-haiku-5-5": ("adaptive", "disabled"),
    "claude-sonnet-5-5": ("adaptive", "between_tools"),
    "claude-opus-5-5": ("adaptive",),
    "claude-sonnet-5": ("adaptive", "disabled"),
    "claude-opus-4-8": ("adaptive", "disabled"),
    "claude-sonnet-4-6": ("adaptive", "enabled", "disabled"),
    "claude-haiku-4-5": ("enabled", "disabled"),
}
THINKS_UNASKED = ("claude-haiku-5", "claude-sonnet-5", "claude-opus-5", "claude-fable-5")
NO_FORCED_TOOL = ("claude-fable-5-1", "claude-opus-5-5", "claude-sonnet-5-5")
NO_PREFILL = ("-5-5", "claude-sonnet-5", "claude-opus-4-8", "claude-sonnet-4-6")


def complaint(body: Mapping[str, Any], model: str, takes: frozenset[str]) -> str:
    """Return the service's error message for a request, empty if it is valid.

    `takes` names the sampling parameters that the model accepts.
    """
    return (
        _sampling(body, takes)
        or _thinking(body, model)
        or _tools(body, model)
        or _points(body)
        or _messages(body, model)
    )


def thinks(body: Mapping[str, Any], model: str) -> bool:
    """Whether a request lets the model think."""
    asked = _extra(body).get("thinking", {}).get("type")
    if asked is None:
        return any(each in model for each in THINKS_UNASKED)
    return asked in ("adaptive", "enabled")


def blocks(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield tools, system and messages in the order in which they are cached."""
    yield from body.get("toolConfig", {}).get("tools", ())
    yield from body.get("system", ())
    for message in body.get("messages", ()):
        yield from message["content"]


def _extra(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("additionalModelRequestFields") or {}


def _sampling(body: Mapping[str, Any], takes: frozenset[str]) -> str:
    config = body.get("inferenceConfig", {})
    sent = {"temperature": "temperature" in config, "top_p": "topP" in config}
    sent["top_k"] = "top_k" in _extra(body)
    for name, there in sent.items():
        if there and name not in takes:
            return f"`{name}` is deprecated for this model."
    return ""


def _thinking(body: Mapping[str, Any], model: str) -> str:
    kinds = next((kinds for name, kinds in THINKING.items() if name in model), ())
    kind = _extra(body).get("thinking", {}).get("type")
    if kind is not None and kind not in kinds:
        return (
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" '
            'and "output_config.effort" to control thinking behavior.'
        )
    level = _extra(body).get("output_config", {}).get("effort")
    level = level or body.get("outputConfig", {}).get("effort")
    if level is None:
        return ""
    levels: tuple[str, ...] = LEVELS if "adaptive" in kinds else ()
    if "claude-sonnet-4-6" in model:
        levels = tuple(each for each in LEVELS if each != "xhigh")
    if level not in levels:
        return f"output_config.effort: {level} is not supported by this model."
    if kind in LEAST and level not in CAPPED:
        return f'"thinking.type.{kind}" needs an output_config.effort of high or below.'
    return ""


def _tools(body: Mapping[str, Any], model: str) -> str:
    choice = body.get("toolConfig", {}).get("toolChoice", {})
    if ("any" in choice or "tool" in choice) and any(each in model for each in NO_FORCED_TOOL):
        return "tool_choice: forced tool use is not supported for this model. Use auto."
    return ""


def _points(body: Mapping[str, Any]) -> str:
    if sum("cachePoint" in each for each in blocks(body)) > POINTS:
        return f"A maximum of {POINTS} blocks with cache_control may be provided."
    return ""


def _messages(body: Mapping[str, Any], model: str) -> str:
    roles = [message.get("role") for message in body.get("messages", ())]
    if not roles or roles[0] != "user":
        return (
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    if any(a == b for a, b in pairwise(roles)):
        return (
            "A conversation must alternate between user and assistant roles. Make sure the "
            "conversation alternates between user and assistant roles and try again."
        )
    if roles[-1] == "assistant" and any(each in model for each in NO_PREFILL):
        return (
            "This model does not support assistant message prefill. The conversation must end with "
            "a user message."
        )
    for number, message in enumerate(body["messages"]):
        for place, part in enumerate(message["content"]):
            if not part.get("text", "x").strip():
                at = f"messages.{number}.content.{place}"
                return (
                    f"The text field in the ContentBlock object at {at} is blank. Add text to the "
                    "text field, and try again."
                )
    return ""
