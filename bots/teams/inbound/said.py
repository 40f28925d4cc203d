"""Read what a person wrote: their words, what they quoted, and whether they addressed the bot.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/conversation-messages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bots.teams.inbound.attached import attached
from bots.teams.inbound.fields import by_a_bot, is_us, targeted, where_of
from bots.teams.inbound.plain_text import AT, Read, quote, read_html, read_text
from bots.wire.fields import id_of, list_of, map_of, text_of
from core.values.conversation import Conversation, Kind

LONGEST = 40_000
"""The most characters of a question: 80 KB in UTF-16, as Teams counts."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person wrote: `text` is their own words, `whole` includes what they quoted."""

    id: str
    where: Conversation
    text: str
    whole: str
    addressed: bool
    rich: bool


def said_of(body: Mapping[str, Any], bot_id: str) -> Said | None:
    """Return what a person wrote; None for a bot's message, a button press and other activities."""
    once = id_of(body.get("id"))
    where = where_of(body, once)
    if body.get("type") != "message" or where is None or not once:
        return None
    if by_a_bot(body, bot_id) or isinstance(body.get("value"), Mapping):
        return None
    mentioned, numbers = _mentions(body, bot_id)
    read, rich = _read(body, numbers)
    beside = attached(body)
    quotes = read.quotes or tuple(_quoted(body)) or beside.quotes
    whole = "\n\n".join(part for part in (read.text, *map(quote, quotes), *beside.cards) if part)
    addressed = mentioned or targeted(body) or where.kind is Kind.DIRECT
    return Said(once, where, read.text, whole[:LONGEST], addressed, rich)


def _read(body: Mapping[str, Any], ours: Mapping[bool, frozenset[int]]) -> tuple[Read, bool]:
    """Read the message's HTML if it has all mentions that the text has; else read the text."""
    plain = read_text(text_of(body.get("text")), ours[False])
    rich = [
        text_of(each.get("content"))
        for each in map(map_of, list_of(body.get("attachments")))
        if each.get("contentType") == "text/html"
    ]
    if not any(rich):
        return plain, bool(rich)
    read = read_html(next(filter(None, rich)), ours[False] if plain.mentions else ours[True])
    if plain.text and (read.mentions != plain.mentions or not read.text):
        return plain, True
    return read, True


def _mentions(body: Mapping[str, Any], bot_id: str) -> tuple[bool, Mapping[bool, frozenset[int]]]:
    """Whether the bot is mentioned, and which mentions in the message are its: by position, not
    name.

    Each entity takes the first mention in the text that reads the same and is not another entity's.
    Without a text (True) the entities count in order.
    """
    places: dict[str, list[int]] = {}
    for number, found in enumerate(AT.finditer(text_of(body.get("text")))):
        places.setdefault(found[0], []).append(number)
    mentioned, by_place, in_order = False, set(), set()
    entities = [map_of(each) for each in list_of(body.get("entities"))]
    mentions = [each for each in entities if each.get("type") == "mention"]
    for number, entity in enumerate(mentions):
        free = places.get(text_of(entity.get("text")), [])
        place = free.pop(0) if free else None
        if not is_us(map_of(entity.get("mentioned")).get("id"), body, bot_id):
            continue
        mentioned = True
        in_order.add(number)
        if place is not None:
            by_place.add(place)
    return mentioned, {False: frozenset(by_place), True: frozenset(in_order)}


def _quoted(body: Mapping[str, Any]) -> Sequence[str]:
    """Return the messages replied to, as newer clients send them."""
    found = []
    for entity in map(map_of, list_of(body.get("entities"))):
        quoted = map_of(entity.get("quotedReply")) if entity.get("type") == "quotedReply" else {}
        text, author = text_of(quoted.get("preview")).strip(), text_of(quoted.get("senderName"))
        if text and quoted.get("isReplyDeleted") is not True:
            found.append(f"{author}: {text}" if author else text)
    return found
