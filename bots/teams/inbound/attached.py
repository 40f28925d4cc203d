"""Read what is attached to a message of Teams: quoted and forwarded messages, cards of apps. Pure.

Graph returns an attachment's `content` as JSON in a string, an activity as an object. A value of an
unexpected type counts as absent. No heavy imports.
https://learn.microsoft.com/graph/api/resources/chatmessageattachment
https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bots.teams.inbound.plain_text import from_html
from bots.wire.fields import list_of, map_of, text_of

DEEPEST = 12
"""The deepest nesting of a card's elements; those below it are not read."""
CARD = "application/vnd.microsoft.card."
INNER = ("body", "items", "columns", "rows", "cells", "sections", "images")
TEXTS = ("title", "activityTitle", "subtitle", "activitySubtitle", "text", "activityText")


@dataclass(frozen=True, slots=True)
class Attached:
    """`quotes`: messages replied to or forwarded, with their author. `cards`: texts of cards."""

    quotes: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()


def attached(message: Mapping[str, Any]) -> Attached:
    """Read the attachments of a message or an activity."""
    quotes, cards = [], []
    for each in map(map_of, list_of(message.get("attachments"))):
        kind, content = text_of(each.get("contentType")), _content(each.get("content"))
        if kind == "messageReference":
            text = text_of(content.get("messagePreview")).strip()
            quotes.append(_by(content.get("messageSender"), text))
        elif kind == "forwardedMessageReference":
            text = from_html(text_of(content.get("originalMessageContent")))
            quotes.append(_by(content.get("originalMessageSender"), text))
        elif kind == f"{CARD}fluidEmbedCard":
            cards.append("(A Loop component is here, which was not read.)")
        elif kind == f"{CARD}codesnippet":
            name = text_of(content.get("name")) or "without a name"
            lines = (text_of(content.get(n)) for n in ("codeSnippet", "code", "text"))
            code = next((line for line in lines if line), "")
            cards.append(code or f"(A code snippet, {name}, is here, which was not read.)")
        elif kind.startswith(CARD):
            cards.append("\n".join(_lines(content, 0)))
    return Attached(tuple(filter(None, quotes)), tuple(filter(None, cards)))


def _content(value: object) -> Mapping[str, Any]:
    try:
        return map_of(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError):
        return {}


def _by(sender: object, text: str) -> str:
    known = [map_of(map_of(sender).get(kind)) for kind in ("user", "application", "device")]
    name = next((text_of(e.get("displayName")) for e in known if e.get("displayName")), "")
    return f"{name}: {text}" if name and text else text


def _lines(element: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield the texts of a card's element in order, without its buttons and inputs."""
    if depth > DEEPEST or element.get("isVisible") is False:
        return
    code = text_of(element.get("codeSnippet"))
    texts = [text_of(element.get(name)) for name in TEXTS]
    inlines = list_of(element.get("inlines"))
    prose = "".join(e if isinstance(e, str) else text_of(map_of(e).get("text")) for e in inlines)
    yield from (each for each in (*texts, prose, code) if each.strip())
    for fact in map(map_of, list_of(element.get("facts"))):
        name, value = text_of(fact.get("title")) or text_of(fact.get("name")), fact.get("value")
        yield ": ".join(each for each in (name, text_of(value)) if each)
    if element.get("type") == "Image" and (alt := text_of(element.get("altText"))):
        yield alt
    for name in INNER:
        for each in list_of(element.get(name)):
            yield from _lines(map_of(each), depth + 1)
