"""The Web API over HTTP: tokens, arguments, rate limits, and faults that tests inject.

https://docs.slack.dev/apis/web-api
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bots.slack.scopes import SCOPES
from local.slack.web.limits import RateLimits
from local.slack.web.methods import METHODS, NO_JSON
from local.slack.workspace.state import SlackError, Workspace

AFTERWARDS = frozenset({"lost"})
"""Faults that happen after the call has taken effect."""
ENCODED = ("blocks", "metadata", "view", "attachments")
"""Arguments that are JSON strings in a form; in a JSON body, a string or a value."""


@dataclass(frozen=True, slots=True)
class Called:
    """A call and how it was answered; `at` is in seconds of the stand-in's clock."""

    method: str
    arguments: Mapping[str, Any]
    at: float
    status: int
    error: str


@dataclass
class WebApi:
    """Answers Web API calls, and injects `faults`: for each method, what its next calls meet.

    A fault is an error's name, a status (`500`; 429 as `ratelimited:30`), `hang` (no answer until
    the caller gives up), `drop` (the connection ends before the call takes effect), `lost` (after
    it) or `""` for none.
    """

    workspace: Workspace
    limits: RateLimits
    bot_token: str
    latency: float = 0.0
    faults: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Called] = field(default_factory=list)
    revoked: bool = False
    app_token: str = ""
    scopes: frozenset[str] = SCOPES
    socket_url: Callable[[], str] = str

    def routes(self) -> list[web.RouteDef]:
        """Routes for every method, by GET and POST."""
        return [
            web.post("/slack/api/{method}", self._answer),
            web.get("/slack/api/{method}", self._answer),
        ]

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        if self.latency:
            await asyncio.sleep(self.latency)
        arguments: dict[str, Any] = {}
        waiting = self.faults.get(method)
        fault = waiting.pop(0) if waiting else ""
        try:
            token = _token(request)
            arguments = await _arguments(request, method)
            result = self._call(token or arguments.pop("token", ""), method, arguments, fault)
        except SlackError as exc:
            return await self._refused(request, method, arguments, exc)
        self._note(method, arguments, 200, "")
        if fault in AFTERWARDS:
            _cut(request)
        headers = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        return web.json_response({"ok": True, **result}, headers=headers)

    def _call(
        self, token: str, method: str, arguments: dict[str, Any], fault: str
    ) -> dict[str, Any]:
        socket_mode = method == "apps.connections.open"
        wanted = self.app_token if socket_mode else self.bot_token
        if not token:
            raise SlackError("not_authed")
        if not wanted or token != wanted:
            known = token in (self.app_token, self.bot_token)
            raise SlackError("not_allowed_token_type" if known else "invalid_auth")
        if self.revoked:
            raise SlackError("token_revoked")
        if fault and fault not in AFTERWARDS:
            raise SlackError(fault)
        wait = self.limits.wait(method, self._channel(arguments))
        if wait:
            raise SlackError(f"ratelimited:{math.ceil(wait)}")
        if socket_mode:
            return {"url": self.socket_url()}
        handler = METHODS.get(method)
        if handler is None:
            raise SlackError("unknown_method")
        return handler(self.workspace, arguments)

    def _channel(self, arguments: Mapping[str, Any]) -> str:
        try:
            return str(self.workspace.channel(arguments.get("channel", ""))["id"])
        except SlackError:
            return ""

    async def _refused(
        self, request: web.Request, method: str, arguments: dict[str, Any], error: SlackError
    ) -> web.Response:
        name, _, after = str(error).partition(":")
        status = 429 if name == "ratelimited" else int(name) if name.isdecimal() else 200
        self._note(method, arguments, status, name)
        if name == "hang":
            await asyncio.Event().wait()
        if name == "drop":
            _cut(request)
        headers = {"Retry-After": after} if after else {}
        if name.isdecimal():
            return web.Response(status=status, headers=headers, text="upstream error")
        answer: dict[str, Any] = {"ok": False, "error": name}
        if error.detail:
            answer["response_metadata"] = {"messages": [f"[ERROR] {error.detail}"]}
        return web.json_response(answer, status=status, headers=headers)

    def _note(self, method: str, arguments: dict[str, Any], status: int, error: str) -> None:
        self.calls.append(Called(method, arguments, self.workspace.clock(), status, error))
        if len(self.calls) > 40_000:
            del self.calls[:20_000]


def _token(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind == "Bearer" else ""


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _arguments(request: web.Request, method: str) -> dict[str, Any]:
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError as exc:
            raise SlackError("invalid_json") from exc
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        if method not in NO_JSON:
            arguments |= body
    else:
        arguments |= {name: str(value) for name, value in (await request.post()).items()}
    for name in ENCODED:
        value = arguments.get(name)
        if isinstance(value, str) and value:
            try:
                arguments[name] = json.loads(value)
            except ValueError as exc:
                wrong = {"blocks": "invalid_blocks_format", "metadata": "invalid_metadata_format"}
                raise SlackError(wrong.get(name, "invalid_arguments")) from exc
    return {name: value for name, value in arguments.items() if value is not None}
