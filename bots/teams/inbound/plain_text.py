"""Convert what people write in Teams, HTML or text, to plain Markdown. No heavy imports.

Teams sends a message's plain text, in which a mention reads `<at>Ana</at>`, and also its HTML,
which keeps what the text has lost: code, lists, links, quotes.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/channel-and-group-conversations
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from dataclasses import dataclass

from bots.teams.inbound.html_text import BEGIN, END, Reader, quote

__all__ = ["AT", "Read", "called", "from_html", "quote", "read_html", "read_text"]

LONGEST = 400_000
"""The most characters of HTML that are read."""
OURS = re.compile(f"{BEGIN}([^{BEGIN}{END}]*){END}")
LEAD = re.compile(rf"(?:\s*{OURS.pattern}[,:]?)*")
NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")
AT = re.compile(r"<at(?:\s[^<>]{0,300})?>([^<]{0,300})</at>", re.I)
QUOTED = re.compile(r"<quoted\s[^<>]{0,300}>", re.I)
BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Read:
    """A message's `text`, without the messages it replies to, which are `quotes`.

    `mentions` is the number of mentions.
    """

    text: str
    quotes: tuple[str, ...] = ()
    mentions: int = 0


def from_html(source: str) -> str:
    """Return a message's HTML as Markdown, with quoted messages above it."""
    read = read_html(source)
    return "\n\n".join(part for part in (*map(quote, read.quotes), read.text) if part)


def read_html(source: str, ours: Collection[int] = ()) -> Read:
    """Read a message's HTML. `ours` are the numbers (from 0) of the mentions of the bot, which are
    left out where the sentence does not need them."""
    reader = Reader(ours)
    text = called(reader.read(NONCHARACTERS.sub("", source[:LONGEST])))
    return Read(text, tuple(q for q in map(called, reader.quotes) if q), reader.mentions)


def read_text(source: str, ours: Collection[int] = ()) -> Read:
    """Read a message's plain text. `ours` as in `read_html`."""
    count = -1

    def name(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"{BEGIN}{match[1]}{END}" if count in ours else f"@{match[1].removeprefix('@')}"

    text = AT.sub(name, QUOTED.sub("", NONCHARACTERS.sub("", source)))
    text = html.unescape(text).replace("\u00a0", " ").replace("\r\n", "\n").replace("\r", "\n")
    return Read(called(text), (), count + 1)


def called(text: str) -> str:
    """Return the text without mentions that only address the bot: those at its beginning and
    end."""
    text = text.rstrip()
    if BEGIN in text:
        lead = LEAD.match(text)
        begin, end = lead.end() if lead else 0, len(text)
        while end > begin and text[end - 1] == END:
            end = text.rfind(BEGIN, begin, end)
            while end > begin and text[end - 1].isspace():
                end -= 1
        text = text[begin:end]
    return _tidy(OURS.sub(lambda match: "@" + match[1].removeprefix("@"), text))


def _tidy(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return BLANK_LINES.sub("\n\n", lines).strip("\n").strip()
