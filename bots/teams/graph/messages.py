"""Convert Graph's messages to our values. Pure; a value of an unexpected type counts as absent.

https://learn.microsoft.com/graph/api/resources/chatmessage
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bots.teams.graph.shares import SHARE
from bots.teams.inbound.attached import attached
from bots.teams.inbound.plain_text import from_html, quote
from bots.teams.rendering.cards import marked, text_in
from bots.teams.rendering.markup import said
from bots.wire.fields import MOST_FILES, id_of, list_of, map_of, text_of
from core.values.answer import Message
from core.values.conversation import Attachment

REFERENCE = "reference"
"""The content type of an attachment that is a shared file."""


def is_said(message: Mapping[str, Any]) -> bool:
    """Whether people or apps wrote a message; notices and deleted messages do not count."""
    return message.get("messageType", "message") == "message" and not message.get("deletedDateTime")


def is_ours(message: Mapping[str, Any], app_id: str) -> bool:
    """Whether the bot with this app id wrote a message."""
    return map_of(map_of(message.get("from")).get("application")).get("id") == app_id


def turn(message: Mapping[str, Any], app_id: str) -> Message:
    """Convert a message. `app_id` is the bot's, whose messages become the assistant's."""
    message_id, text = id_of(message.get("id")), _text(map_of(message.get("body")))
    if is_ours(message, app_id):
        return Message("assistant", said(text) or _in_card(message), "", message_id)
    sender = map_of(message.get("from"))
    known = [map_of(sender.get(kind)) for kind in ("user", "application", "device")]
    name = next((text_of(e.get("displayName")) for e in known if e.get("displayName")), "")
    return Message("user", _whole(message, text), name, message_id)


def _whole(message: Mapping[str, Any], text: str) -> str:
    """Return a message's subject, what it replies to or forwards, its words and its cards."""
    subject, beside = text_of(message.get("subject")).strip(), attached(message)
    parts = (subject, *map(quote, beside.quotes), text, *beside.cards)
    return "\n\n".join(part for part in parts if part)


def mark(message: Mapping[str, Any]) -> str:
    """Return the event that one of our messages answers, empty for any other message."""
    found = (marked(map_of(e).get("content")) for e in list_of(message.get("attachments")))
    return next((each for each in found if each), "")


def _in_card(message: Mapping[str, Any]) -> str:
    found = (text_in(map_of(e).get("content")) for e in list_of(message.get("attachments")))
    return next((each for each in found if each), "")


def files(message: Mapping[str, Any]) -> Sequence[Attachment]:
    """Return the files shared with a message."""
    found = []
    for each in map(map_of, list_of(message.get("attachments"))):
        file, url = id_of(each.get("id")), text_of(each.get("contentUrl"))
        if each.get("contentType") == REFERENCE and file and url.startswith(("https:", "http:")):
            name = text_of(each.get("name"))[:1024]
            found.append(Attachment(file, name, "", 0, f"{SHARE}{url}", url))
    return found[:MOST_FILES]


def _text(body: Mapping[str, Any]) -> str:
    content = text_of(body.get("content"))
    return from_html(content) if body.get("contentType") == "html" else content.strip()
