"""Parses requests to a Lambda function URL, and encodes responses. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from core.runtime.http import Headers, Response
from core.runtime.settings import SettingsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Lambda lowers the headers' names and joins repeated ones with a comma."""

    method: str
    path: str
    headers: Headers
    body: bytes


def request_of(event: Mapping[str, Any]) -> Request:
    """The request in an event. Raises ValueError if its body cannot be decoded."""
    what = event["requestContext"]["http"]
    text = event.get("body") or ""
    try:
        body = (
            base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
        )
    except (binascii.Error, UnicodeEncodeError) as exc:
        raise ValueError("a body that cannot be decoded") from exc
    headers = tuple((str(k), str(v)) for k, v in event.get("headers", {}).items())
    return Request(str(what["method"]), str(event.get("rawPath") or "/"), headers, body)


def event_of(response: Response) -> dict[str, Any]:
    """A response in the format that Lambda expects from a handler."""
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": base64.b64encode(response.body).decode(),
        "isBase64Encoded": True,
    }


def answered(
    event: Mapping[str, Any], path: str, receive: Callable[[Request], Response]
) -> dict[str, Any]:
    """Pass a POST request to `path` to `receive`, and return its response for Lambda.

    Health checks are answered, other requests get an error. If the receiver cannot be built, the
    response is 503, so that the platform sends the event again.
    """
    try:
        request = request_of(event)
    except ValueError:
        return event_of(Response(400))
    if request.path == "/healthz" and request.method == "GET":
        return event_of(Response(200, (("content-type", "application/json"),), b'{"ok": true}'))
    if request.path.rstrip("/") != path:
        return event_of(Response(404))
    if request.method != "POST":
        return event_of(Response(405, (("allow", "POST"),)))
    try:
        return event_of(receive(request))
    except SettingsError as exc:
        log.error("not configured: %s", exc)  # noqa: TRY400 - says what to do, unlike a traceback
    except (BotoCoreError, ClientError, OSError) as exc:
        log.error("not received: %s", type(exc).__name__)  # noqa: TRY400 - may quote the request
    return event_of(Response(503))
