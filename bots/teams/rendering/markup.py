"""Convert Markdown to the Markdown that all of Teams' clients show, with a real parser.

Text messages have bold, italic, code, quotes and links everywhere; strikethrough and lists, where
clients do not show them as typed; no headings, rules, tables or images. So headings become bold
lines, and tables aligned monospace or records. `textFormat` is `markdown`: `extendedmarkdown` has
tables, but is a preview, and would fetch images from any URL that a hijacked model writes.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages

Teams reads HTML in Markdown, including `<at>`, and links bare URLs: so in text every `<`, mark and
URL is neutralised. Code keeps its characters, except for tags that Teams acts on; and a mention
needs an entity, which we never send.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from markdown_it.token import Token

from bots.teams.inbound.backticks import fence, span
from bots.teams.rendering.guard import ACTED_ON, address, guarded
from core.streaming.markdown.blocks import JOIN, blocks
from core.streaming.markdown.dialect import Tokens, links, parser
from core.streaming.markdown.links import SPACE, defused
from core.streaming.markdown.tables import aligned, columns

LIMIT = 5500
"""The most UTF-16 units of a message's text, and half of what it takes in a card with its fallback:
so both formats fit in Teams' 28 KB for a card, with room for buttons and small print."""
RULE = "─" * 12
BREAK = "  \n"
MARKS = re.compile(r"[\\`~|*]|(?<![^\W_])_")
"""Marks, recognised only by what precedes them: what follows may not have arrived yet."""
BRACKETS = re.compile(r"\[(\d{1,3})\]([(:]?)|([\[\]])")
"""A citation's number, which Teams turns into a citation mark; or any other bracket."""
LEADS = re.compile(r"\A([ \t]*)([-+=#]|\d{1,9}(?=[.)]\s))")
"""The beginning of a list, a heading, an underline or a rule."""
ALERT = re.compile(r"@(?=(?:here|channel|team|everyone)\b)", re.I)
PRINT = re.compile(rf"(?:\A|\s+)[*_]{SPACE}[^\n]*[*_]\s*\Z")
TASK = re.compile(r"\A\\\[([ xX])\\\](?= |\Z)")


def render(markdown: str) -> str:
    """Return a Markdown text in Teams' Markdown. Only what is a link in that text becomes one."""
    return JOIN.join(text for block in blocks(markdown) if (text := _rendered(block.text)))


def links_of(markdown: str) -> frozenset[str]:
    """Return the URLs of a Markdown text's links, as `bots.teams.rendering.guard` expects them."""
    return frozenset(chain.from_iterable(_links(block.text) for block in blocks(markdown)))


def plain(markdown: str) -> str:
    """Return a Markdown text without its marks, for places that show none."""
    lines = (
        "".join(_characters(t) for t in token.children or ())
        for token in parser.parse(markdown)
        if token.type == "inline"
    )
    return "\n".join(line for line in lines if line.strip())


def small(text: str) -> str:
    """Return small print: a line in italics that `said` recognises."""
    return f"*{SPACE}{_literal(' '.join(text.split()))}*" if text.strip() else ""


def said(text: str) -> str:
    """Return a message's text without the small print at its end."""
    return PRINT.sub("", text).rstrip()


