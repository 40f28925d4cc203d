"""Fields that every activity has: where it happened, who did it, how to answer there.

A value of an unexpected type counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bots.wire.fields import id_of, list_of, map_of, text_of
from core.values.conversation import Conversation, Kind, Person

PLATFORM = "teams"

_KINDS = {"channel": Kind.CHANNEL, "groupChat": Kind.GROUP, "personal": Kind.DIRECT}


def where_of(body: Mapping[str, Any], root: str) -> Conversation | None:
    """Return the conversation. `root` is the thread of a channel post that starts one."""
    conversation, data = map_of(body.get("conversation")), map_of(body.get("channelData"))
    channel, _, thread = text_of(conversation.get("id")).partition(";messageid=")
    tenant = id_of(conversation.get("tenantId")) or id_of(map_of(data.get("tenant")).get("id"))
    channel = id_of(channel)
    kind = _kind(conversation, channel, data)
    if not (tenant and channel and kind) or (thread and not id_of(thread)):
        return None
    if kind is not Kind.CHANNEL:
        return Conversation(PLATFORM, tenant, channel, None, kind)
    return Conversation(PLATFORM, tenant, channel, thread or root or None, kind)


def _kind(conversation: Mapping[str, Any], channel: str, data: Mapping[str, Any]) -> Kind | None:
    named = text_of(conversation.get("conversationType"))
    if named:
        return _KINDS.get(named)
    if map_of(data.get("team")) or map_of(data.get("channel")):
        return Kind.CHANNEL
    if channel.startswith("a:"):
        return Kind.DIRECT
    return Kind.GROUP if conversation.get("isGroup") is True else None


def extra_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what is needed to reach the conversation again."""
    sender, data = map_of(body.get("from")), map_of(body.get("channelData"))
    team = map_of(data.get("team"))
    found = {
        "service_url": text_of(body.get("serviceUrl")),
        "bot": text_of(map_of(body.get("recipient")).get("id")),
        "user": text_of(sender.get("id")),
        "aad": text_of(sender.get("aadObjectId")),
        "team": text_of(team.get("id")),
        "group": text_of(team.get("aadGroupId")),
        "to": "person" if targeted(body) else "",
    }
    return {name: value[:2000] for name, value in found.items() if value}


def happened(body: Mapping[str, Any]) -> float:
    """Return when it happened by Teams' clock, in seconds since the epoch; 0 if it does not say."""
    try:
        at = datetime.fromisoformat(text_of(body.get("timestamp")))
        return at.timestamp() if at.tzinfo else 0.0
    except (ValueError, OverflowError, OSError):
        return 0.0


def person_of(body: Mapping[str, Any]) -> Person:
    """Return who did it, by the Entra id or else the Bot Framework's."""
    sender = map_of(body.get("from"))
    known = id_of(sender.get("aadObjectId")) or id_of(sender.get("id"))
    return Person(known, text_of(sender.get("name"))[:200])


def by_a_bot(body: Mapping[str, Any], bot_id: str) -> bool:
    """Whether a bot, possibly this one, or nobody wrote it."""
    sender = map_of(body.get("from"))
    user = id_of(sender.get("id"))
    if not user or sender.get("role") == "bot" or user.startswith("28:"):
        return True
    return is_us(user, body, bot_id)


def targeted(body: Mapping[str, Any]) -> bool:
    """Whether only its author and the bot can see it."""
    return map_of(body.get("recipient")).get("isTargeted") is True


def names_us(body: Mapping[str, Any], members: str, bot_id: str) -> bool:
    """Whether the bot is in a list of members."""
    return any(is_us(map_of(m).get("id"), body, bot_id) for m in list_of(body.get(members)))


def is_us(value: object, body: Mapping[str, Any], bot_id: str) -> bool:
    """Whether an id is the bot's."""
    ours = (bot_id, f"28:{bot_id}") if bot_id else ()
    return bool(text_of(value)) and value in (*ours, map_of(body.get("recipient")).get("id"))
