"""Render a message as the text and blocks of a Slack message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bots.slack.inbound.parse import PREFIX
from bots.slack.rendering.guard import guarded
from bots.slack.rendering.mrkdwn import LIMIT, links_of, render
from core.values.answer import Button, Option, Rendered
from core.wording.catalogue import phrase
from core.wording.labels import short_label
from core.wording.user_messages import plain

LABEL = 75
"""The most characters of a button's or option's text; Slack refuses longer and empty ones.
https://docs.slack.dev/reference/block-kit/composition-objects/option-object"""
LONG_LABEL = 200


def text_and_blocks(message: Rendered) -> dict[str, Any]:
    """Return the arguments `text`, `blocks` and `parse` of `chat.postMessage` and similar methods.

    Nothing is cut: text beyond one section continues in the next.
    """
    allowed = links_of(message.markdown)
    text = render(message.markdown)
    if not text.strip():
        text = "…"
    # a piece may begin inside what was code
    blocks = [_section(guarded(piece, allowed)) for piece in _pieces(text)]
    if message.options:
        lines = "\n".join(_line(option) for option in message.options)
        blocks += [_section(piece) for piece in _pieces(lines)]
        blocks.append({"type": "actions", "elements": [_picker(message)]})
    if footer := render(message.footer).strip()[:2000]:
        element = {"type": "mrkdwn", "text": footer, "verbatim": True}
        blocks.append({"type": "context", "elements": [element]})
    if message.buttons:
        blocks.append({"type": "actions", "elements": [_button(each) for each in message.buttons]})
    # `text` is for notifications; `chat.update` accepts at most 4,000 characters
    return {"text": guarded(_pieces(text, 3900)[0], allowed), "blocks": blocks, "parse": "none"}


def _section(text: str) -> dict[str, Any]:
    """Build a section that is shown whole (`expand`) and links no bare URLs or names
    (`verbatim`)."""
    section = {"type": "mrkdwn", "text": text, "verbatim": True}
    return {"type": "section", "expand": True, "text": section}


def _pieces(text: str, limit: int = LIMIT) -> list[str]:
    """Split text into pieces of at most `limit` characters, at line ends where possible."""
    pieces = []
    while len(text) > limit:
        at = text.rfind("\n", 1, limit + 1)
        at = limit if at < 0 else at
        pieces.append(text[:at])
        text = text[at:].removeprefix("\n")
    return [piece for piece in (*pieces, text) if piece.strip()]


def shown_text(message: Mapping[str, Any]) -> str:
    """Return the text of one of our messages, without its small print and buttons."""
    sections = [b for b in message.get("blocks") or () if b.get("type") == "section"]
    if sections:
        return "\n".join(str(block["text"]["text"]) for block in sections)
    return str(message.get("text") or "")


def _button(button: Button) -> dict[str, Any]:
    element: dict[str, Any] = {
        "type": "button",
        "action_id": f"{PREFIX}{button.name}",
        "text": {"type": "plain_text", "text": short_label(button.label, LABEL), "emoji": True},
    }
    if button.value:
        element["value"] = button.value
    if button.style:
        element["style"] = button.style
    return element


def _picker(message: Rendered) -> dict[str, Any]:
    options = [_option(option) for option in message.options]
    picker: dict[str, Any] = {
        "type": "static_select",
        "action_id": f"{PREFIX}{message.picker}",
        "placeholder": {"type": "plain_text", "text": phrase("picker.placeholder")},
        "options": options,
    }
    chosen = [o for o, option in zip(options, message.options, strict=True) if option.selected]
    if chosen:
        picker["initial_option"] = chosen[0]
    return picker


def _option(option: Option) -> dict[str, Any]:
    return {
        "text": {"type": "plain_text", "text": short_label(option.label, LABEL)},
        "value": option.value,
        "description": {"type": "plain_text", "text": short_label(option.description, LABEL, "…")},
    }


def _line(option: Option) -> str:
    current = f" {phrase('picker.current')}" if option.selected else ""
    name = plain(short_label(option.label, LONG_LABEL))
    return render(f"• **{name}**{current}: {option.description}")
