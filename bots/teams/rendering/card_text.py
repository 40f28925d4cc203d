"""Convert one of our cards back to Markdown; the inverse of `bots.teams.rendering.card_elements`.

In threads, an answer that is still growing or ended with a button is a card, which Graph returns as
JSON. A value of an unexpected type counts as absent, so that no card raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from bots.teams.inbound.backticks import fence, span
from bots.teams.rendering.card_elements import INDENT, LANGUAGES, SIZES
from bots.teams.rendering.markup import RULE
from bots.wire.fields import list_of, map_of, text_of
from core.streaming.markdown.links import SPACE

DEEPEST = 8
FENCES = {name: fence for fence, name in LANGUAGES.items()}
HEADINGS = {size: "#" * int(tag[1]) + " " for tag, size in SIZES.items()}
MARKS = re.compile(r"[\\`*\[\]<|~]|(?<![^\W_])_")
ITEM = re.compile(rf"\A({INDENT}*)(•|\d{{1,9}}\.)(?= |\Z)")


def parsed(content: object) -> Mapping[str, object]:
    """Parse a card from Graph (an attachment's `content`, JSON in a string); empty if it is not
    one."""
    try:
        card = json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        return {}
    return card if isinstance(card, Mapping) and card.get("type") == "AdaptiveCard" else {}


def markdown_of(items: object, depth: int = 0) -> str:
    """Return elements as Markdown."""
    out, in_list = "", False
    for element in map(map_of, list_of(items)) if depth < DEEPEST else ():
        text = _element(element, depth)
        if not text:
            continue
        item = bool(ITEM.match(text))
        close = element.get("spacing") == "None" and out
        if close and not item and element.get("type") != "RichTextBlock":
            close = ""
        out += ("\n" if close or (in_list and item) else "\n\n") * bool(out) + _listed(text)
        in_list = item
    return out


def _element(element: Mapping[str, object], depth: int) -> str:
    match element.get("type"):
        case "RichTextBlock":
            return _prose(list_of(element.get("inlines")))
        case "TextBlock":
            return text_of(element.get("text"))
        case "CodeBlock":
            language = FENCES.get(text_of(element.get("language")), "")
            return fence(text_of(element.get("codeSnippet")), language)
        case "Container":
            inner = markdown_of(element.get("items"), depth + 1)
            quoted = element.get("style") == "emphasis"
            return (
                "\n".join(f"> {line}".rstrip() for line in inner.split("\n")) if quoted else inner
            )
        case "Table":
            return _table(list_of(element.get("rows")))
        case _:
            return ""


def _prose(inlines: Sequence[object]) -> str:
    runs = [{"text": each} if isinstance(each, str) else map_of(each) for each in inlines]
    if len(runs) == 1 and runs[0].get("text") == RULE:
        return "---"
    heading = next((HEADINGS[s] for run in runs if (s := text_of(run.get("size"))) in HEADINGS), "")
    return heading + "".join(_run(run, plain=bool(heading)) for run in runs)


def _run(run: Mapping[str, object], *, plain: bool) -> str:
    text = text_of(run.get("text")).replace(SPACE, "")
    if run.get("fontType") == "Monospace":
        return span(text)
    inner = text.strip(" ")
    if not inner:
        return text
    lead, trail = text[: len(text) - len(text.lstrip(" "))], text[len(text.rstrip(" ")) :]
    inner = MARKS.sub(r"\\\g<0>", inner)
    if run.get("weight") == "Bolder" and not plain:
        inner = f"**{inner}**"
    if run.get("italic") is True:
        inner = f"*{inner}*"
    if run.get("strikethrough") is True:
        inner = f"~~{inner}~~"
    if url := text_of(map_of(run.get("selectAction")).get("url")):
        inner = f"[{inner}]({url})"
    return f"{lead}{inner}{trail}"


def _listed(text: str) -> str:
    """Return list items and what is indented under them, as Markdown."""
    found = ITEM.match(text)
    if found:
        mark = "-" if found[2] == "•" else found[2]
        return "    " * len(found[1]) + mark + text[found.end() :]
    indent = len(text) - len(text.lstrip(INDENT))
    return "    " * indent + text[indent:]


def _table(rows: Sequence[object]) -> str:
    lines = []
    for row in map(map_of, rows):
        cells = [
            markdown_of(map_of(e).get("items"), DEEPEST - 1) for e in list_of(row.get("cells"))
        ]
        lines.append("| " + " | ".join(each.replace("\n", " ") for each in cells) + " |")
        if len(lines) == 1:
            lines.append("|" + "---|" * len(cells))
    return "\n".join(lines)
