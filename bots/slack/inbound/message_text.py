"""Read a message of Slack: its text, blocks, tables, attachments, forwards and files. Pure.

For questions and for threads. A value of an unexpected type counts as absent.
https://docs.slack.dev/reference/block-kit/blocks
https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bots.slack.inbound.plain_text import NOBODY, SOMEBODY, from_mrkdwn, special, unescape
from bots.wire.fields import list_of, map_of, text_of

DEEPEST = 8
"""The deepest nesting of blocks and forwards; what is below it is not read."""
LONG = 12
"""Characters from which words that stand within other lines are a repeat of them."""
NO_PREVIEW = "[no preview available]"


def read(message: Mapping[str, Any], text: str, names: Mapping[str, str] = NOBODY) -> str:
    """Return a message as Markdown. `text` is its mrkdwn, without mentions that address us.

    Blocks and attachments add what the text does not have; forwards follow as quotes.
    """
    parts = _Parts()
    parts.add(from_mrkdwn(text, names))
    for block in map(map_of, list_of(message.get("blocks"))):
        if not (block.get("type") == "rich_text" and text_of(message.get("text")).strip()):
            parts.add_lines(_block(block, names, 0))
    for attachment in map(map_of, list_of(message.get("attachments"))):
        _attachment(attachment, names, parts, 0)
    return parts.joined()


def files(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the files of a message and of the messages forwarded with it, each once."""
    seen: set[str] = set()
    holders = [message, *map(map_of, list_of(message.get("attachments")))]
    for holder in holders:
        for file in map(map_of, list_of(holder.get("files"))):
            once = text_of(file.get("id"))
            if once not in seen:
                seen.add(once)
                yield file


class _Parts:
    """The parts of a message; a part that was read before is not added.

    Slack repeats in the text what blocks and attachments say. A part is a repeat if it is one of
    the lines before it, or if it is long and stands among them word by word.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._lines: set[str] = set()
        self._words = " "

    def add(self, part: str) -> None:
        part = part.strip()
        if part and not self._repeats(part):
            self._parts.append(part)
            self._lines |= {_words(part), *map(_words, part.split("\n"))}
            self._words += f"{_words(part)} \n "

    def add_lines(self, part: str) -> None:
        """Add the lines of a block that are new; a table is added as a whole."""
        if part.startswith("|"):
            self.add(part)
        else:
            self.add("\n".join(each for each in part.split("\n") if not self._repeats(each)))

    def joined(self) -> str:
        return "\n\n".join(self._parts)

    def _repeats(self, part: str) -> bool:
        words = _words(part)
        if len(words) < LONG:
            return bool(words) and words in self._lines
        return f" {words} " in self._words


def _words(text: str) -> str:
    letters = (char if char.isalnum() else " " for char in text.casefold())
    return " ".join("".join(letters).split())


def _attachment(
    given: Mapping[str, Any], names: Mapping[str, str], parts: _Parts, depth: int
) -> None:
    if given.get("is_share") or given.get("is_msg_unfurl"):
        parts.add(_forward(given, names, depth))
        return
    if _is_preview(given):
        return
    lines: list[str] = []
    lines += (from_mrkdwn(text_of(given.get(n)), names) for n in ("pretext", "title", "text"))
    lines += (_field(map_of(field), names) for field in list_of(given.get("fields")))
    lines += (_block(map_of(each), names, depth) for each in list_of(given.get("blocks")))
    if not any(line.strip() for line in lines):
        fallback = text_of(given.get("fallback"))
        lines = [from_mrkdwn(fallback, names)] if fallback != NO_PREVIEW else []
    for line in lines:
        parts.add_lines(line)


def _is_preview(given: Mapping[str, Any]) -> bool:
    """Whether it is Slack's own preview of a web page, which nobody wrote into the message."""
    return bool(given.get("from_url")) and not given.get("is_app_unfurl")


def _field(field: Mapping[str, Any], names: Mapping[str, str]) -> str:
    title, value = (from_mrkdwn(text_of(field.get(n)), names).strip() for n in ("title", "value"))
    return f"{title}: {value}" if title and value else title or value


