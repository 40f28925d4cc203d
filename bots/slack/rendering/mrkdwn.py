"""Convert Markdown to Slack's mrkdwn, with a real parser.

Slack reads `*bold* _italic_ ~strike~ `code` <url|label>` and lines that begin with `>`; it has no
headings, tables or nested lists: those become bold lines, aligned monospace, indented bullets. `&`,
`<` and `>` are escaped everywhere, so that no text can become a mention.
https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from markdown_it.token import Token

from bots.slack.rendering.guard import address, escape, guarded
from bots.slack.rendering.tables import Cell, table
from core.streaming.markdown.blocks import JOIN, blocks
from core.streaming.markdown.dialect import Tokens, links, parser
from core.streaming.markdown.links import defused

LIMIT = 3000
"""The most characters of a section. https://docs.slack.dev/reference/block-kit/blocks/section-block"""
BULLETS = ("•", "◦", "▪")
RULE = "─" * 12
SPACE = "\u200b"
"""Zero-width space: makes Slack see a mark that touches a word, and breaks up other syntax."""
EDGE = "\ue000"
"""Placeholder at a mark's edge until it is known whether a word touches it."""
EDGES = re.compile(rf"(?<=[^\W_]){EDGE}+|{EDGE}+(?=[^\W_])")
TICK = "ˋ"
"""Replaces a backtick in plain text, as Slack has no escape for its marks."""
STAR = re.compile(r"(?<![\w*\s])\*(?=\w)|(?<=\w)\*(?![\w*])|(?<!\S)\*(?=\S)")
ALERT = re.compile(r"@(?=(?:here|channel|everyone|group)\b)", re.I)
TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}


def render(markdown: str) -> str:
    """Return a Markdown text as mrkdwn. Only what is a link in that text becomes one."""
    rendered = [_rendered(block.text) for block in blocks(markdown)]
    allowed = frozenset(chain.from_iterable(links for _, links in rendered))
    return guarded(JOIN.join(text for text, _ in rendered if text), allowed)


def links_of(markdown: str) -> frozenset[str]:
    """Return the URLs of a Markdown text's links, as mrkdwn writes them."""
    return frozenset(chain.from_iterable(_rendered(block.text)[1] for block in blocks(markdown)))


@lru_cache(maxsize=2048)
def _rendered(block: str) -> tuple[str, tuple[str, ...]]:
    """Return a block's mrkdwn, and the URLs of its links."""
    tokens = parser.parse(block.replace(EDGE, ""))
    text = _blocks(Tokens(tokens))
    text = EDGES.sub(SPACE, text).replace(EDGE, "") if EDGE in text else text
    return text, tuple(address(url) for url in links(tokens))


class MrkdwnSurface:
    """Implements `core.ports.chat.Surface`: what fits in a section of a Slack message."""

    limit = LIMIT

    def size(self, markdown: str) -> int:
        """The length of the text as mrkdwn, in characters."""
        return len(render(markdown))


def _blocks(tokens: Tokens, closing: str = "", between: str = JOIN) -> str:
    return between.join(
        text for token in tokens.until(closing) if (text := _block(token, tokens, 0))
    )


def _block(token: Token, tokens: Tokens, depth: int) -> str:
    match token.type:
        case "inline":
            return _inline(token)
        case "paragraph_open":
            return "".join(_inline(t) for t in tokens.until("paragraph_close"))
        case "heading_open":
            text = "".join(_inline(t, bold=True) for t in tokens.until("heading_close"))
            return _wrap(text, "*")
        case "fence" | "code_block":
            body = escape(token.content.rstrip("\n")).replace("```", f"``{SPACE}`")
            return f"```\n{body}\n```"
        case "bullet_list_open" | "ordered_list_open":
            return _list(token, tokens, depth)
        case "blockquote_open":
            inner = _blocks(tokens, "blockquote_close", "\n")
            return "\n".join("> " + line.removeprefix("> ") for line in inner.split("\n"))
        case "hr":
            return RULE
        case "table_open":
            return table(list(tokens.table_rows(_cell)))
        case _:
            return ""


