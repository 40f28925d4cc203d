"""Convert Markdown to Adaptive Card elements, with a real parser.

Prose is `RichTextBlock`, whose runs are plain characters: nothing in them needs escaping, and a
link is a link only by its action. (`TextBlock` reads a subset of Markdown that differs between
clients.) Tables are `Table`; code is `CodeBlock`, with monospace for clients that lack it. A line
break begins a new element, as clients disagree about line breaks within a run.
https://adaptivecards.io/explorer/RichTextBlock.html
https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from markdown_it.token import Token

from bots.teams.rendering.guard import ACTED_ON, address
from bots.teams.rendering.markup import RULE, units
from core.streaming.markdown.blocks import blocks
from core.streaming.markdown.dialect import Tokens, parser
from core.streaming.markdown.links import SPACE, defused
from core.streaming.markdown.tables import aligned, columns

Element = Mapping[str, Any]
INDENT = "\u2003"
CELLS = 40
"""The most cells of a `Table`, header included; each takes some 75 UTF-16 units beside its text. A
larger table is aligned monospace, if it is not too wide."""
SIZES = {"h1": "Large", "h2": "Medium"}
LANGUAGES = {
    "bash": "Bash",
    "c": "C",
    "c++": "Cpp",
    "cpp": "Cpp",
    "cs": "CSharp",
    "csharp": "CSharp",
    "css": "Css",
    "go": "Go",
    "graphql": "GraphQL",
    "html": "Html",
    "java": "Java",
    "javascript": "JavaScript",
    "js": "JavaScript",
    "json": "Json",
    "perl": "Perl",
    "php": "Php",
    "powershell": "PowerShell",
    "python": "Python",
    "py": "Python",
    "sh": "Bash",
    "sql": "Sql",
    "ts": "TypeScript",
    "typescript": "TypeScript",
    "vb": "VbNet",
    "verilog": "Verilog",
    "vhdl": "Vhdl",
    "xml": "Xml",
}
"""The languages that a `CodeBlock` highlights, by the name after a fence."""


@dataclass(frozen=True, slots=True)
class _Look:
    """The formatting of a run of characters. `url` is its link."""

    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    size: str = ""
    url: str = ""


def elements(markdown: str) -> list[Element]:
    """Return a text's elements in order. They are shared: do not modify them."""
    return [each for block in blocks(markdown) for each in _elements(block.text)]


def size(markdown: str) -> int:
    """Return the UTF-16 units of the elements in a card's JSON, with a comma after each."""
    return sum(_size(block.text, block.kind) for block in blocks(markdown))


def written(element: object) -> str:
    """Return a card's JSON as it is sent."""
    return json.dumps(element, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=2048)
def _elements(block: str) -> tuple[Element, ...]:
    return tuple(_blocks(Tokens(parser.parse(block)), "", ""))


