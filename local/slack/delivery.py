"""Events, commands and actions to the app: signed, timed, repeated as Slack does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from local.slack.workspace import APP_ID, BOT, TEAM, Message, Workspace

PATIENCE = 3.0
"""Seconds the app has to acknowledge."""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Delivery:
    """`send_*` return once the app has taken it, or False when it has not after all retries."""

    workspace: Workspace
    events_url: str
    signing_secret: str
    base_url: str = ""
    retry_delays: Sequence[float] = (0.5, 60.0, 300.0)
    clock: Callable[[], float] | None = None
    responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    _http: aiohttp.ClientSession | None = None
    _tasks: set[asyncio.Task[bool]] = field(default_factory=set)

    async def start(self) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE)
        )

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    def said(self, message: Message, *, subtype: str = "", previous: str = "") -> None:
        """Tells the app of a message, an edit or a deletion, where it would hear of it."""
        channel = self.workspace.channel(message["channel"])
        direct = channel["kind"] == "dm"
        plain = {k: v for k, v in message.items() if k not in ("blocks", "metadata")}
        event = {**plain, "type": "message", "channel_type": "im" if direct else "channel"}
        if subtype:
            event = {
                "type": "message", "subtype": subtype, "channel": message["channel"],
                "ts": self.workspace.stamp(), "hidden": True,
                "channel_type": event["channel_type"],
                "message": {**plain, "text": message["text"]},
                "previous_message": {**plain, "text": previous},
            }  # fmt: skip
        if direct or subtype:
            self._later(self.send_event(event))
        elif f"<@{BOT}>" in message["text"]:
            mention = {k: v for k, v in event.items() if k != "channel_type"}
            self._later(self.send_event({**mention, "type": "app_mention"}))
            self._later(self.send_event(event))

    async def send_event(self, event: dict[str, Any]) -> bool:
        envelope = {
            "type": "event_callback",
            "token": "deprecated",
            "team_id": TEAM["id"],
            "api_app_id": APP_ID,
            "event": {"event_ts": event["ts"], "team": TEAM["id"], **event},
            "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}",
            "event_time": int(float(event["ts"])),
            "authorizations": [
                {"enterprise_id": None, "team_id": TEAM["id"], "user_id": BOT, "is_bot": True}
            ],
        }
        body = json.dumps(envelope).encode()
        for number, delay in enumerate((0.0, *self.retry_delays)):
            await asyncio.sleep(delay)
            extra = {} if not number else {"X-Slack-Retry-Num": str(number)}
            answer = await self._post(body, JSON, extra)
            if answer is not None and 200 <= answer[0] < 300:
                return True
        return False

    async def send_command(self, user: str, channel: str, command: str, text: str) -> str:
        """The error a person sees, empty if the app has taken it."""
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
        answer = await self._post(urlencode(form).encode(), FORM, {})
        if answer is None or answer[0] != 200:
            return f"{command} failed: Parley did not answer in time. Try again."
        if answer[1]:
            try:
                said = json.loads(answer[1]).get("text", "")
            except ValueError:
                said = answer[1]
            self.workspace.whisper(channel, user, said)
        return ""

    async def send_action(self, user: str, message: Message, action: dict[str, Any]) -> str:
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
        body = urlencode({"payload": json.dumps(payload)}).encode()
        answer = await self._post(body, FORM, {})
        if answer is None or answer[0] != 200:
            return "Parley did not answer in time. Try again."
        return ""

    def responded(self, key: str, body: dict[str, Any]) -> bool:
        """What an app sent to a response_url; False when it has been used up."""
        known = self.responses.get(key)
        if known is None or known["uses"] >= 5:
            return False
        known["uses"] += 1
        text, blocks = str(body.get("text", "")), list(body.get("blocks") or ())
        if body.get("delete_original") and known["ts"]:
            self.workspace.unwhisper(known["ts"])
        elif body.get("replace_original") and known["ts"] in self.workspace.ephemerals:
            self.workspace.rewhisper(known["ts"], text, blocks)
        else:
            self.workspace.whisper(known["channel"], known["user"], text, blocks=blocks)
        return True

    def _response_url(self, channel: str, user: str, ts: str = "") -> str:
        key = uuid.uuid4().hex
        self.responses[key] = {"channel": channel, "user": user, "ts": ts, "uses": 0}
        return f"{self.base_url}/slack/response/{key}"

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
        task = asyncio.ensure_future(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