def _list(opened: Token, tokens: Tokens, depth: int) -> str:
    ordered = opened.type == "ordered_list_open"
    number = int(opened.attrs.get("start", 1))
    indent = "    " * depth
    lines: list[str] = []
    for _ in tokens.until(opened.type.replace("open", "close")):
        mark = f"{number}." if ordered else BULLETS[min(depth, len(BULLETS) - 1)]
        number += 1
        lead = f"{indent}{mark} "
        for child in tokens.until("list_item_close"):
            nested = child.type in ("bullet_list_open", "ordered_list_open")
            text = _block(child, tokens, depth + nested)
            if nested or child.type in ("fence", "code_block"):
                if lead.strip():
                    lines.append(lead.rstrip())
                lines.append(text)
            elif lead.strip():
                lines.append(lead + _task(text).replace("\n", f"\n{indent}    "))
            else:
                lines.append(lead + text.replace("\n", f"\n{indent}    "))
            lead = f"{indent}    "
        if lead.strip():
            lines.append(lead.rstrip())
    return "\n".join(lines)


def _task(text: str) -> str:
    box = TASKS.get(text[:4])
    return box + text[4:] if box else text


def _cell(token: Token) -> Cell:
    text = EDGES.sub(SPACE, _inline(token)).replace(EDGE, "").replace("\n", " ")
    return Cell(_plain(token.children or ()), text)


def _plain(tokens: Sequence[Token]) -> str:
    return "".join(
        " " if t.type in ("softbreak", "hardbreak") else t.content for t in tokens
    ).strip()


def _inline(token: Token, *, bold: bool = False) -> str:
    """Render inline content; `bold` if all of it is bold already."""
    return _spans(Tokens(token.children or ()), "", bold=bold)


def _spans(tokens: Tokens, closing: str, *, bold: bool) -> str:
    out: list[str] = []
    for token in tokens.until(closing):
        match token.type:
            case "text":
                out.append(_literal(token.content))
            case "softbreak" | "hardbreak":
                out.append("\n")
            case "code_inline":
                code = escape(token.content).replace("`", TICK)
                out.append(f"{EDGE}`{code}`{EDGE}" if code.strip() else code)
            case "strong_open":
                text = _spans(tokens, "strong_close", bold=True)
                out.append(text if bold else _wrap(text, "*"))
            case "em_open":
                out.append(_wrap(_spans(tokens, "em_close", bold=bold), "_"))
            case "s_open":
                out.append(_wrap(_spans(tokens, "s_close", bold=bold), "~"))
            case "link_open":
                label = _spans(tokens, "link_close", bold=bold)
                out.append(_link(str(token.attrs.get("href", "")), label))
            case "image":
                out.append(_link(str(token.attrs.get("src", "")), escape(token.content)))
            case _:
                out.append(_literal(token.content))
    return "".join(out)


def _literal(text: str) -> str:
    """Render text literally: no mention, no URL, no mark."""
    text = escape(text)
    if "*" in text:
        text = STAR.sub("∗", text)
    if "@" in text:
        text = ALERT.sub(f"@{SPACE}", text)
    return defused(text).replace("`", TICK)


def _wrap(text: str, mark: str) -> str:
    inner = text.strip()
    if not inner.replace(EDGE, ""):
        return text
    lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    lines = "\n".join(f"{mark}{line}{mark}" if line.strip() else line for line in inner.split("\n"))
    return f"{lead}{EDGE}{lines}{EDGE}{trail}"


def _link(url: str, label: str) -> str:
    url = address(url)
    label = label.replace("|", "¦").replace("\n", " ").replace(SPACE, "").strip()
    return f"<{url}|{label}>" if label and label != url else f"<{url}>"
