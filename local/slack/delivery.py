"""Deliver events, commands and actions to the app: signed, with a deadline, retried as by Slack."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import WSMsgType, web

from core.runtime.tasks import Background, retrying
from local.slack.web.response_urls import Responses
from local.slack.workspace.state import APP_ID, BOT, TEAM, Message, Workspace

PATIENCE = 3.0
"""Seconds the app has to acknowledge a request."""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class _NotTaken(Exception):
    """The app failed, or did not answer in time."""


@dataclass
class Delivery:
    """Sends requests to the app, over HTTP or over a Socket Mode connection if one is open.

    The `send_*` methods return once the app has acknowledged, or when all retries have failed.
    """

    workspace: Workspace
    events_url: str
    signing_secret: str
    base_url: str = ""
    retry_delays: Sequence[float] = (0.5, 60.0, 300.0)
    clock: Callable[[], float] | None = None
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    responses: Responses = field(init=False)
    _http: aiohttp.ClientSession | None = None
    _background: Background = field(default_factory=Background)

    def __post_init__(self) -> None:
        self.responses = Responses(self.workspace)

    async def start(self) -> None:
        """Open the HTTP session. Call this before anything is sent."""
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE)
        )

    async def stop(self) -> None:
        """Cancel pending deliveries and close the sockets and the HTTP session."""
        await self._background.end()
        for socket in [*self.sockets]:
            await socket.close()
        if self._http is not None:
            await self._http.close()

    def said(
        self, message: Message, *, subtype: str = "", previous: str = "", files: Any = None
    ) -> None:
        """Send the event for a new, edited or deleted message, if the bot is in the channel.

        `subtype` is empty for a new message, else `message_changed` or `message_deleted`;
        `previous` and `files` are the text and files from before the change.
        """
        channel = self.workspace.channel(message["channel"])
        direct = channel["kind"] == "dm"
        if BOT not in channel["members"]:
            return
        plain = {k: v for k, v in message.items() if k not in ("blocks", "metadata", "files")}
        if shown := self.workspace.files.within(message):
            plain |= {"files": shown, "upload": False, "display_as_bot": False}
        kind = _type_of(channel)
        event = {**plain, "type": "message", "channel_type": kind}
        if subtype:
            before = {**plain, "text": previous, **({"files": files} if files else {})}
            event = {
                "type": "message", "subtype": subtype, "channel": message["channel"],
                "ts": self.workspace.stamp(), "hidden": True, "channel_type": kind,
                "previous_message": before,
            }  # fmt: skip
            if subtype == "message_deleted":
                event["deleted_ts"] = message["ts"]
            else:
                event["message"] = plain
        if f"<@{BOT}>" in message["text"] and not direct and not subtype:
            mention = {k: v for k, v in event.items() if k not in ("channel_type", "subtype")}
            self.tell({**mention, "type": "app_mention"})
        self.tell(event)

    def edited(self, message: Message, previous: str) -> None:
        """Send the events for an edit: if the new text mentions the bot, `app_mention` is sent
        again.

        https://github.com/slack-go/slack/pull/1256
        """
        self.said(message, subtype="message_changed", previous=previous)
        channel = self.workspace.channel(message["channel"])
        here = BOT in channel["members"] and channel["kind"] != "dm"
        if here and f"<@{BOT}>" in message["text"]:
            hidden = ("blocks", "metadata", "files", "subtype")
            plain = {k: v for k, v in message.items() if k not in hidden}
            self.tell({**plain, "type": "app_mention", "event_ts": self.workspace.stamp()})

    def deleted(self, message: Message, previous: str) -> None:
        """Send the event for a deletion: `message_deleted`, or `message_changed` with a tombstone
        when a thread's root is deleted while it has replies.

        https://github.com/openclaw/openclaw/pull/22035,
        https://github.com/42wim/matterbridge/issues/600
        """
        stone = self.workspace.messages[message["channel"]].get(message["ts"])
        if stone is None:
            self.said(message, subtype="message_deleted", previous=previous)
            return
        channel = self.workspace.channel(message["channel"])
        if BOT not in channel["members"]:
            return
        hidden = ("blocks", "channel", "metadata", "files")
        earlier = {k: v for k, v in message.items() if k not in hidden}
        self.tell(
            {
                "type": "message",
                "subtype": "message_changed",
                "hidden": True,
                "channel": message["channel"],
                "channel_type": _type_of(channel),
                "ts": self.workspace.stamp(),
                "message": {k: v for k, v in stone.items() if k not in (*hidden, "author")},
                "previous_message": {**earlier, "text": previous},
            }
        )

    def moved(self, kind: str, channel: dict[str, Any], user: str) -> None:
        """Send the events when a user, possibly the bot, joins or leaves a channel.

        `kind` is `join` or `leave`. https://docs.slack.dev/reference/events/member_left_channel
        """
        at = {"channel": channel["id"], "event_ts": self.workspace.stamp()}
        if user == BOT and kind == "leave":
            self.tell({"type": "group_left" if channel.get("private") else "channel_left", **at})
        if user == BOT or BOT in channel["members"]:
            name = "member_joined_channel" if kind == "join" else "member_left_channel"
            letter = "G" if channel.get("private") else "C"
            self.tell({"type": name, "user": user, "channel_type": letter, **at})

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event in the background, with retries."""
        self._later(self.send_event(event))

    async def send_event(self, event: dict[str, Any]) -> bool:
        """Send an event in its envelope, with retries. False if the app never acknowledged it."""
        at = event.get("event_ts") or event["ts"]
        envelope = {
            "type": "event_callback",
            "token": "deprecated",
            "team_id": TEAM["id"],
            "api_app_id": APP_ID,
            "event": {"event_ts": at, "team": TEAM["id"], **event},
            "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}",
            "event_time": int(float(at)),
            "authorizations": [
                {"enterprise_id": None, "team_id": TEAM["id"], "user_id": BOT, "is_bot": True}
            ],
        }
        number = count()

        async def once() -> None:
            nth = next(number)
            extra = {} if not nth else {"X-Slack-Retry-Num": str(nth)}
            answer = await self._deliver("events_api", envelope, extra)
            if answer is None or not 200 <= answer[0] < 300:
                raise _NotTaken

        try:
            await retrying(once, self.retry_delays, _NotTaken, asyncio.sleep)
        except _NotTaken:
            return False
        return True

    async def send_command(self, user: str, channel: str, command: str, text: str) -> str:
        """Send a slash command. Returns the error to show the person, empty if acknowledged."""
        where = self.workspace.channel(channel)
        form = {
            "token": "deprecated", "team_id": TEAM["id"], "team_domain": "acme",
            "channel_id": channel,
            "channel_name": "directmessage" if where["kind"] == "dm" else where["name"],
            "user_id": user, "user_name": self.workspace.user(user)["name"],
            "command": command, "text": text, "api_app_id": APP_ID,
            "response_url": self._response_url(channel, user),
            "trigger_id": uuid.uuid4().hex,
        }  # fmt: skip
        answer = await self._deliver("slash_commands", form, {})
        if answer is None or answer[0] != 200:
            return f"{command} failed: Parley did not answer in time. Try again."
        if answer[1]:
            try:
                said = json.loads(answer[1]).get("text", "")
            except ValueError:
                said = answer[1]
            self.workspace.post_ephemeral(channel, user, said)
        return ""

    async def send_action(self, user: str, message: Message, action: dict[str, Any]) -> str:
        """Send a pressed button or a chosen option. Returns the error to show, empty if none."""
        ephemeral = bool(message.get("ephemeral"))
        ts, channel = message["ts"], message["channel"]
        payload = {
            "type": "block_actions", "team": TEAM, "api_app_id": APP_ID, "token": "deprecated",
            "user": {"id": user, "name": self.workspace.user(user)["name"], "team_id": TEAM["id"]},
            "container": {
                "type": "message", "message_ts": ts, "channel_id": channel,
                "is_ephemeral": ephemeral, "thread_ts": message.get("thread_ts"),
            },
            "trigger_id": uuid.uuid4().hex,
            "channel": {"id": channel},
            "response_url": self._response_url(channel, user, ts if ephemeral else ""),
            "actions": [{"action_ts": self.workspace.stamp(), **action}],
        }  # fmt: skip
        if not ephemeral:
            payload["message"] = message
        answer = await self._deliver("interactive", payload, {})
        if answer is None or answer[0] != 200:
            return "Parley did not answer in time. Try again."
        return ""

    def _response_url(self, channel: str, user: str, ts: str = "") -> str:
        return f"{self.base_url}/slack/response/{self.responses.add(channel, user, ts)}"

    async def _deliver(
        self, kind: str, payload: dict[str, Any], extra: dict[str, str]
    ) -> tuple[int, str] | None:
        """Return the status and text of the app's response; None if there was none in time."""
        if self.sockets:
            return await self._over_socket(kind, payload)
        match kind:
            case "events_api":
                return await self._post(json.dumps(payload).encode(), JSON, extra)
            case "slash_commands":
                return await self._post(urlencode(payload).encode(), FORM, extra)
            case _:
                body = urlencode({"payload": json.dumps(payload)}).encode()
                return await self._post(body, FORM, extra)

    async def _over_socket(self, kind: str, payload: dict[str, Any]) -> tuple[int, str] | None:
        """Send one envelope over Socket Mode and wait for its acknowledgement.

        https://docs.slack.dev/apis/events-api/using-socket-mode
        """
        key = uuid.uuid4().hex
        envelope = {"envelope_id": key, "type": kind, "payload": payload}
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting[key] = acknowledged
        try:
            await self.sockets[-1].send_json({**envelope, "accepts_response_payload": True})
            async with asyncio.timeout(PATIENCE):
                said = await acknowledged
        except (TimeoutError, ConnectionError):
            return None
        finally:
            self.waiting.pop(key, None)
        return 200, json.dumps(said) if said else ""

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve a Socket Mode connection: envelopes out, acknowledgements in."""
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self.sockets.append(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    said = json.loads(message.data)
                    acknowledged = self.waiting.get(said.get("envelope_id", ""))
                    if acknowledged is not None and not acknowledged.done():
                        acknowledged.set_result(said.get("payload"))
        finally:
            self.sockets.remove(socket)
        return socket

    async def _post(
        self, body: bytes, content_type: str, extra: dict[str, str]
    ) -> tuple[int, str] | None:
        assert self._http is not None, "start() comes first"  # noqa: S101
        timestamp = str(int((self.clock or self.workspace.clock)()))
        signed = b"v0:" + timestamp.encode() + b":" + body
        digest = hmac.new(self.signing_secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": f"v0={digest}",
            **extra,
        }
        try:
            async with self._http.post(self.events_url, data=body, headers=headers) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    def _later(self, sending: Any) -> None:
        self._background.begin(sending)


def _type_of(channel: dict[str, Any]) -> str:
    """Return the `channel_type` of a message event."""
    if channel["kind"] == "dm":
        return "im"
    return "group" if channel.get("private") else "channel"
