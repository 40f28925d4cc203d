"""The Web API's methods that a bot like ours calls, with Slack's own refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local.slack.limits import RateLimits
from local.slack.workspace import BOT, BOT_ID, TEAM, SlackError, Workspace

LONGEST_UPDATE = 4000
LONGEST_POST = 40_000
LONGEST_SECTION = 3000


@dataclass(frozen=True, slots=True)
class Called:
    """One call as it was answered; `at` in the stand-in's clock."""

    method: str
    arguments: Mapping[str, Any]
    at: float
    status: int
    error: str


@dataclass
class WebApi:
    """`faults` by method: an error's name, a status (429 as `ratelimited:30`), or `lost`, where
    the call takes effect and its answer does not arrive."""

    workspace: Workspace
    limits: RateLimits
    bot_token: str
    latency: float = 0.0
    faults: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Called] = field(default_factory=list)
    revoked: bool = False
    app_token: str = ""
    socket_url: Callable[[], str] = str

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/slack/api/{method}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        if self.latency:
            await asyncio.sleep(self.latency)
        try:
            result = self._call(request, method, arguments)
        except SlackError as exc:
            return self._refused(method, arguments, str(exc))
        fault = self._fault(method, "lost")
        self._note(method, arguments, 200, "")
        if fault and request.transport is not None:
            request.transport.abort()
        return web.json_response({"ok": True, **result})

    def _call(self, request: web.Request, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        bearer = request.headers.get("Authorization", "")
        if method == "apps.connections.open":
            if not self.app_token or bearer != f"Bearer {self.app_token}":
                raise SlackError("invalid_auth")
            return {"url": self.socket_url()}
        if bearer != f"Bearer {self.bot_token}":
            raise SlackError("invalid_auth")
        if self.revoked:
            raise SlackError("token_revoked")
        fault = self._fault(method)
        if fault:
            raise SlackError(fault)
        wait = self.limits.wait(method, str(arguments.get("channel", "")))
        if wait:
            raise SlackError(f"ratelimited:{int(wait) + 1}")
        handler: Callable[[dict[str, Any]], dict[str, Any]] | None = _METHODS.get(method)
        if handler is None:
            raise SlackError("unknown_method")
        return handler(self, arguments)  # type: ignore[call-arg, arg-type]

    def _fault(self, method: str, kind: str = "") -> str:
        waiting = self.faults.get(method)
        if waiting and (waiting[0] == "lost") == (kind == "lost"):
            return waiting.pop(0)
        return ""

    def _refused(self, method: str, arguments: dict[str, Any], error: str) -> web.Response:
        name, _, after = error.partition(":")
        status = 429 if name == "ratelimited" else int(name) if name.isdecimal() else 200
        self._note(method, arguments, status, name)
        headers = {"Retry-After": after} if after else {}
        if name.isdecimal():
            return web.Response(status=status, headers=headers, text="upstream error")
        return web.json_response({"ok": False, "error": name}, status=status, headers=headers)

    def _note(self, method: str, arguments: dict[str, Any], status: int, error: str) -> None:
        self.calls.append(Called(method, arguments, self.workspace.clock(), status, error))
        del self.calls[:-20_000]

    # methods

    def auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"team_id": TEAM["id"], "team": TEAM["name"], "user_id": BOT, "bot_id": BOT_ID}

    def post_message(self, a: dict[str, Any]) -> dict[str, Any]:
        text, blocks = _checked(a)
        message = self.workspace.add(
            a.get("channel", ""),
            BOT,
            text[:LONGEST_POST],
            blocks=blocks,
            thread_ts=a.get("thread_ts"),
            metadata=a.get("metadata"),
            bot_id=BOT_ID,
        )
        return {"channel": message["channel"], "ts": message["ts"], "message": message}

    def update(self, a: dict[str, Any]) -> dict[str, Any]:
        text, blocks = _checked(a)
        if len(text) > LONGEST_UPDATE:
            raise SlackError("msg_too_long")
        channel, ts = a.get("channel", ""), a.get("ts", "")
        if channel in self.workspace.archived:
            raise SlackError("is_archived")
        if self.workspace.get(channel, ts)["user"] != BOT:
            raise SlackError("cant_update_message")
        message = self.workspace.change(channel, ts, text, blocks)
        return {"channel": message["channel"], "ts": ts, "text": text}

    def delete(self, a: dict[str, Any]) -> dict[str, Any]:
        if self.workspace.get(a.get("channel", ""), a.get("ts", ""))["user"] != BOT:
            raise SlackError("cant_delete_message")
        self.workspace.remove(a["channel"], a["ts"])
        return {"channel": a["channel"], "ts": a["ts"]}

    def post_ephemeral(self, a: dict[str, Any]) -> dict[str, Any]:
        text, blocks = _checked(a)
        message = self.workspace.whisper(
            a.get("channel", ""),
            a.get("user", ""),
            text,
            blocks=blocks,
            thread_ts=a.get("thread_ts"),
        )
        return {"message_ts": message["ts"]}

    def replies(self, a: dict[str, Any]) -> dict[str, Any]:
        messages = self.workspace.thread(a.get("channel", ""), a.get("ts", ""))
        limit = int(a.get("limit") or 1000)
        return {"messages": messages[:limit], "has_more": len(messages) > limit}

    def history(self, a: dict[str, Any]) -> dict[str, Any]:
        channel = self.workspace.channel(a.get("channel", ""))["id"]
        within = self.workspace.messages[channel].values()
        top = [m for m in within if m.get("thread_ts") in (None, m["ts"])]
        return {"messages": top[::-1][: int(a.get("limit") or 100)], "has_more": False}

    def user_info(self, a: dict[str, Any]) -> dict[str, Any]:
        user = self.workspace.user(a.get("user", ""))
        name = user["name"]
        profile = {"display_name": name, "real_name": name}
        return {"user": {"id": user["id"], "name": name.split()[0].lower(), "profile": profile}}


_METHODS: Mapping[str, Any] = {
    "auth.test": WebApi.auth_test,
    "chat.postMessage": WebApi.post_message,
    "chat.update": WebApi.update,
    "chat.delete": WebApi.delete,
    "chat.postEphemeral": WebApi.post_ephemeral,
    "conversations.replies": WebApi.replies,
    "conversations.history": WebApi.history,
    "users.info": WebApi.user_info,
}


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        body = await request.json() if await request.read() else {}
        return dict(body) if isinstance(body, dict) else {}
    form = await request.post()
    arguments: dict[str, Any] = {name: str(value) for name, value in form.items()}
    for name in ("blocks", "metadata"):
        if name in arguments:
            arguments[name] = json.loads(arguments[name])
    return arguments


def _checked(a: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Text and blocks as Slack accepts them. Raises SlackError."""
    text, blocks = str(a.get("text") or ""), list(a.get("blocks") or ())
    if not text and not blocks:
        raise SlackError("no_text")
    if len(blocks) > 50:
        raise SlackError("invalid_blocks")
    for block in blocks:
        size = len(block.get("text", {}).get("text", "x")) if block.get("type") == "section" else 1
        if not 1 <= size <= LONGEST_SECTION:
            raise SlackError("invalid_blocks")
        if block.get("type") in ("actions", "context") and not block.get("elements"):
            raise SlackError("invalid_blocks")
    return text, blocks
