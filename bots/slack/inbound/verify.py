"""Verify Slack's signature over a request's raw bytes, before anything parses them.

Bolt parses first, answers 500 to a timestamp that is no number, and logs what it refuses; so this
check comes before it. https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from bots.wire.nesting import DEEPEST, depth

TOLERANCE = 300
"""Seconds by which a timestamp may differ from our clock."""
LARGEST = 1024**2
"""The most bytes of a request; Slack's stay far below."""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class RequestRejected(Exception):
    """The request is not from Slack, or cannot be read. `status` is the HTTP response."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def verify(headers: Sequence[tuple[str, str]], body: bytes, secret: str, now: float) -> None:
    """Check that a request is from Slack. Raises RequestRejected if not. `headers` as received."""
    if len(body) > LARGEST:
        raise RequestRejected(413, "too large")
    timestamp = _single(headers, "x-slack-request-timestamp")
    signature = _single(headers, "x-slack-signature")
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        raise RequestRejected(401, "malformed")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise RequestRejected(401, "stale")
    signed = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise RequestRejected(401, "wrong signature")


def payload_of(headers: Sequence[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Return the payload of a verified request. Raises RequestRejected if it cannot be read."""
    content_types = {
        value.partition(";")[0].strip().lower()
        for key, value in headers
        if key.lower() == "content-type"
    }
    if len(content_types) != 1 or not content_types <= {JSON, FORM}:
        raise RequestRejected(415, "content type")
    try:
        text = body.decode()
        if content_types == {FORM}:
            form = _form(text)
            if "payload" not in form:
                return form
            text = form["payload"]
        if depth(text) > DEEPEST:
            raise RequestRejected(400, "nested too deep")
        payload = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RequestRejected(400, "unreadable") from exc
    if not isinstance(payload, dict):
        raise RequestRejected(400, "not an object")
    return payload


def _form(text: str) -> dict[str, Any]:
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=100)
    form: dict[str, Any] = dict(pairs)
    if not form or len(form) != len(pairs):
        raise RequestRejected(400, "empty, or a doubled field")
    return form


def _single(headers: Sequence[tuple[str, str]], name: str) -> str:
    found = [value for key, value in headers if key.lower() == name]
    if len(found) != 1:
        raise RequestRejected(401, "missing or doubled header")
    return found[0]