def units(text: str) -> int:
    """Return the length in UTF-16 units, in which Teams counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@lru_cache(maxsize=2048)
def _rendered(block: str) -> str:
    tokens = parser.parse(block)
    return guarded(_blocks(Tokens(tokens)), links(tokens))


@lru_cache(maxsize=2048)
def _links(block: str) -> frozenset[str]:
    return frozenset(links(parser.parse(block)))


def _blocks(tokens: Tokens, closing: str = "") -> str:
    return JOIN.join(text for token in tokens.until(closing) if (text := _block(token, tokens)))


def _block(token: Token, tokens: Tokens) -> str:
    match token.type:
        case "inline":
            return _inline(token)
        case "paragraph_open":
            return "".join(_inline(t) for t in tokens.until("paragraph_close"))
        case "heading_open":
            text = "".join(_inline(t, bold=True) for t in tokens.until("heading_close"))
            return _wrap(text, "**")
        case "fence" | "code_block":
            return _fence(token.content)
        case "bullet_list_open" | "ordered_list_open":
            return _list(token, tokens)
        case "blockquote_open":
            inner = _blocks(tokens, "blockquote_close")
            return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))
        case "hr":
            return RULE
        case "table_open":
            return _table(list(tokens.table_rows(_cell)))
        case _:
            return ""


def _fence(content: str) -> str:
    return fence(ACTED_ON.sub(rf"\1{SPACE}", content.rstrip("\n")))


def _list(opened: Token, tokens: Tokens) -> str:
    ordered = opened.type == "ordered_list_open"
    number = int(opened.attrs.get("start", 1))
    items: list[str] = []
    for _ in tokens.until(opened.type.replace("open", "close")):
        mark = f"{number}. " if ordered else "- "
        number += 1
        indent = " " * max(4, len(mark))
        item = ""
        for child in tokens.until("list_item_close"):
            nested = child.type in ("bullet_list_open", "ordered_list_open")
            text = _block(child, tokens)
            if not text:
                continue
            if item:
                item += ("\n" if nested else JOIN) + _indented(text, indent)
            elif nested or text.startswith("`" * 3):
                item = mark.rstrip() + "\n" + _indented(text, indent)
            else:
                item = mark + _indented(_task(text), indent).lstrip(" ")
        items.append(item or mark.rstrip())
    return "\n".join(items)


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in text.split("\n"))


def _task(text: str) -> str:
    return TASK.sub(lambda match: "☐" if match[1] == " " else "☑", text)


def _cell(token: Token) -> tuple[str, str]:
    """Return a cell as characters and rendered."""
    text = "".join(_characters(t) for t in token.children or ()).replace("\n", " ")
    return text.strip(), _inline(token).replace(BREAK, " ")


def _table(rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Render a table. Columns keep their width as rows arrive, so that a growing answer only gains
    text."""
    if not rows or not rows[0]:
        return ""
    characters = [[cell[0] for cell in row] for row in rows]
    if caps := columns(characters[:2]):
        return _fence(aligned(characters, caps, steady=True))
    head, *body = rows
    records = []
    for row in body or [[("", "")] * len(head)]:
        title = row[0] if row[0][0] else head[0]
        lines = [f"- {_bold(title)}"]
        lines += [
            f"    - {name}: {text}"
            for (_, name), (known, text) in zip(head[1:], row[1:], strict=True)
            if known
        ]
        records.append("\n".join(lines))
    return "\n".join(records)


def _bold(cell: tuple[str, str]) -> str:
    known, text = cell
    return _wrap(text, "**") if known and not set("*`[") & set(text) else text


def _inline(token: Token, *, bold: bool = False) -> str:
    """Render inline content; `bold` if all of it is bold already."""
    return _spans(Tokens(token.children or ()), "", bold=bold)


def _spans(tokens: Tokens, closing: str, *, bold: bool) -> str:
    out: list[str] = []
    for token in tokens.until(closing):
        match token.type:
            case "softbreak" | "hardbreak":
                out.append(BREAK)
            case "code_inline":
                out.append(_code(token.content))
            case "strong_open":
                text = _spans(tokens, "strong_close", bold=True)
                out.append(text if bold else _wrap(text, "**"))
            case "em_open":
                out.append(_wrap(_spans(tokens, "em_close", bold=bold), "*"))
            case "s_open":
                out.append(_wrap(_spans(tokens, "s_close", bold=bold), "~~"))
            case "link_open":
                label = _spans(tokens, "link_close", bold=bold)
                out.append(_link(str(token.attrs.get("href", "")), label))
            case "image":
                src = str(token.attrs.get("src", ""))
                out.append(_link(src, _literal(token.content)))
            case _:
                lead = not out or out[-1] == BREAK
                out.append(_literal(token.content, lead=lead))
    return "".join(out)


def _literal(text: str, *, lead: bool = False) -> str:
    """Render text literally: no mark, no tag, no URL, no mention."""
    text = MARKS.sub(r"\\\g<0>", text)
    text = BRACKETS.sub(_bracket, text)
    if lead:
        text = LEADS.sub(_lead, text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if "@" in text:
        text = ALERT.sub(f"@{SPACE}", text)
    return defused(text)


def _bracket(match: re.Match[str]) -> str:
    number, after, other = match.groups()
    return f"[{number}]{SPACE if after else ''}{after}" if number else f"\\{other}"


def _lead(match: re.Match[str]) -> str:
    mark = match[2]
    return match[0] + "\\" if mark.isdigit() else f"{match[1]}\\{mark}"


def _code(code: str) -> str:
    code = ACTED_ON.sub(rf"\1{SPACE}", code)
    return span(code) if code.strip() else code


def _wrap(text: str, mark: str) -> str:
    inner = text.strip()
    if not inner:
        return text
    lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{lead}{mark}{inner}{mark}{trail}"


def _link(url: str, label: str) -> str:
    url = address(url)
    label = label.replace(BREAK, " ").strip()
    label = label.replace(f":{SPACE}//", "://").replace(f"www{SPACE}.", "www.")
    if not url:
        return label
    return f"[{label or _literal(url)}]({url})"


def _characters(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return token.content
