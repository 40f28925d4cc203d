"""Encodes values for DynamoDB and SQS, and decodes DynamoDB items."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# SQS accepts only characters that XML allows, and UTF-8 has no lone surrogates.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


CUT = " […]"
"""Marks where text was cut."""


def clean(text: str) -> str:
    """`text` with the characters that AWS services refuse replaced by U+FFFD."""
    return _UNSENDABLE.sub("\ufffd", text)


def cut(text: str, limit: int) -> str:
    """`text` cut to `limit` bytes of UTF-8; a text that was cut ends with `CUT`."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    return data[: limit - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def encode(values: Mapping[str, Any]) -> dict[str, Any]:
    """A DynamoDB item from strings, numbers, booleans and sequences of strings."""
    return {name: _encode(value) for name, value in values.items()}


def decode(item: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a DynamoDB item."""
    return {name: _decode(value) for name, value in item.items()}


def _encode(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": f"{value:.3f}".rstrip("0").rstrip(".")}
        case _:
            return {"L": [{"S": each} for each in value]}


def _decode(value: Mapping[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            return float(inner)
        case "L":
            return tuple(_decode(each) for each in inner)
        case _:
            return inner
