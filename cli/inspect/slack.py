"""What an event, command or button of Slack becomes, and how a thread reads in a prompt.

Payloads go through the real receiver, signed with a secret of this process. No call leaves the
process: where the product asks Slack who somebody is, the answer is “someone”.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import aiohttp

from bots.slack.api.membership import Membership
from bots.slack.api.standing import Standings
from bots.slack.api.web import People
from bots.slack.app import Receiver
from bots.slack.chat import SlackChat
from cli.inspect.reading import Unusable
from cli.inspect.talk import SOMEONE
from core.runtime.settings import SLACK_API
from core.turn.prompt.prompt import THREAD_LIMIT
from core.values.answer import Message
from core.values.conversation import Command, Conversation, Incoming, Kind

ENVELOPE = "event_callback"
INTERACTIONS = (
    "block_actions",
    "block_suggestion",
    "interactive_message",
    "message_action",
    "shortcut",
    "view_closed",
    "view_submission",
)
"""https://docs.slack.dev/reference/interaction-payloads"""
OTHERS = (ENVELOPE, "url_verification", "app_rate_limited")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
TENANT, CHANNEL, US = "T0", "C0", "U0"
"""What an event alone, without its envelope, does not say."""


def becomes(payload: Any, us: str = "") -> tuple[Incoming | Command | None, int]:
    """What is queued for a payload, and the status that Slack is answered.

    `payload`: an envelope, an event without one, a slash command's or an interaction's fields.
    `us` is our user id, where an event without an envelope mentions us. Raises Unusable.
    """
    if not isinstance(payload, dict):
        raise Unusable("That is a list, or a single value: a thread's messages want --thread.")
    kind, body = _body(payload, us)
    queued: list[Incoming | Command] = []
    secret, token = token_hex(), f"xoxb-{token_hex()}"
    receiver = Receiver(
        signing_secret=secret, bot_token=token, api_url=SLACK_API, enqueue=queued.append
    )
    answer = receiver.handle(_signed(kind, body, secret), body)
    return (queued[0] if queued else None), answer.status


def _body(payload: Mapping[str, Any], us: str) -> tuple[str, bytes]:
    """The request that Slack makes of it: its kind and its body."""
    kind = payload.get("type")
    if "command" in payload and kind is None:
        fields = {name: value for name, value in payload.items() if isinstance(value, str)}
        return FORM, urlencode(fields).encode()
    if kind in INTERACTIONS:
        return FORM, urlencode({"payload": json.dumps(payload)}).encode()
    whole = payload if kind in OTHERS else _enveloped(payload, us or US)
    return JSON, json.dumps(whole).encode()


def _enveloped(event: Mapping[str, Any], us: str) -> dict[str, Any]:
    """https://docs.slack.dev/apis/events-api/#callback-field"""
    team = event.get("team")
    tenant = team if isinstance(team, str) and team else TENANT
    return {
        "type": ENVELOPE,
        "team_id": tenant,
        "event_id": "Ev0",
        "authorizations": [{"team_id": tenant, "user_id": us, "is_bot": True}],
        "event": dict(event),
    }


def _signed(kind: str, body: bytes, secret: str) -> list[tuple[str, str]]:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    now = str(int(time.time()))
    signature = hmac.new(secret.encode(), b"v0:" + now.encode() + b":" + body, hashlib.sha256)
    return [
        ("Content-Type", kind),
        ("X-Slack-Request-Timestamp", now),
        ("X-Slack-Signature", f"v0={signature.hexdigest()}"),
    ]


def place_of(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """The thread that the messages are of."""
    root = str(messages[0].get("thread_ts") or messages[0].get("ts") or "") if messages else ""
    return Conversation("slack", TENANT, CHANNEL, root or "0", Kind.CHANNEL)


async def thread(messages: Sequence[Mapping[str, Any]], us: str = "") -> Sequence[Message]:
    """What was said, as the product reads it from `conversations.replies`."""
    client = cast(Any, _Workspace(messages, us))
    async with aiohttp.ClientSession() as http:
        chat = SlackChat(
            client,
            place_of(messages),
            People(client),
            Membership(client, time.monotonic),
            Standings(client, time.monotonic),
            extra={},
            http=http,
        )
        return await chat.thread(THREAD_LIMIT)


class _Workspace:
    """Answers the calls that read: the messages given, and nobody's name."""

    base_url = SLACK_API
    token = ""

    def __init__(self, messages: Sequence[Mapping[str, Any]], us: str) -> None:
        self._messages = [dict(each) for each in messages]
        self._us = us

    async def api_call(self, method: str, **_: Any) -> Any:
        """Return the response to a reading call."""
        answers: dict[str, dict[str, Any]] = {
            "auth.test": {"user_id": self._us},
            "users.info": {"user": {"profile": {"display_name": SOMEONE}}},
            "conversations.replies": {"messages": self._messages, "has_more": False},
            "conversations.history": {"messages": self._messages[::-1], "has_more": False},
        }
        return SimpleNamespace(data={"ok": True, **answers.get(method, {})})
