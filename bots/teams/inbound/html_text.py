"""Convert a message's HTML to Markdown without a parser library, as receivers use it."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bots.teams.inbound.backticks import fence, span

TAG = re.compile(
    r"""<(?:(?P<end>/?)(?P<name>[a-z][a-z0-9:-]*+)(?P<given>(?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>
    |[!?][^<>]*+>)""",
    re.X | re.I,
)
"""A tag, comment or declaration. Python's html.parser takes minutes for 100 KB of `<a `."""
GIVEN = re.compile(r"""([a-z][\w:-]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]++))?""", re.I)
DEEPEST = 40
"""The deepest nesting of elements; tags below it are ignored."""
MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "strike": "~~", "del": "~~"}
HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
LINES = ("p", "div", "address", "section", "article", "tr", "table", "tbody", "thead")
HIDDEN = ("script", "style", "title", "head", "attachment", "template")
FRAMED = {*MARKS, *HEADINGS, *LINES, *HIDDEN, "a", "at", "blockquote", "code", "codeblock", "li"}
FRAMED |= {"ol", "pre", "readonly", "span", "td", "th", "ul"}
APART = ("blockquote", "pre", "codeblock", "ul", "ol", "table")
"""Elements that are separated from their surroundings by a blank line."""
BEGIN, END = "\ufdd0", "\ufdd1"
"""Enclose a mention of the bot until it is known whether the sentence needs it. Noncharacters."""
SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")


def quote(text: str) -> str:
    """Return text as a Markdown quote."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


@dataclass(slots=True)
class _Frame:
    """An open element: its finished blocks, and the line being written."""

    tag: str
    role: str = ""
    detail: str = ""
    blocks: list[tuple[str, bool]] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    items: int = 0
    author: str = ""

    def end_line(self) -> None:
        """Finish the current line and add it to the blocks, unless it is blank."""
        text = "".join(self.line)
        self.line.clear()
        if text.strip(" \t\n\r\f"):
            text = "\n".join(each.strip(" ") for each in text.split("\n"))
            self.blocks.append((text.strip("\n"), False))

    def text(self) -> str:
        """Return the blocks, separated by one or two line breaks."""
        self.end_line()
        out: list[str] = []
        for index, (text, apart) in enumerate(self.blocks):
            if index:
                out.append("\n\n" if apart or self.blocks[index - 1][1] else "\n")
            out.append(text)
        return "".join(out)


class Reader:
    """Reads HTML; malformed markup is read as far as possible and never raises."""

    def __init__(self, ours: Collection[int]) -> None:
        self._ours = ours
        self._stack = [_Frame("")]
        self._ignored: dict[str, int] = {}
        self.quotes: list[str] = []
        self.mentions = 0

    def read(self, source: str) -> str:
        """Return the Markdown of an HTML text."""
        at = 0
        for token in TAG.finditer(source):
            self._data(source[at : token.start()])
            at = token.end()
            name = (token["name"] or "").lower()
            if token["end"]:
                self._ended(name)
            elif name:
                self._began(name, token["given"])
        self._data(source[at:])
        while len(self._stack) > 1:
            self._close()
        return self._stack[0].text()

    def _began(self, tag: str, attributes: str) -> None:
        given = {n.lower(): html.unescape(v.strip("\"'")) for n, v in GIVEN.findall(attributes)}
        kind = given.get("itemtype", "")
        match tag:
            case "br":
                self._write("\n")
            case "hr":
                self._block("---", apart=True)
            case "img" | "emoji":
                emoji = tag == "emoji" or kind.endswith("/Emoji")
                self._write(given.get("alt", "") if emoji else "")
            case _ if tag in FRAMED:
                if len(self._stack) > DEEPEST:
                    self._ignored[tag] = self._ignored.get(tag, 0) + 1
                    return
                if tag == "li" and self._stack[-1].tag in ("ul", "ol"):
                    self._stack[-1].items += 1
                role = self._role(tag, kind, given)
                self._stack.append(
                    _Frame(tag, role, given.get("href", "") or given.get("class", ""))
                )

    def _role(self, tag: str, kind: str, given: Mapping[str, str]) -> str:
        if tag == "at" or kind.endswith("/Mention"):
            return "" if self._within("mention") else "mention"
        if tag == "blockquote" and kind.endswith("/Reply"):
            return "reply"
        return "author" if given.get("itemprop") == "mri" and self._within("reply") else ""

    def _ended(self, tag: str) -> None:
        if self._ignored.get(tag, 0):
            self._ignored[tag] -= 1
        elif any(frame.tag == tag for frame in self._stack[1:]):
            while self._close() != tag:
                pass

    def _data(self, source: str) -> None:
        data = html.unescape(source)
        if self._within_tag("pre", "codeblock"):
            self._write(data.replace("\u00a0", " "))
        else:
            self._write(SPACES.sub(" ", data))

    def _write(self, text: str) -> None:
        if text and not self._within_tag(*HIDDEN):
            self._stack[-1].line.append(text)

    def _block(self, text: str, *, apart: bool) -> None:
        frame = self._stack[-1]
        frame.end_line()
        if text:
            frame.blocks.append((text, apart))

    def _within(self, role: str) -> bool:
        return any(frame.role == role for frame in self._stack)

    def _within_tag(self, *tags: str) -> bool:
        return any(frame.tag in tags for frame in self._stack)

    def _close(self) -> str:
        """Close the innermost element and add its content to the one around it."""
        frame = self._stack.pop()
        tag = frame.tag
        if tag in HIDDEN:
            return tag
        if frame.role == "mention":
            self._mention(SPACES.sub(" ", frame.text()).strip())
        elif frame.role == "reply":
            text = frame.text()
            self.quotes.append(f"{frame.author}: {text}" if frame.author and text else text)
        elif frame.role == "author":
            reply = next(each for each in self._stack if each.role == "reply")
            reply.author = SPACES.sub(" ", frame.text()).strip()
        elif tag in MARKS or tag in ("a", "code"):
            self._span(frame)
        elif tag in ("span", "readonly", "at"):
            self._inline(frame)
        else:
            self._element(frame)
        return tag

    def _mention(self, name: str) -> None:
        ours = self.mentions in self._ours
        self.mentions += 1
        self._write(f"{BEGIN}{name}{END}" if ours else f"@{name.removeprefix('@')}")

    def _inline(self, frame: _Frame) -> None:
        """Handle an element without a meaning of its own; blocks inside it stay blocks."""
        if not frame.blocks:
            self._stack[-1].line += frame.line
            return
        self._block(frame.text(), apart=any(apart for _, apart in frame.blocks))

    def _span(self, frame: _Frame) -> None:
        if frame.blocks or self._within_tag("pre", "codeblock"):
            self._inline(frame)
            return
        text = "".join(frame.line)
        inner = text.strip()
        lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        if not inner:
            self._write(text)
        elif frame.tag == "a":
            self._write(lead + _link(inner, frame.detail) + trail)
        elif frame.tag == "code":
            self._write(f"{lead}{span(inner)}{trail}")
        else:
            mark = MARKS[frame.tag]
            self._write(f"{lead}{mark}{inner}{mark}{trail}")

    def _element(self, frame: _Frame) -> None:
        tag, apart = frame.tag, frame.tag in APART
        match tag:
            case "pre" | "codeblock":
                text = _fenced("".join(frame.line) or frame.text(), frame.detail)
            case "table":
                text = _headed(frame.text())
            case "blockquote":
                text = frame.text()
                text = quote(text) if text else ""
            case "li":
                text, parent = frame.text(), self._stack[-1]
                mark = f"{parent.items}. " if parent.tag == "ol" else "- "
                text = mark + text.replace("\n", "\n" + " " * len(mark)) if text else ""
            case "td" | "th":
                self._write(SPACES.sub(" ", frame.text()).strip().replace("|", "\\|") + " | ")
                return
            case "tr":
                text = "| " + "".join(frame.line).strip() if frame.line else frame.text()
            case _:
                text = frame.text()
                text = HEADINGS.get(tag, "") + text if text else ""
                apart = apart or (len(frame.blocks) == 1 and frame.blocks[0][1])
        around = self._stack[-1]
        self._block(text, apart=apart and around.tag != "li")
        if tag == "p" and not text and around.blocks:
            around.blocks.append(("", False))  # an intended blank line


def _headed(rows: str) -> str:
    head, _, rest = rows.partition("\n")
    cells = len(re.findall(r"(?<!\\)\|", head)) - 1
    return f"{head}\n{'| --- ' * cells}|\n{rest}".rstrip("\n") if cells > 0 else rows


def _link(label: str, url: str) -> str:
    """Return a link in Markdown, or the bare URL if the label adds nothing to it."""
    plain = url.removeprefix("mailto:").removeprefix("tel:")
    if not url.startswith(("https://", "http://", "mailto:", "tel:")) or re.search(r"\s", url):
        return label
    if label in (url, plain, url.rstrip("/")) or url.rstrip("/") == f"https://{label}":
        return plain
    return f"[{label}]({url})"


def _fenced(text: str, language: str) -> str:
    text = text.strip("\n").rstrip()
    named = re.search(r"language-([A-Za-z0-9+#-]{1,20})|\A([A-Za-z0-9+#-]{1,20})\Z", language)
    name = (named[1] or named[2]).lower() if named else ""
    return fence(text, name) if text else ""