@lru_cache(maxsize=2048)
def _size(block: str, kind: str) -> int:
    taken = sum(units(written(each)) + 1 for each in _elements(block))
    if kind != "table":
        return taken
    # a table must not shrink as it grows into monospace, or messages would be split again
    lines = block.split("\n")
    first = "\n".join(lines[: 1 + CELLS // max(lines[0].count("|") - 1, 1)])
    return taken if first == block else max(taken, _size(first, kind))


def _blocks(tokens: Tokens, closing: str, lead: str) -> list[Element]:
    """Convert block tokens. `lead` is the white space before text in a list."""
    found: list[Element] = []
    for token in tokens.until(closing):
        found += _block(token, tokens, lead)
    return found


def _block(token: Token, tokens: Tokens, lead: str) -> Sequence[Element]:
    match token.type:
        case "inline":
            return _prose(token, _Look(), lead, lead)
        case "paragraph_open":
            inline = list(tokens.until("paragraph_close"))
            return [each for one in inline for each in _prose(one, _Look(), lead, lead)]
        case "heading_open":
            look = _Look(bold=True, size=SIZES.get(token.tag, ""))
            inline = list(tokens.until("heading_close"))
            return [each for one in inline for each in _prose(one, look, lead, lead)]
        case "fence" | "code_block":
            return [_code(token.content.rstrip("\n"), token.info)]
        case "bullet_list_open" | "ordered_list_open":
            return _list(token, tokens, lead)
        case "blockquote_open":
            items = _blocks(tokens, "blockquote_close", "")
            return [{"type": "Container", "style": "emphasis", "items": items}] if items else []
        case "hr":
            return [_line([RULE])]
        case "table_open":
            return _table(list(tokens.table_rows(_cell)))
        case _:
            return []


def _prose(token: Token, look: _Look, lead: str, rest: str) -> list[Element]:
    """Convert a paragraph, one element per line. `lead` begins the first line, `rest` the
    others."""
    lines = _lines(Tokens(token.children or ()), "", look)
    shown = [line for line in lines if any(text.strip() for text, _ in line)]
    return [
        _line(_runs([((rest if index else lead), look), *line]), close=bool(index))
        for index, line in enumerate(shown)
    ]


def _line(inlines: Sequence[str | Element], *, close: bool = False) -> Element:
    """Build the element of a line; `close` puts it directly below the one before."""
    block: dict[str, Any] = {"type": "RichTextBlock", "inlines": list(inlines)}
    return block | {"spacing": "None"} if close else block


def _list(opened: Token, tokens: Tokens, lead: str) -> list[Element]:
    ordered = opened.type == "ordered_list_open"
    number = int(opened.attrs.get("start", 1))
    found: list[Element] = []
    for _ in tokens.until(opened.type.replace("open", "close")):
        mark = f"{lead}{number}. " if ordered else f"{lead}• "
        number += 1
        items: list[Element] = []
        for child in tokens.until("list_item_close"):
            if child.type == "paragraph_open" and not items:
                inline = list(tokens.until("paragraph_close"))
                items += [e for one in inline for e in _prose(one, _Look(), mark, lead + INDENT)]
            else:
                if not items:
                    items.append(_line([mark.rstrip(" ")]))
                items += _block(child, tokens, lead + INDENT)
        found += items or [_line([mark.rstrip(" ")])]
    return [{**each, "spacing": "None"} if index else each for index, each in enumerate(found)]


def _code(content: str, info: str) -> Element:
    named = info.strip().split(maxsplit=1)
    return {
        "type": "CodeBlock",
        "codeSnippet": content,
        "language": LANGUAGES.get(named[0].lower() if named else "", "PlainText"),
        "fallback": _line([_run(content, _Look(code=True))]),
    }


def _cell(token: Token) -> list[str | Element]:
    lines = _lines(Tokens(token.children or ()), "", _Look())
    return _runs([run for line in lines for run in line])


def _table(rows: Sequence[Sequence[Sequence[str | Element]]]) -> list[Element]:
    if not rows or not rows[0]:
        return []
    texts = [["".join(map(_text, cell)) for cell in row] for row in rows]
    if len(rows) * len(rows[0]) > CELLS and (caps := columns(texts[:2])):
        return [_code(aligned(texts, caps, steady=True), "")]
    return [
        {
            "type": "Table",
            "columns": [{"width": 1} for _ in rows[0]],
            "rows": [
                {
                    "type": "TableRow",
                    "cells": [
                        {"type": "TableCell", "items": [_line(cell)] if cell else []}
                        for cell in row
                    ],
                }
                for row in rows
            ],
        }
    ]


def _text(run: str | Element) -> str:
    return run if isinstance(run, str) else str(run["text"])


def _lines(tokens: Tokens, closing: str, look: _Look) -> list[list[tuple[str, _Look]]]:
    """Return the runs of characters with their formatting, by line."""
    lines: list[list[tuple[str, _Look]]] = [[]]

    def add(more: list[list[tuple[str, _Look]]]) -> None:
        lines[-1].extend(more[0])
        lines.extend(more[1:])

    for token in tokens.until(closing):
        match token.type:
            case "softbreak" | "hardbreak":
                lines.append([])
            case "code_inline":
                lines[-1].append((token.content, replace(look, code=True)))
            case "strong_open":
                add(_lines(tokens, "strong_close", replace(look, bold=True)))
            case "em_open":
                add(_lines(tokens, "em_close", replace(look, italic=True)))
            case "s_open":
                add(_lines(tokens, "s_close", replace(look, struck=True)))
            case "link_open":
                url = _url(str(token.attrs.get("href", "")))
                add(_lines(tokens, "link_close", replace(look, url=url)))
            case "image":
                url = _url(str(token.attrs.get("src", "")))
                lines[-1].append((token.content, replace(look, url=url)))
            case _:
                lines[-1].append((token.content, look))
    return lines


def _url(href: str) -> str:
    return address(href).replace("&amp;", "&")


def _runs(parts: Sequence[tuple[str, _Look]]) -> list[str | Element]:
    """Merge neighbouring runs with the same formatting; unformatted ones are strings."""
    joined: list[tuple[str, _Look]] = []
    for text, look in parts:
        if joined and joined[-1][1] == look:
            joined[-1] = joined[-1][0] + text, look
        elif text:
            joined.append((text, look))
    return [text if look == _Look() else _run(text, look) for text, look in _safe(joined)]


def _safe(parts: Sequence[tuple[str, _Look]]) -> list[tuple[str, _Look]]:
    """Break up characters that a client might turn into a URL or mention by itself."""
    return [
        (text if look.url else ACTED_ON.sub(rf"\1{SPACE}", defused(text)), look)
        for text, look in parts
    ]


def _run(text: str, look: _Look) -> Element:
    run: dict[str, Any] = {"type": "TextRun", "text": text or " "}
    if look.bold:
        run["weight"] = "Bolder"
    if look.italic:
        run["italic"] = True
    if look.struck:
        run["strikethrough"] = True
    if look.code:
        run["fontType"] = "Monospace"
    if look.size:
        run["size"] = look.size
    if look.url:
        run["selectAction"] = {"type": "Action.OpenUrl", "url": look.url}
    return run
