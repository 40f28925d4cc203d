"""Slack's JSON in, our values out: one pure function for each kind of request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bots.slack.inbound import from_mrkdwn
from core.conversation import Attachment, Command, Conversation, Incoming, Kind, Person

PLATFORM = "slack"
PREFIX = "parley:"
"""What the action ids of our buttons begin with."""

_KINDS = {"im": Kind.DIRECT, "mpim": Kind.GROUP}


def message(body: Mapping[str, Any]) -> Incoming | None:
    """A question to us, from an Events API envelope; None when the event is not one.

    `app_mention` and `message` for one post give the same value of `event_id`.
    """
    event = body.get("event")
    if not isinstance(event, Mapping):
        return None
    tenant, bot = _installed(body)
    channel, ts, user = event.get("channel"), event.get("ts"), event.get("user")
    if not (tenant and channel and ts and user):
        return None
    if event.get("subtype") not in (None, "file_share") or event.get("hidden"):
        return None
    if event.get("bot_id") or event.get("bot_profile") or user == bot:
        return None
    text = str(event.get("text") or "")
    kind = _kind(str(channel), event.get("channel_type"))
    mentioned = event.get("type") == "app_mention" or (bot and _mentions(text, bot))
    if kind is not Kind.DIRECT and not mentioned:
        return None
    thread = event.get("thread_ts")
    where = Conversation(
        PLATFORM, tenant, str(channel), thread or (None if kind is Kind.DIRECT else ts), kind
    )
    return Incoming(
        event_id=f"{where.place}/{ts}",
        conversation=where,
        person=Person(str(user)),
        text=_without_mention(text, bot),
        message_id=str(ts),
        attachments=tuple(_attachment(each) for each in event.get("files") or ()),
        in_thread=bool(thread) and thread != ts,
    )


def command(body: Mapping[str, Any]) -> Command | None:
    """A slash command."""
    tenant, channel, user = body.get("team_id"), body.get("channel_id"), body.get("user_id")
    if not (tenant and channel and user):
        return None
    direct = body.get("channel_name") == "directmessage" or str(channel).startswith("D")
    where = Conversation(
        PLATFORM, str(tenant), str(channel), None, Kind.DIRECT if direct else Kind.CHANNEL
    )
    return Command(
        event_id=f"{where.place}/command/{body.get('trigger_id', '')}",
        conversation=where,
        person=Person(str(user), str(body.get("user_name", ""))),
        name=str(body.get("command", "")).lstrip("/"),
        argument=str(body.get("text") or "").strip(),
        extra={"response_url": str(body.get("response_url", ""))},
    )


def action(body: Mapping[str, Any]) -> Command | None:
    """A pressed button or a chosen option of ours."""
    actions = body.get("actions") or ()
    pressed = actions[0] if actions else {}
    action_id = str(pressed.get("action_id", ""))
    tenant = (body.get("team") or {}).get("id")
    container = body.get("container") or {}
    channel = (body.get("channel") or {}).get("id") or container.get("channel_id")
    user = body.get("user") or {}
    if not (action_id.startswith(PREFIX) and tenant and channel and user.get("id")):
        return None
    kind = _kind(str(channel), None)
    posted = body.get("message") or {}
    thread = posted.get("thread_ts") or container.get("thread_ts")
    target = container.get("message_ts") or posted.get("ts")
    if thread is None and kind is not Kind.DIRECT:
        thread = target
    where = Conversation(PLATFORM, str(tenant), str(channel), thread, kind)
    name = action_id.removeprefix(PREFIX)
    chosen = (pressed.get("selected_option") or {}).get("value")
    extra = {}
    if container.get("is_ephemeral"):
        extra["response_url"] = str(body.get("response_url", ""))
        extra["replace"] = "yes"
    return Command(
        event_id=f"{where.place}/action/{body.get('trigger_id') or pressed.get('action_ts', '')}",
        conversation=where,
        person=Person(str(user["id"]), str(user.get("name", ""))),
        name="feedback" if name in ("up", "down") else name,
        argument=str(chosen or pressed.get("value") or ""),
        target=str(target) if target else None,
        extra=extra,
    )


def _installed(body: Mapping[str, Any]) -> tuple[str, str]:
    """The workspace we are installed in, and our user id there.

    For a channel shared between workspaces `team_id` may be the other one's.
    """
    authorizations = body.get("authorizations") or ()
    ours = authorizations[0] if authorizations else {}
    return str(ours.get("team_id") or body.get("team_id") or ""), str(ours.get("user_id") or "")


def _kind(channel: str, channel_type: object) -> Kind:
    if isinstance(channel_type, str) and channel_type in _KINDS:
        return _KINDS[channel_type]
    return Kind.DIRECT if channel.startswith("D") else Kind.CHANNEL


def _mentions(text: str, bot: str) -> bool:
    return f"<@{bot}>" in text or f"<@{bot}|" in text


def _without_mention(text: str, bot: str) -> str:
    """The text as people read it, without the mention that called us."""
    if bot:
        before, mention, after = text.partition(f"<@{bot}>")
        if mention:
            text = f"{before.rstrip()} {after.lstrip()}"
    return from_mrkdwn(text).strip()


def _attachment(file: Mapping[str, Any]) -> Attachment:
    return Attachment(
        id=str(file.get("id", "")),
        name=str(file.get("name") or file.get("title") or "a file"),
        media_type=str(file.get("mimetype") or ""),
        size=int(file.get("size") or 0),
        url=str(file.get("url_private_download") or file.get("url_private") or ""),
    )
