"""Parse Slack's JSON into our values: one pure function for each kind of request.

A value of an unexpected type counts as absent, so that no payload raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bots.slack.inbound.message_text import files as files_of
from bots.slack.inbound.message_text import read
from bots.slack.inbound.tenancy import (
    installed,
    pressed_from_elsewhere,
    tenant_of,
    wrote_from_elsewhere,
)
from bots.wire.fields import MOST_FILES, id_of, list_of, map_of, size_of, text_of, url_of
from core.values.conversation import Attachment, Command, Conversation, Incoming, Kind, Person

PLATFORM = "slack"
PREFIX = "parley:"
"""The prefix of our buttons' action ids."""
US = "Parley"
"""The text that replaces a mention of the bot inside a sentence."""
LONGEST = 40_000
"""The most characters of a message, as in Slack: what people wrote is never cut."""
LONGEST_ARGUMENT = 2_000
"""The most characters of a command's text or a button's value, as in Slack."""
LONGEST_NAME = 200
SUBTYPES = ("", "file_share", "thread_broadcast")
"""Subtypes of messages that people write; all others are edits, deletions, bots and notices.
https://docs.slack.dev/reference/events/message#subtypes"""

FILE_LINK = re.compile(r"https?://[^\s<>|/]+/files/[A-Z0-9]{2,20}/(F[A-Z0-9]{2,20})(?:/[^\s<>|]*)?")
"""A link to a file in a workspace, as people paste it."""
_KINDS = {"im": Kind.DIRECT, "mpim": Kind.GROUP}


def message(body: Mapping[str, Any]) -> Incoming | None:
    """Return the question in an Events API envelope; None if the event is not one.

    `app_mention` and `message` events for one post get the same `event_id`. In a direct chat, a
    question in a thread is answered there; everything else is one conversation without a thread.
    """
    event = map_of(body.get("event"))
    tenant, bot = installed(body)
    channel, ts, user = (id_of(event.get(name)) for name in ("channel", "ts", "user"))
    if not (tenant and channel and ts and user):
        return None
    if text_of(event.get("subtype")) not in SUBTYPES or event.get("hidden"):
        return None
    if event.get("bot_id") or event.get("bot_profile") or user in (bot, "USLACKBOT"):
        return None
    text = text_of(event.get("text"))
    kind = kind_of(channel, event.get("channel_type"))
    mentioned = event.get("type") == "app_mention" or bool(bot and f"<@{bot}" in text)
    addressed = mentioned or kind is Kind.DIRECT
    attachments = tuple(attachment(each) for each in files_of(event) if _is_file(each))[:MOST_FILES]
    if not addressed and not attachments:
        return None
    thread = id_of(event.get("thread_ts")) or None
    where = Conversation(
        PLATFORM, tenant, channel, thread or (None if kind is Kind.DIRECT else ts), kind
    )
    return Incoming(
        event_id=f"{where.place}/{ts}",
        conversation=where,
        person=Person(user, outsider=wrote_from_elsewhere(body)),
        text=_question(event, bot),
        message_id=ts,
        attachments=attachments,
        in_thread=bool(thread) and thread != ts,
        addressed=addressed,
        files_unresolved=addressed and FILE_LINK.search(text) is not None,
    )


def command(body: Mapping[str, Any]) -> Command | None:
    """Return the slash command in a request. Slack allows none in threads."""
    tenant = id_of(body.get("team_id")) or id_of(body.get("enterprise_id"))
    channel, user = id_of(body.get("channel_id")), id_of(body.get("user_id"))
    if not (tenant and channel and user):
        return None
    where = Conversation(PLATFORM, tenant, channel, None, _named(channel, body.get("channel_name")))
    return Command(
        event_id=f"{where.place}/command/{id_of(body.get('trigger_id'))}",
        conversation=where,
        person=Person(user, text_of(body.get("user_name"))[:LONGEST_NAME]),
        name=text_of(body.get("command")).lstrip("/")[:LONGEST_NAME],
        argument=text_of(body.get("text")).strip()[:LONGEST_ARGUMENT],
        extra={"response_url": url_of(body.get("response_url"))},
    )


