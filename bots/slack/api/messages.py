"""Convert messages, as Slack's Web API returns them, to our values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bots.slack.inbound.message_text import read
from bots.slack.inbound.parse import SUBTYPES
from bots.slack.inbound.plain_text import from_mrkdwn
from bots.slack.rendering.blocks import shown_text
from bots.wire.fields import text_of
from core.values.answer import Message


def is_said(message: Mapping[str, Any]) -> bool:
    """Whether people or other apps wrote a message; notices do not count."""
    return (message.get("subtype") or "") in (*SUBTYPES, "bot_message") and bool(message.get("ts"))


def mark(message: Mapping[str, Any]) -> str:
    """Return the mark in the metadata of one of our messages, empty for any other message."""
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("mark") or "")


def turn(message: Mapping[str, Any], us: str, names: Mapping[str, str]) -> Message:
    """Convert a message. `us` is the bot's user id; `names` maps user ids to known names."""
    if message.get("user") == us:
        return Message("assistant", from_mrkdwn(shown_text(message), names), "", message["ts"])
    app = (message.get("bot_profile") or {}).get("name") or message.get("username") or ""
    name = names.get(str(message.get("user") or ""), "") or str(app)
    text = text_of(message.get("text"))
    own = re.sub(rf"<@{us}(\|[^<>]*)?>", "", text) if us else text
    return Message("user", read(message, own, names), name, message["ts"])
