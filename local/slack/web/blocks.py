"""Validation of a message's blocks. https://docs.slack.dev/reference/block-kit/blocks"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local.slack.workspace.state import SlackError

MOST = 50
LONGEST_SECTION = 3000
LONGEST_MARKDOWN = 12_000
LONGEST_TOGETHER = 13_200
"""Characters of all blocks of a message. Not documented: this is the limit that apps have met."""

Problems = list[str]


def accepted(blocks: Any) -> list[dict[str, Any]]:
    """Validate blocks and return them as Slack stores them, with ids. Raises SlackError."""
    if not isinstance(blocks, list) or not all(isinstance(each, Mapping) for each in blocks):
        raise SlackError("invalid_blocks_format")
    problems: Problems = []
    if len(blocks) > MOST:
        problems.append(f"no more than {MOST} items allowed")
    kept = [{"block_id": f"b{number}", **block} for number, block in enumerate(blocks)]
    if len({block["block_id"] for block in kept}) != len(kept):
        problems.append("block_id must be unique")
    for number, block in enumerate(kept):
        check = _BLOCKS.get(str(block.get("type")))
        found = ["unsupported type"] if check is None else list(check(block))
        problems += [f"{each} [json-pointer:/blocks/{number}]" for each in found]
    markdown = sum(len(b["text"]) for b in kept if b["type"] == "markdown") if not problems else 0
    if markdown > LONGEST_MARKDOWN:
        problems.append(f"markdown must be less than {LONGEST_MARKDOWN + 1} characters together")
    if problems:
        raise SlackError("invalid_blocks", "; ".join(problems))
    if sum(map(_size, kept)) > LONGEST_TOGETHER:
        raise SlackError("msg_blocks_too_long")
    return kept


def _size(value: Any) -> int:
    """Count the characters of all text inside."""
    if isinstance(value, Mapping):
        own = value.get("text")
        rest = (v for k, v in value.items() if k != "text" or not isinstance(v, str))
        return (len(own) if isinstance(own, str) else 0) + sum(map(_size, rest))
    return sum(map(_size, value)) if isinstance(value, list) else 0


def _section(block: Mapping[str, Any]) -> Iterable[str]:
    fields = block.get("fields")
    if "text" in block:
        yield from _text(block["text"], LONGEST_SECTION)
    elif not fields:
        yield "a section needs text or fields"
    if fields is not None:
        yield from _several(fields, 10)
        for each in _items(fields):
            yield from _text(each, 2000)
    if "accessory" in block:
        yield from _element(block["accessory"])


def _header(block: Mapping[str, Any]) -> Iterable[str]:
    return _text(block.get("text"), 150, plain=True)


def _markdown(block: Mapping[str, Any]) -> Iterable[str]:
    return () if isinstance(block.get("text"), str) and block["text"] else ("missing text",)


def _context(block: Mapping[str, Any]) -> Iterable[str]:
    elements = block.get("elements")
    yield from _several(elements, 10)
    for each in _items(elements):
        if not isinstance(each, Mapping) or each.get("type") != "image":
            yield from _text(each, LONGEST_SECTION)


def _actions(block: Mapping[str, Any]) -> Iterable[str]:
    elements = block.get("elements")
    yield from _several(elements, 25)
    for each in _items(elements):
        yield from _element(each)
    named = [
        str(e["action_id"])
        for e in _items(elements)
        if isinstance(e, Mapping) and e.get("action_id")
    ]
    if len({*named}) != len(named):
        yield "action_id must be unique within a block"


def _free(_: Mapping[str, Any]) -> Iterable[str]:
    return ()


_BLOCKS = {
    "actions": _actions,
    "context": _context,
    "context_actions": lambda block: _several(block.get("elements"), 5),
    "divider": _free,
    "header": _header,
    "image": _free,
    "markdown": _markdown,
    "rich_text": lambda block: _several(block.get("elements"), 10_000),
    "section": _section,
    "table": _free,
}


def _element(element: Any) -> Iterable[str]:
    if not isinstance(element, Mapping):
        yield "an element must be an object"
        return
    yield from _short(element, "action_id", 255)
    match element.get("type"):
        case "button":
            yield from _text(element.get("text"), 75, plain=True)
            yield from _short(element, "value", 2000)
            if element.get("style") not in (None, "primary", "danger"):
                yield "style must be primary or danger"
        case "static_select" | "radio_buttons" | "overflow" | "checkboxes" as kind:
            options = element.get("options")
            yield from _several(options, 100 if kind == "static_select" else 10)
            for option in _items(options):
                yield from _option(option)
            if "placeholder" in element:
                yield from _text(element["placeholder"], 150, plain=True)
            initial = element.get("initial_option")
            if initial is not None and initial not in _items(options):
                yield "initial_option must be one of the options"
        case "image" | "datepicker" | "users_select" | "channels_select":
            pass
        case _:
            yield "unsupported element"


def _option(option: Any) -> Iterable[str]:
    if not isinstance(option, Mapping):
        yield "an option must be an object"
        return
    yield from _text(option.get("text"), 75)
    if "description" in option:
        yield from _text(option["description"], 75)
    if not option.get("value"):
        yield "an option needs a value"
    yield from _short(option, "value", 150)


def _text(value: Any, limit: int, *, plain: bool = False) -> Iterable[str]:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(value, Mapping) or value.get("type") not in kinds:
        yield f"text must be an object of type {' or '.join(kinds)}"
    elif not isinstance(value.get("text"), str) or not value["text"]:
        yield "must be more than 0 characters"
    elif len(value["text"]) > limit:
        yield f"must be less than {limit + 1} characters"


def _short(element: Mapping[str, Any], name: str, limit: int) -> Iterable[str]:
    value = element.get(name, "")
    if not isinstance(value, str) or len(value) > limit:
        yield f"{name} must be less than {limit + 1} characters"


def _items(elements: Any) -> list[Any]:
    return elements if isinstance(elements, list) else []


def _several(elements: Any, most: int) -> Iterable[str]:
    if not _items(elements):
        yield "must provide at least 1 item"
    elif len(elements) > most:
        yield f"no more than {most} items allowed"