def _forward(given: Mapping[str, Any], names: Mapping[str, str], depth: int) -> str:
    """Return a forwarded message as a quote that begins with its author."""
    parts = _Parts()
    parts.add(from_mrkdwn(text_of(given.get("text")), names))
    written = bool(text_of(given.get("text")).strip())
    inner = [map_of(map_of(each).get("message")) for each in list_of(given.get("message_blocks"))]
    for message in (*inner, {"blocks": given.get("blocks")}):
        for block in map(map_of, list_of(message.get("blocks"))):
            if not (written and block.get("type") == "rich_text"):
                parts.add_lines(_block(block, names, depth + 1))
        for each in map(map_of, list_of(message.get("attachments"))) if depth < DEEPEST else ():
            _attachment(each, names, parts, depth + 1)
    for field in list_of(given.get("fields")):
        parts.add_lines(_field(map_of(field), names))
    said = parts.joined()
    named = [text_of(map_of(f).get("name")) for f in list_of(given.get("files"))]
    fallback = text_of(given.get("fallback"))
    if not said and not any(named) and fallback != NO_PREVIEW:
        said = from_mrkdwn(fallback, names).strip()
    author = text_of(given.get("author_name"))
    whole = f"{author}: {said}" if author and said else said
    return "\n".join(f"> {line}".rstrip() for line in whole.splitlines())


def _block(block: Mapping[str, Any], names: Mapping[str, str], depth: int) -> str:
    """Return a block's text; empty for a block that has none, such as buttons."""
    if depth > DEEPEST:
        return ""
    match block.get("type"):
        case "rich_text":
            lines = (_rich(map_of(e), names, depth + 1) for e in list_of(block.get("elements")))
            return "\n".join(line.strip("\n") for line in lines if line.strip())
        case "table":
            return _table(block, names, depth)
        case "image":
            return _object(block.get("title"), names) or text_of(block.get("alt_text"))
        case "context":
            shown = (_object(each, names) for each in list_of(block.get("elements")))
            return " ".join(each for each in shown if each)
        case "actions" | "input" | "context_actions":
            return ""
        case "video":
            return "\n".join(
                filter(None, (_object(block.get(n), names) for n in ("title", "description")))
            )
        case _:
            fields = [_object(each, names) for each in list_of(block.get("fields"))]
            return "\n".join(filter(None, (_object(block.get("text"), names), *fields)))


def _object(value: object, names: Mapping[str, str]) -> str:
    """Return the text of a text object. Markdown blocks have a plain string."""
    if isinstance(value, str):
        return value
    given = map_of(value)
    text = text_of(given.get("text"))
    return from_mrkdwn(text, names) if given.get("type") == "mrkdwn" else unescape(text)


def _table(block: Mapping[str, Any], names: Mapping[str, str], depth: int) -> str:
    rows = [
        [_cell(map_of(c), names, depth) for c in list_of(r)] for r in list_of(block.get("rows"))
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows if any(row)]
    if lines:
        lines.insert(1, "|" + " --- |" * len(next(row for row in rows if any(row))))
    return "\n".join(lines)


def _cell(cell: Mapping[str, Any], names: Mapping[str, str], depth: int) -> str:
    rich = cell.get("type") == "rich_text"
    text = _block(cell, names, depth + 1) if rich else text_of(cell.get("text"))
    return " ".join(text.replace("|", "\\|").split())


def _rich(element: Mapping[str, Any], names: Mapping[str, str], depth: int) -> str:
    """Return an element of rich text, whose characters are not escaped."""
    if depth > DEEPEST:
        return ""
    inner = [_rich(map_of(each), names, depth + 1) for each in list_of(element.get("elements"))]
    match element.get("type"):
        case "rich_text_list":
            ordered = element.get("style") == "ordered"
            indent = "    " * min(_count(element.get("indent")), DEEPEST)
            return "\n".join(
                f"{indent}{f'{n}.' if ordered else '-'} {each}" for n, each in enumerate(inner, 1)
            )
        case "rich_text_preformatted":
            return f"```\n{''.join(inner).strip(chr(10))}\n```"
        case "rich_text_quote":
            return "\n".join(f"> {line}" for line in "".join(inner).splitlines())
        case _:
            return "".join(inner) or _leaf(element, names)


def _leaf(element: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return an element of rich text that has no others in it."""
    text, url = text_of(element.get("text")), text_of(element.get("url"))
    code = map_of(element.get("style")).get("code") and text.strip() and "`" not in text
    known = {
        "text": f"`{text}`" if code else text,
        "link": special(f"{url}|{text}", names),
        "user": special(f"@{text_of(element.get('user_id'))}", names),
        "channel": special(f"#{text_of(element.get('channel_id'))}", names),
        "usergroup": "@group",
        "team": f"@{SOMEBODY}",
        "broadcast": f"@{text_of(element.get('range'))}",
        "emoji": f":{text_of(element.get('name'))}:",
        "date": text_of(element.get("fallback")),
        "color": text_of(element.get("value")),
    }
    return known.get(text_of(element.get("type")), "")


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
