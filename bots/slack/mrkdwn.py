"""Markdown to Slack's mrkdwn, by a real parser.

Slack reads `*bold* _italic_ ~strike~ `code` <url|label>` and lines that begin with `>`; it knows no
headings, tables or nested lists, so those become bold lines, aligned monospace and indented bullets.
`&`, `<` and `>` are escaped everywhere, so that nothing in a text can become a mention.
https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from markdown_it.tree import SyntaxTreeNode

from core.markdown import parser

LIMIT = 3000
"""Characters of a section's text. https://docs.slack.dev/reference/block-kit/blocks/section-block"""
WIDEST_TABLE = 72
"""Columns of monospace that a laptop's window shows; wider tables become records."""
BULLETS = ("•", "◦", "▪")
RULE = "─" * 12
JOINER = "\u2060"
"""Word joiner: invisible, and lets Slack see a mark that touches a word."""
EDGE = "\ue000"
"""Stands at a mark's edge until it is known whether a word touches it."""


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=4096)
def render(markdown: str) -> str:
    """The mrkdwn of a Markdown text."""
    text = _blocks(SyntaxTreeNode(parser.parse(markdown.replace(EDGE, ""))).children)
    return re.sub(EDGE, "", re.sub(rf"(?<=[^\W_]){EDGE}|{EDGE}(?=[^\W_])", JOINER, text))


class MrkdwnSurface:
    """`core.ports.Surface`: what fits a section of a Slack message."""

    limit = LIMIT

    def size(self, markdown: str) -> int:
        return len(render(markdown))


def _blocks(nodes: Sequence[SyntaxTreeNode], between: str = "\n\n") -> str:
    return between.join(text for node in nodes if (text := _block(node)))


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "paragraph":
            return _inline(node.children)
        case "heading":
            return _wrap(_inline(node.children).replace("*", ""), "*")
        case "fence" | "code_block":
            body = escape(node.content.rstrip("\n")).replace("```", f"``{JOINER}`")
            return f"```\n{body}\n```"
        case "bullet_list" | "ordered_list":
            return _list(node, 0)
        case "blockquote":
            return "\n".join(f"> {line}" for line in _blocks(node.children, "\n").split("\n"))
        case "hr":
            return RULE
        case "table":
            return _table(node)
        case _:
            return _inline(node.children) if node.children else escape(node.content)


def _list(node: SyntaxTreeNode, depth: int) -> str:
    number = int(node.attrs.get("start", 1))
    lines: list[str] = []
    for offset, item in enumerate(node.children):
        ordered = node.type == "ordered_list"
        mark = f"{number + offset}." if ordered else BULLETS[min(depth, len(BULLETS) - 1)]
        indent = "    " * depth
        first = True
        for child in item.children:
            if child.type in ("bullet_list", "ordered_list"):
                lines.append(_list(child, depth + 1))
                continue
            text = _task(_block(child))
            lead = f"{indent}{mark} " if first else f"{indent}    "
            code = child.type in ("fence", "code_block")
            head = f"{lead}\n" if first and code else lead if not code else ""
            lines.append(head + (text if code else text.replace("\n", f"\n{indent}    ")))
            first = False
        if first:
            lines.append(f"{indent}{mark}")
    return "\n".join(lines)


def _task(text: str) -> str:
    for box, mark in (("[ ] ", "☐ "), ("[x] ", "☑ "), ("[X] ", "☑ ")):
        if text.startswith(box):
            return mark + text[len(box) :]
    return text


def _inline(nodes: Sequence[SyntaxTreeNode]) -> str:
    return "".join(_span(node) for node in nodes)


def _span(node: SyntaxTreeNode) -> str:
    match node.type:
        case "inline" | "html_inline":
            return _inline(node.children) if node.children else escape(node.content)
        case "text":
            return _literal(node.content)
        case "softbreak" | "hardbreak":
            return "\n"
        case "code_inline":
            return f"`{escape(node.content)}`" if node.content.strip() else ""
        case "strong":
            return _wrap(_inline(node.children), "*")
        case "em":
            return _wrap(_inline(node.children), "_")
        case "s":
            return _wrap(_inline(node.children), "~")
        case "link":
            return _link(str(node.attrs.get("href", "")), _inline(node.children))
        case "image":
            return _link(str(node.attrs.get("src", "")), escape(node.content))
        case _:
            return _inline(node.children) if node.children else _literal(node.content)


def _literal(text: str) -> str:
    """Text whose marks mean nothing: Slack would read `*` and `_` about a word, and backticks."""
    text = escape(text)
    for mark in "*_~`":
        if mark in text:
            text = text.replace(mark, f"{EDGE}{mark}{EDGE}" if mark != "_" else mark)
    return text


def _wrap(text: str, mark: str) -> str:
    inner = text.strip()
    if not inner:
        return text
    lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    lines = [f"{mark}{line}{mark}" if line.strip() else line for line in inner.split("\n")]
    joined = "\n".join(lines)
    return f"{lead}{EDGE}{joined}{EDGE}{trail}"


def _link(url: str, label: str) -> str:
    url = escape(url).replace("|", "%7C")
    label = label.replace("|", "¦").replace("\n", " ").strip()
    return f"<{url}|{label}>" if label else f"<{url}>"


def _table(node: SyntaxTreeNode) -> str:
    rows = [
        [_plain(cell) for cell in row.children] for part in node.children for row in part.children
    ]
    if not rows:
        return ""
    count = max(len(row) for row in rows)
    rows = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(_width(row[i]) for row in rows) for i in range(count)]
    if sum(widths) + 3 * (count - 1) > WIDEST_TABLE:
        return _records(rows)
    lines = [
        " | ".join(c + " " * (w - _width(c)) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "-+-".join("-" * w for w in widths))
    return "```\n" + escape("\n".join(lines)).replace("```", f"``{JOINER}`") + "\n```"


def _records(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    records = []
    for row in body or [[""] * len(head)]:
        pairs = [
            f"    {escape(name)}: {escape(cell)}"
            for name, cell in zip(head[1:], row[1:], strict=True)
            if cell
        ]
        records.append("\n".join([f"• *{escape(row[0] or head[0])}*", *pairs]))
    return "\n".join(records)


def _plain(node: SyntaxTreeNode) -> str:
    if node.children:
        return "".join(_plain(child) for child in node.children).strip()
    return " " if node.type in ("softbreak", "hardbreak") else node.content


def _width(text: str) -> int:
    """Columns in monospace: wide East Asian characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
