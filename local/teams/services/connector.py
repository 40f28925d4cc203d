"""The Bot Framework's connector over HTTP: tokens, limits, sizes, and faults that tests inject.

One activity is one message. Text with a card, or several attachments, become several messages: such
a post is accepted (202) without an id, such an update is refused. The sources are in `CLAIMS.md`.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from local.teams.services.limits import RateLimits
from local.teams.services.signing import Issued
from local.teams.services.streams import Streams
from local.teams.tenant.errors import CODES, TeamsError
from local.teams.tenant.people import BOT, GROUP, TEAM
from local.teams.tenant.state import Message, Tenant

SCOPE = "https://api.botframework.com/.default"
LARGEST = 100_000
"""The most bytes of an activity in UTF-16."""
LARGEST_CARD = 28 * 1024
"""The most bytes of a card in UTF-16."""
CARD = "application/vnd.microsoft.card."
SEVERAL = "Activity resulted into multiple skype activities"
EMPTY = "Activity must include non empty 'text' field or at least 1 attachment"
AFTERWARDS = frozenset({"lost", "unnamed"})
"""Faults that happen after the call has taken effect."""
ROUTE = "/connector/v3/conversations/{conversation}/activities"


@dataclass(frozen=True, slots=True)
class Called:
    """A call and how it was answered; `at` is in seconds of the stand-in's clock.

    `kind`: post, put, delete, get, whisper, informative, streaming or final.
    """

    kind: str
    conversation: str
    activity: Mapping[str, Any]
    at: float
    status: int
    code: str


@dataclass
class Connector:
    """Answers the connector's calls, and injects `faults`: for each kind, what its next calls meet.

    A fault is a status, with seconds of Retry-After (`429:3`) or a code and message
    (`403:Code:Why`), `hang`, `drop` (the connection ends before the call takes effect), `lost`
    (after it), `late` (before it; calling the entry in the list `late` lets it take effect),
    `unnamed` (the response has no id) or empty for none.
    """

    tenant: Tenant
    streams: Streams
    limits: RateLimits
    issued: Issued
    app_id: str
    clock: Callable[[], float]
    latency: float = 0.0
    targeted: bool = True
    faults: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Called] = field(default_factory=list)
    late: list[Callable[[], Any]] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        """Routes of the connector's REST API."""
        return [
            web.post(ROUTE, self._handle),
            web.put(ROUTE + "/{activity}", self._handle),
            web.delete(ROUTE + "/{activity}", self._handle),
            web.get("/connector/v3/conversations/{conversation}/members/{user}", self._handle),
            web.get("/connector/v3/teams/{team}", self._handle),
        ]

    async def _handle(self, request: web.Request) -> web.Response:
        if self.latency:
            await asyncio.sleep(self.latency)
        activity: dict[str, Any] = {}
        where = request.match_info.get("conversation", "")
        kind = request.method.lower()
        try:
            self._authorized(request)
            if kind in ("post", "put"):
                activity = await _activity(request)
                kind = _kind(request, activity)
            waiting = self.faults.get(kind)
            fault = waiting.pop(0) if waiting else ""
            if fault == "late":
                self.late.append(partial(self._answer, request, kind, where, activity))
                fault = "drop"
            if fault and fault not in AFTERWARDS:
                await _met(request, fault)
            status, body = self._answer(request, kind, where, activity)
        except TeamsError as exc:
            self._note(kind, where, activity, exc.status, exc.code)
            headers = {"Retry-After": str(exc.after)} if exc.after else {}
            told = {"error": {"code": exc.code, "message": exc.message}}
            return web.json_response(told, status=exc.status, headers=headers)
        self._note(kind, where, activity, status, str(body.get("error", {}).get("code", "")))
        if fault == "lost" and request.transport is not None:
            request.transport.abort()
        if fault == "unnamed":
            body = {}
        return web.json_response(body, status=status)

    def _authorized(self, request: web.Request) -> None:
        if not self.issued.good(request.headers.get("Authorization", ""), SCOPE):
            raise TeamsError(401, "Unauthorized", "Authorization has been denied")

    def _answer(
        self, request: web.Request, kind: str, where: str, activity: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if "team" in request.match_info:
            if request.match_info["team"] != TEAM:
                raise TeamsError(404, "NotFound")
            return 200, {"id": TEAM, "name": "Acme", "aadGroupId": GROUP}
        room, _, root = where.partition(";messageid=")
        if BOT not in self.tenant.room(room).members:
            raise TeamsError(403, "BotNotInConversationRoster", "The bot is not in the roster.")
        if "user" in request.match_info:
            human = self.tenant.human(request.match_info["user"])
            if human.id not in self.tenant.room(room).members:
                raise TeamsError(404, "MemberNotFoundInConversation")
            return 200, human.account
        stream = where if kind in ("informative", "streaming", "final") else ""
        if wait := self.limits.wait(room, stream):
            raise TeamsError(429, "Throttled", "API calls quota exceeded", math.ceil(wait))
        _fits(activity)
        shown = _shown(activity)
        if stream:
            info = next(e for e in activity["entities"] if e.get("type") == "streaminfo")
            return self.streams.take(room, activity, info, shown)
        if kind in ("post", "whisper"):
            return self._posted(room, root, kind, activity, shown)
        message = self._own(room, request.match_info["activity"])
        if kind == "delete":
            self.tenant.remove(message)
            return 200, {}
        if message["to"] and request.query.get("isTargetedActivity") != "true":
            raise TeamsError(404, "ActivityNotFoundInConversation")
        return self._changed(message, activity, shown)

    def _changed(
        self, message: Message, activity: dict[str, Any], shown: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        several = _messages(activity)
        if len(several) != 1:
            raise TeamsError(400, "BadSyntax", SEVERAL if several else EMPTY)
        self.streams.updated(message["id"])
        self.tenant.change(message, text=activity.get("text") or "", stream="", **shown)
        return 200, {"id": message["id"]}

    def _posted(
        self, room: str, root: str, kind: str, activity: dict[str, Any], shown: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        to = ""
        if kind == "whisper":
            if not self.targeted or self.tenant.room(room).kind == "dm":
                raise TeamsError(400, "BadRequest", "Targeted messages are not supported here")
            to = self.tenant.human(activity.get("recipient", {}).get("id", "")).id
        several = _messages(activity)
        if not several:
            raise TeamsError(400, "BadSyntax", EMPTY)
        made = [
            self.tenant.add(room, BOT, text, root=root, to=to, **{**shown, "attachments": each})
            for text, each in several
        ]
        return (201, {"id": made[0]["id"]}) if len(made) == 1 else (202, {})

    def _own(self, room: str, message_id: str) -> Message:
        message = self.tenant.get(room, message_id)
        if message["user"] != BOT:
            raise TeamsError(403, "Forbidden", "Not this bot's message")
        return message

    def _note(
        self, kind: str, where: str, activity: dict[str, Any], status: int, code: str
    ) -> None:
        self.calls.append(Called(kind, where, activity, self.clock(), status, code))
        if len(self.calls) > 40_000:
            del self.calls[:20_000]


async def _activity(request: web.Request) -> dict[str, Any]:
    try:
        activity = json.loads(await request.text())
    except ValueError as exc:
        raise TeamsError(400, "BadSyntax", "Not JSON") from exc
    if not isinstance(activity, dict):
        raise TeamsError(400, "BadSyntax", "Not an activity")
    return activity


def _kind(request: web.Request, activity: Mapping[str, Any]) -> str:
    if request.method == "PUT":
        return "put"
    entities = activity.get("entities") or ()
    if len([e for e in entities if e.get("type") == "https://schema.org/Message"]) > 1:
        raise TeamsError(400, "BadRequest", "One root message entity at most")
    for each in entities:
        if each.get("type") == "streaminfo":
            return str(each.get("streamType", "streaming"))
        if len(each.get("citation") or ()) > 20:
            raise TeamsError(400, "BadRequest", "20 citations at most")
    return "whisper" if request.query.get("isTargetedActivity") == "true" else "post"


async def _met(request: web.Request, fault: str) -> None:
    if fault == "hang":
        await asyncio.Event().wait()
    if fault == "drop" and request.transport is not None:
        request.transport.abort()
        raise TeamsError(499, "Dropped")
    status, _, rest = fault.partition(":")
    code, _, why = rest.partition(":")
    usual = CODES.get(int(status), "ServiceError")
    if code.isdecimal():
        raise TeamsError(int(status), usual, "", int(code))
    raise TeamsError(int(status), code or usual, why)


def _fits(activity: Mapping[str, Any]) -> None:
    if 2 * _units(activity) > LARGEST:
        raise TeamsError(413, "MessageSizeTooBig", "Message size too large")
    if any(2 * _units(each["content"]) > LARGEST_CARD for each in _cards(activity)):
        raise TeamsError(413, "MessageSizeTooBig", "Card size too large")


def _cards(activity: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    attachments = activity.get("attachments") or ()
    return [e for e in attachments if str(e.get("contentType", "")).startswith(CARD)]


def _messages(activity: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """Return the messages that Teams makes of an activity, each with a text or one attachment."""
    text = str(activity.get("text") or "")
    attachments = activity.get("attachments") or ()
    return [*([(text, [])] if text.strip() else []), *(("", [each]) for each in attachments)]


def _units(activity: Mapping[str, Any]) -> int:
    return len(json.dumps(activity, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) // 2


def _shown(activity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "attachments": activity.get("attachments") or [],
        "entities": [e for e in activity.get("entities") or () if e.get("type") != "streaminfo"],
        "feedback": bool((activity.get("channelData") or {}).get("feedbackLoop")),
    }
