"""Render a message as one activity for Teams: one card, or text alone.

Teams makes two messages of an activity with text and a card, returns no id, and refuses every edit.
So what needs a card (Stop, Retry, a picker) is a card that contains the text too, and everything
else is text.
https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import bidirectional

from bots.teams.inbound.parse import CHOICE, OURS
from bots.teams.rendering.card_elements import Element, elements, written
from bots.teams.rendering.card_text import markdown_of, parsed
from bots.teams.rendering.guard import guarded, guarded_card
from bots.teams.rendering.markup import links_of, plain, render, small, units
from bots.wire.fields import list_of, map_of, maps_of, text_of
from core.streaming.markdown.blocks import JOIN
from core.values.answer import Button, Citation, Option, Rendered, Stage
from core.wording.catalogue import phrase
from core.wording.labels import short_label

CARD = "application/vnd.microsoft.card.adaptive"
MARK = "mark"
"""The key, in a card's data, of the event that the message answers."""
LABEL = 100
"""The most characters of a button's or choice's title; a phone's screen shows fewer."""
TEXT = f"{OURS}:"
"""The prefix of the id of the container that holds a card's text; the mark follows."""
MOST_CITATIONS = 20
NAME, ABSTRACT = 80, 160
"""The most characters of a citation's name and abstract."""
MOST = 80_000
"""The most bytes of an activity in UTF-16; Teams refuses more than about 100 KB."""
MOST_CARD = 28_000
"""The most bytes of a card in UTF-16."""
SUMMARY = 200
"""The most UTF-16 units of a notification's text."""
SMALL, SMALLER = 2000, 600
"""The most UTF-16 units of small print below a text, and in a card."""
DESCRIPTION = 48
"""UTF-16 units of an option's description if not all of it fits."""
STYLES = {"primary": "positive", "danger": "destructive"}
NATIVE = frozenset({"regenerate", "up", "down"})
"""Buttons that need no card: Teams has its own thumbs, and "regenerate" can be typed."""


def activity(message: Rendered, mark: str = "") -> dict[str, Any]:
    """Return the activity that shows a message. `mark` goes into its card, where Graph returns it.

    It has no entity but the AI label: without a mention entity no text can mention anybody.
    """
    return as_card(message, mark) if has_controls(message) else as_text(message)


def has_controls(message: Rendered) -> bool:
    """Whether a message has controls that only a card can show."""
    return bool(message.options or _buttons(message))


def as_text(message: Rendered) -> dict[str, Any]:
    """Return a message as text alone, without its controls; small print is the last line."""
    text = guarded(render(message.markdown).strip(), links_of(message.markdown))
    footer = small(short(plain(message.footer), SMALL))
    body: dict[str, Any] = {
        "type": "message",
        "textFormat": "markdown",
        "text": JOIN.join(filter(None, (text, footer))) or "…",
    }
    return body | _answers(message)


def as_card(message: Rendered, mark: str = "") -> dict[str, Any]:
    """Return a message as one card without text beside it; `summary` is for notifications."""
    said = {"type": "message", "summary": short(plain(message.markdown), SUMMARY) or "…"}
    said["attachments"] = [{"contentType": CARD, "content": card(message, mark)}]  # type: ignore[assignment]
    return said | _answers(message)


def card(message: Rendered, mark: str = "") -> dict[str, Any]:
    """Return the card: text, picker, small print and buttons. None of it is Markdown.

    If it is too large, first the fallback for clients without cards is dropped, then the ends of
    descriptions.
    """
    text = guarded_card(render(message.markdown).strip(), links_of(message.markdown))
    whole = JOIN.join(filter(None, (text, plain(message.footer)))) or "…"
    brief = short(whole, SUMMARY)
    tries = ((whole, 0), (brief, 0), (brief, DESCRIPTION))
    cards = (_card(message, mark, fallback, described) for fallback, described in tries)
    fitting = (each for each in cards if 2 * units(written(each)) <= MOST_CARD)
    return next(fitting, None) or _card(message, mark, brief, DESCRIPTION)


def _card(message: Rendered, mark: str, fallback: str, described: int) -> dict[str, Any]:
    text: list[Element] = elements(message.markdown) or elements("…")
    body: list[dict[str, Any]] = [{"type": "Container", "id": f"{TEXT}{mark}", "items": text}]
    actions = [_button(each, mark) for each in _buttons(message)]
    if message.options:
        body += [_line(option, described) for option in message.options]
        body.append(_picker(message.options))
        chosen = _submit(phrase("picker.submit"), {OURS: message.picker}, mark)
        actions.insert(0, {**chosen, "style": "positive"})
    if footer := short(plain(message.footer), SMALLER):
        run = {"type": "TextRun", "text": footer, "size": "Small", "isSubtle": True}
        body.append({"type": "RichTextBlock", "inlines": [run]})
    shown: dict[str, Any] = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "body": body,
        "fallbackText": fallback,
        "msteams": {"width": "Full"},
    }
    if _right_to_left(fallback):
        shown["rtl"] = True
    if actions:
        shown["actions"] = actions
    return shown


