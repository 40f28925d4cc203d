"""A rendered message as an activity for Teams: text, an Adaptive Card under it, entities.

https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bots.fields import maps_of
from bots.teams.activities import CHOICE, OURS
from bots.teams.guard import guarded
from bots.teams.markup import links_of, plain, render, units
from core.answer import Button, Citation, Option, Rendered, Stage
from core.labels import short_label

CARD = "application/vnd.microsoft.card.adaptive"
MARK = "mark"
"""What the data of a card has the event under that its message came of."""
LABEL = 100
"""Characters of a button's or a choice's title, which are cut on a phone's screen before that."""
MOST_CITATIONS = 20
NAME, ABSTRACT = 80, 160
"""Characters of a citation's name and abstract."""
MOST = 80_000
"""Bytes in UTF-16 of an activity; Teams refuses more than about 100 KB."""
STYLES = {"primary": "positive", "danger": "destructive"}


def activity(message: Rendered, mark: str = "") -> dict[str, Any]:
    """The activity that shows a message. `mark` goes into its card, where Graph tells it again.

    No entity but the AI label: without a mention's entity nothing in a text mentions anybody.
    """
    body: dict[str, Any] = {
        "type": "message",
        "textFormat": "markdown",
        "text": guarded(render(message.markdown).strip(), links_of(message.markdown)) or "…",
    }
    if shown := card(message, mark):
        body["attachments"] = [{"contentType": CARD, "content": shown}]
    if message.stage is Stage.DONE:
        body["entities"] = [label(message.citations)]
    return body


def card(message: Rendered, mark: str = "") -> dict[str, Any]:
    """Picker, small print and buttons; empty where there are none. Nothing in it is Markdown."""
    elements: list[dict[str, Any]] = []
    actions = [_button(each, mark) for each in message.buttons]
    if message.options:
        elements += [_line(option) for option in message.options]
        elements.append(_picker(message.options))
        chosen = _submit("Choose", {OURS: message.picker}, mark)
        actions.insert(0, {**chosen, "style": "positive"})
    if footer := plain(message.footer)[:2000]:
        small = {"type": "TextRun", "text": footer, "size": "Small", "isSubtle": True}
        elements.append({"type": "RichTextBlock", "inlines": [small]})
    if not elements and not actions:
        return {}
    if mark and not actions:
        elements[0]["id"] = f"{OURS}:{mark}"
    shown: dict[str, Any] = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "body": elements,
        "msteams": {"width": "Full"},
    }
    if actions:
        shown["actions"] = actions
    return shown


def label(citations: Sequence[Citation]) -> dict[str, Any]:
    """The one entity of an answer: that a model wrote it, and what its numbers stand for."""
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
    """The mark of a card as Graph tells it (an attachment's `content`, JSON in a string)."""
    try:
        shown = json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        return ""
    if not isinstance(shown, Mapping):
        return ""
    for each in maps_of(shown.get("actions")):
        data = each.get("data")
        if isinstance(data, Mapping) and OURS in data and isinstance(data.get(MARK), str):
            return str(data[MARK])
    for each in maps_of(shown.get("body")):
        name = each.get("id")
        if isinstance(name, str) and name.startswith(f"{OURS}:"):
            return name.removeprefix(f"{OURS}:")
    return ""


def size(body: Mapping[str, Any]) -> int:
    """Bytes of an activity as Teams counts them: all of it, in UTF-16."""
    return 2 * units(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def _submit(title: str, data: Mapping[str, str], mark: str) -> dict[str, Any]:
    known = {**data, MARK: mark} if mark else dict(data)
    return {"type": "Action.Submit", "title": title, "data": known}


def _button(button: Button, mark: str) -> dict[str, Any]:
    """It sends its own data only, not what is chosen in a picker beside it."""
    pressed = _submit(
        short_label(button.label, LABEL), {OURS: button.name, "value": button.value}, mark
    )
    pressed["associatedInputs"] = "none"
    if button.style in STYLES:
        pressed["style"] = STYLES[button.style]
    return pressed


def _line(option: Option) -> dict[str, Any]:
    current = " (current)" if option.selected else ""
    said = f"{current}: {plain(option.description)}" if option.description else current
    runs = [
        {"type": "TextRun", "text": short_label(option.label, LABEL), "weight": "Bolder"},
        {"type": "TextRun", "text": said},
    ]
    return {"type": "RichTextBlock", "inlines": runs if said else runs[:1]}


def _picker(options: Sequence[Option]) -> dict[str, Any]:
    picker: dict[str, Any] = {
        "type": "Input.ChoiceSet",
        "id": CHOICE,
        "style": "compact",
        "placeholder": "Choose…",
        "choices": [
            {"title": short_label(each.label, LABEL), "value": each.value} for each in options
        ],
    }
    if chosen := next((each.value for each in options if each.selected), ""):
        picker["value"] = chosen
    return picker


def _claim(citation: Citation) -> dict[str, Any]:
    """One source. Teams wants a name and an abstract of each; where in it goes before the name's
    end is cut."""
    where = f", {citation.where}" if citation.where else ""
    name = _short(citation.name, max(NAME - len(where), NAME // 2)) + where
    appearance: dict[str, Any] = {
        "@type": "DigitalDocument",
        "name": _short(name, NAME) or f"Source {citation.number}",
        "abstract": _short(citation.snippet, ABSTRACT) or citation.where or citation.name or "…",
    }
    appearance["abstract"] = _short(appearance["abstract"], ABSTRACT)
    if citation.url.startswith(("https://", "http://")) and len(citation.url) <= 2000:
        appearance["url"] = citation.url
    return {"@type": "Claim", "position": citation.number, "appearance": appearance}


def _short(text: str, limit: int) -> str:
    """Counted in UTF-16, so that Teams counts no more."""
    text = " ".join(text.split())
    if units(text) <= limit:
        return text
    while units(text) > limit - 1:
        text = text[: min(len(text) - 1, limit - 1)]
    return text.rstrip() + "…"
