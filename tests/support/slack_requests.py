"""Slack's requests as tests send them."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_531_420_618
PAYLOADS = Path(__file__).parents[1] / "payloads" / "slack"
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")

Headers = list[tuple[str, str]]


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return found


def signature(body: bytes, timestamp: str = str(NOW), secret: str = SECRET) -> str:
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signed(body: bytes, kind: tuple[str, str] = JSON, timestamp: str = str(NOW)) -> Headers:
    return [
        kind,
        ("X-Slack-Request-Timestamp", timestamp),
        ("X-Slack-Signature", signature(body, timestamp)),
    ]


def as_json(value: object) -> tuple[Headers, bytes]:
    body = json.dumps(value).encode()
    return signed(body), body


def as_form(fields: dict[str, str]) -> tuple[Headers, bytes]:
    body = urlencode(fields).encode()
    return signed(body, FORM), body


def as_action(value: object) -> tuple[Headers, bytes]:
    return as_form({"payload": json.dumps(value)})
