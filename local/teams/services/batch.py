"""Graph's `$batch`: several reads in one request, each with its own status.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web

from local.teams.tenant.errors import TeamsError

MOST = 20
"""The most requests in a batch."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, alone or in a batch; `path` begins with `/graph/v1.0/`."""

    path: str
    match_info: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


async def requests(request: web.Request) -> list[dict[str, Any]]:
    """Return the requests in a batch. Raises TeamsError if the batch as a whole is refused."""
    try:
        asked = json.loads(await request.text())["requests"]
    except (ValueError, KeyError, TypeError) as exc:
        raise TeamsError(400, "BadRequest", "Invalid batch payload format.") from exc
    if not isinstance(asked, list) or not asked:
        raise TeamsError(400, "BadRequest", "Invalid batch payload format.")
    if len(asked) > MOST:
        why = f"Number of batch request steps exceeds the maximum value of {MOST}."
        raise TeamsError(400, "BadRequest", why)
    ids = [each.get("id") if isinstance(each, dict) else None for each in asked]
    if not all(isinstance(each, str) and each for each in ids) or len({*ids}) < len(ids):
        raise TeamsError(400, "BadRequest", "Request Ids have to be unique in a batch.")
    if not all({"method", "url"} <= {*each} for each in asked):
        raise TeamsError(400, "BadRequest", "A batch request needs method and url.")
    return asked


async def answered(
    asked: list[dict[str, Any]], answer: Callable[[Asked], tuple[int, dict[str, str], Any]]
) -> dict[str, Any]:
    """Answer each request. Graph returns them in any order; here the last comes first."""
    found = []
    for each in reversed(asked):
        at = urlsplit(str(each["url"]))
        path = f"/graph/v1.0/{unquote(at.path).lstrip('/')}"
        status, headers, body = answer(Asked(path, {}, dict(parse_qsl(at.query))))
        kind = {"Content-Type": "application/json"}
        found.append(
            {"id": each["id"], "status": status, "headers": {**kind, **headers}, "body": body}
        )
    return {"responses": found}
