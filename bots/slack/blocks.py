"""A rendered message as Slack's text and blocks."""

from __future__ import annotations

from typing import Any

from bots.slack.events import PREFIX
from bots.slack.mrkdwn import render
from core.answer import Button, Option, Rendered


def text_and_blocks(message: Rendered) -> dict[str, Any]:
    """The arguments `text` and `blocks` of `chat.postMessage` and its kin."""
    text = render(message.markdown) or "…"
    lines = [text, *(_line(option) for option in message.options)]
    blocks: list[dict[str, Any]] = [
        {
            "type": "section",
            "expand": True,
            # verbatim: no bare address or channel name becomes a link
            "text": {"type": "mrkdwn", "text": "\n".join(lines)[:3000], "verbatim": True},
        }
    ]
    if message.options:
        blocks.append({"type": "actions", "elements": [_picker(message)]})
    if message.footer:
        footer = {"type": "mrkdwn", "text": render(message.footer)[:2000], "verbatim": True}
        blocks.append({"type": "context", "elements": [footer]})
    if message.buttons:
        blocks.append({"type": "actions", "elements": [_button(each) for each in message.buttons]})
    return {"text": text[:3900], "blocks": blocks}


def shown_text(message: dict[str, Any]) -> str:
    """What a message of ours says, without its small print and buttons."""
    sections = [b for b in message.get("blocks") or () if b.get("type") == "section"]
    if sections:
        return "\n".join(str(block["text"]["text"]) for block in sections)
    return str(message.get("text") or "")


def _button(button: Button) -> dict[str, Any]:
    element: dict[str, Any] = {
        "type": "button",
        "action_id": f"{PREFIX}{button.name}",
        "text": {"type": "plain_text", "text": button.label, "emoji": True},
        "value": button.value,
    }
    if button.style:
        element["style"] = button.style
    return element


def _picker(message: Rendered) -> dict[str, Any]:
    options = [_option(option) for option in message.options]
    picker: dict[str, Any] = {
        "type": "static_select",
        "action_id": f"{PREFIX}{message.picker}",
        "placeholder": {"type": "plain_text", "text": "Choose…"},
        "options": options,
    }
    chosen = [o for o, option in zip(options, message.options, strict=True) if option.selected]
    if chosen:
        picker["initial_option"] = chosen[0]
    return picker


def _option(option: Option) -> dict[str, Any]:
    return {
        "text": {"type": "plain_text", "text": option.label[:75]},
        "value": option.value,
        "description": {"type": "plain_text", "text": option.description[:75]},
    }


def _line(option: Option) -> str:
    current = " (current)" if option.selected else ""
    return render(f"• **{option.label}**{current}: {option.description}")