def _buttons(message: Rendered) -> list[Button]:
    return [each for each in message.buttons if each.name not in NATIVE]


def _answers(message: Rendered) -> dict[str, Any]:
    """Return what Teams shows with a finished answer: the AI label, its sources, and thumbs."""
    if message.stage is not Stage.DONE:
        return {}
    more: dict[str, Any] = {"entities": [label(message.citations)]}
    if any(each.name == "up" for each in message.buttons):
        more["channelData"] = {"feedbackLoop": {"type": "default"}}
    return more


def _right_to_left(text: str) -> bool:
    """Whether the first letter with a direction belongs to a right-to-left script."""
    kinds = (bidirectional(each) for each in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


def label(citations: Sequence[Citation]) -> dict[str, Any]:
    """Return the only entity of an answer: the AI label, and what its citation numbers stand
    for."""
    entity: dict[str, Any] = {
        "type": "https://schema.org/Message",
        "@type": "Message",
        "@context": "https://schema.org",
        "@id": "",
        "additionalType": ["AIGeneratedContent"],
    }
    if citations:
        entity["citation"] = [_claim(each) for each in citations[:MOST_CITATIONS]]
    return entity


def marked(content: object) -> str:
    """Return the mark of a card from Graph (an attachment's `content`, JSON in a string)."""
    shown = parsed(content)
    for each in maps_of(shown.get("actions")):
        data = map_of(each.get("data"))
        if OURS in data and isinstance(data.get(MARK), str):
            return str(data[MARK])
    names = (text_of(each.get("id")) for each in maps_of(shown.get("body")))
    return next((name.removeprefix(TEXT) for name in names if name.startswith(TEXT)), "")


def text_in(content: object) -> str:
    """Return the text of a card as Markdown, without its small print and controls."""
    for each in maps_of(list_of(parsed(content).get("body"))):
        if each.get("type") == "Container" and text_of(each.get("id")).startswith(TEXT):
            return markdown_of(each.get("items"))
    return ""


def size(body: Mapping[str, Any]) -> int:
    """Return the bytes of an activity as Teams counts them: all of it, in UTF-16."""
    return 2 * units(written(body))


def _submit(title: str, data: Mapping[str, str], mark: str) -> dict[str, Any]:
    known = {**data, MARK: mark} if mark else dict(data)
    return {"type": "Action.Submit", "title": title, "data": known}


def _button(button: Button, mark: str) -> dict[str, Any]:
    """Build a button. It sends only its own data, not what is chosen in a picker beside it."""
    pressed = _submit(
        short_label(button.label, LABEL), {OURS: button.name, "value": button.value}, mark
    )
    pressed["associatedInputs"] = "none"
    if button.style in STYLES:
        pressed["style"] = STYLES[button.style]
    return pressed


def _line(option: Option, described: int) -> dict[str, Any]:
    """Build a picker's line; `described` is how much of its description is shown, 0 for all."""
    text = plain(option.description)
    text = short(text, described) if described else text
    current = f" {phrase('picker.current')}" if option.selected else ""
    said = f"{current}: {text}" if text else current
    runs = [{"type": "TextRun", "text": short_label(option.label, LABEL), "weight": "Bolder"}]
    return {"type": "RichTextBlock", "inlines": [*runs, said] if said else runs}


def _picker(options: Sequence[Option]) -> dict[str, Any]:
    picker: dict[str, Any] = {
        "type": "Input.ChoiceSet",
        "id": CHOICE,
        "style": "compact",
        "placeholder": phrase("picker.placeholder"),
        "choices": [
            {"title": short_label(each.label, LABEL), "value": each.value} for each in options
        ],
    }
    if chosen := next((each.value for each in options if each.selected), ""):
        picker["value"] = chosen
    return picker


def _claim(citation: Citation) -> dict[str, Any]:
    """Build one citation. Teams wants a name and an abstract; the location in the file survives
    when the name is cut."""
    where = f", {citation.where}" if citation.where else ""
    name = short(citation.name, max(NAME - len(where), NAME // 2)) + where
    appearance: dict[str, Any] = {
        "@type": "DigitalDocument",
        "name": short(name, NAME) or phrase("source.numbered", number=citation.number),
        "abstract": short(citation.snippet, ABSTRACT) or citation.where or citation.name or "…",
    }
    appearance["abstract"] = short(appearance["abstract"], ABSTRACT)
    if citation.url.startswith(("https://", "http://")) and len(citation.url) <= 2000:
        appearance["url"] = citation.url
    return {"@type": "Claim", "position": citation.number, "appearance": appearance}


def short(text: str, limit: int) -> str:
    """Return a text on one line, cut to a number of UTF-16 units."""
    text = " ".join(text.split())
    if units(text) <= limit:
        return text
    while units(text) > limit - 1:
        text = text[: min(len(text) - 1, limit - 1)]
    return text.rstrip() + "…"