def action(body: Mapping[str, Any]) -> Command | None:
    """Return a press of one of our buttons, or a chosen option.

    `extra` has `response_url` and `replace` if the message was shown to one person only: for a
    message that everybody sees, a reply to that URL could replace it.
    """
    pressed = map_of(next(iter(list_of(body.get("actions"))), None))
    container, posted, user = (map_of(body.get(n)) for n in ("container", "message", "user"))
    where_from = map_of(body.get("channel"))
    action_id = text_of(pressed.get("action_id"))
    tenant = tenant_of(body)
    channel = id_of(where_from.get("id")) or id_of(container.get("channel_id"))
    if not (action_id.startswith(PREFIX) and tenant and channel and id_of(user.get("id"))):
        return None
    kind = _named(channel, where_from.get("name"))
    thread = id_of(posted.get("thread_ts")) or id_of(container.get("thread_ts"))
    target = id_of(container.get("message_ts")) or id_of(posted.get("ts"))
    alone = container.get("is_ephemeral") is True
    if not thread and not alone and kind is not Kind.DIRECT:
        thread = target  # an ephemeral message cannot have replies
    where = Conversation(PLATFORM, tenant, channel, thread or None, kind)
    name = action_id.removeprefix(PREFIX)[:LONGEST_NAME]
    chosen = text_of(map_of(pressed.get("selected_option")).get("value"))
    extra = {}
    if alone:
        extra = {"response_url": url_of(body.get("response_url")), "replace": "yes"}
    once = id_of(body.get("trigger_id")) or id_of(pressed.get("action_ts"))
    return Command(
        event_id=f"{where.place}/action/{once}",
        conversation=where,
        person=Person(
            id_of(user["id"]),
            text_of(user.get("name"))[:LONGEST_NAME],
            outsider=pressed_from_elsewhere(body),
        ),
        name="feedback" if name in ("up", "down") else name,
        argument=(chosen or text_of(pressed.get("value")))[:LONGEST_ARGUMENT],
        target=target or None,
        extra=extra,
    )


def is_listened_to(body: Mapping[str, Any]) -> bool:
    """Whether a payload is an event or an action that names its type."""
    match body.get("type"):
        case "event_callback":
            return bool(text_of(map_of(body.get("event")).get("type")))
        case "block_actions":
            pressed = map_of(next(iter(list_of(body.get("actions"))), None))
            return bool(text_of(pressed.get("action_id")))
        case _:
            return False


def kind_of(channel: str, channel_type: object) -> Kind:
    """Return a conversation's kind, by its `channel_type` or else by its id."""
    if isinstance(channel_type, str) and channel_type in _KINDS:
        return _KINDS[channel_type]
    return Kind.DIRECT if channel.startswith("D") else Kind.CHANNEL


def _named(channel: str, name: object) -> Kind:
    """Return the kind by the channel's name: commands and buttons have nothing else for direct
    chats."""
    if text_of(name).startswith("mpdm-"):
        return Kind.GROUP
    return kind_of(channel, "im" if name == "directmessage" else None)


def _question(event: Mapping[str, Any], bot: str) -> str:
    """Return the message as people read it, without mentions that address us."""
    text = text_of(event.get("text"))
    if bot:
        mention = rf"<@{re.escape(bot)}(?:\|[^<>]*)?>"
        text = re.sub(rf"\A(?:\s*{mention}[,:]?)+|(?:{mention}\s*)+\Z", "", text)
    return read(event, text, {bot: US} if bot else {})[:LONGEST]


def _is_file(file: Mapping[str, Any]) -> bool:
    """Whether it is a readable file; deleted ones and those beyond the plan are only
    placeholders."""
    return bool(id_of(file.get("id"))) and file.get("mode") not in (
        "tombstone",
        "hidden_by_limit",
    )


def attachment(file: Mapping[str, Any]) -> Attachment:
    """Return a shared file. One from another workspace has only its id (`check_file_info`)."""
    return Attachment(
        id=id_of(file.get("id")),
        name=(text_of(file.get("name")) or text_of(file.get("title")))[:1024],
        media_type=text_of(file.get("mimetype"))[:255],
        size=size_of(file.get("size")),
        url=url_of(file.get("url_private_download")) or url_of(file.get("url_private")),
        link=url_of(file.get("permalink")),
    )
