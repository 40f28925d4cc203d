"""Final check of text as Teams parses it: whatever may not be active becomes plain text.

One function per dialect. Text messages are Markdown with HTML; which parser Teams uses is not
published, so the check parses CommonMark with everything enabled that we never write (HTML,
references, underlined headings). Adaptive Cards read a subset without code, so there a text is made
safe for whatever a client may recognise.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages
https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.token import Token

from core.streaming.markdown.links import BEGINS, SPACE, defused

teams = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
RISKY = re.compile(r"\]\s*[(:\[]|<|[:.][\\/]|www|script:|data:|mailto:|&[#a-z]", re.I)
ACTED_ON = re.compile(r"(<\s*/?\s*(?:a(?=t)|q(?=u)|em(?=o)))", re.I)
"""The beginnings of `<at>`, `<attachment>`, `<quoted>` and `<emoji>`."""
CLOSERS = re.compile(r"[\s*_~`\u200b\\]+\Z")
"""Marks at the end of a growing text, which more text may change."""
ENTITY = re.compile(r"&(?=#?\w{1,32};)")
MARKS = re.compile(r"[!-%'-/:;=?@\[-`{-~]")
LINK = re.compile(r"(?<![!\\])\[((?:[^\[\]\\]|\\.)*)\]\(([^()\s<>\\]+)\)")
JOINTS = re.compile(r"(?<=\])(?=\s*[(:\[])|(?<=!)(?=\[)|(?<=<)(?=[a-z/!?@])|(?<=\{)(?=\{)", re.I)
"""Positions between the characters that make a link, an image, a tag or a card's function."""


def address(url: str) -> str:
    """Return a URL in the form it takes in `[label](…)`; empty if Teams may not link it at all."""
    if not url.lower().startswith(("https://", "http://")):
        return ""
    return ENTITY.sub("&amp;", quote(url, safe="/:?#@!$&'*+,;=%~._-", errors="replace"))


def guarded(text: str, allowed: Iterable[str]) -> str:
    """Return Markdown with nothing active but links to exactly the `allowed` URLs.

    `allowed` are URLs as the Markdown parser returns them
    (`core.streaming.markdown.dialect.links`).
    """
    return text if _sound(text, frozenset(allowed)) else as_typed(text)


def beginning(text: str, allowed: Iterable[str]) -> str:
    """Return the longest beginning of a growing text that is certain to stay, and safe by itself.

    It leaves off marks at the end, and unclosed code that contains a URL: until it is closed, that
    would be plain text.
    """
    known = frozenset(allowed)
    text = CLOSERS.sub("", text)
    while text and not _sound(text, known):
        text = CLOSERS.sub("", text[: text.rfind("`") + 1])
    return text


def guarded_card(text: str, allowed: Iterable[str]) -> str:
    """The same for the text of a card's `TextBlock`, whatever a client takes for code in it."""
    known = {address(url) for url in allowed} - {""}
    out: list[str] = []
    at = 0
    for link in LINK.finditer(text):
        if link[2] in known:
            out += [_broken(text[at : link.start()]), f"[{_broken(link[1])}]({link[2]})"]
            at = link.end()
    out.append(_broken(text[at:]))
    return "".join(out)


def as_typed(text: str) -> str:
    """Return the same characters, none of which is markup or part of a URL."""
    lines = (MARKS.sub(r"\\\g<0>", _broken(line.strip())) for line in text.split("\n"))
    return "  \n".join(line.replace("<", "&lt;").replace(">", "&gt;") for line in lines)


@lru_cache(maxsize=512)
def _sound(text: str, allowed: frozenset[str]) -> bool:
    if ACTED_ON.search(text):
        return False
    if not RISKY.search(text):
        return True
    hrefs = {normalizeLink(address(url).replace("&amp;", "&")) for url in allowed}
    return _only(teams.parse(text), hrefs)


def _only(tokens: Iterable[Token], hrefs: set[str]) -> bool:
    """Whether there is no tag, no image, no link except to `hrefs`, and no URL in plain text."""
    inside = 0
    for token in tokens:
        if token.type in ("html_block", "html_inline", "image"):
            return False
        if "href" in token.attrs and token.attrs["href"] not in hrefs:
            return False
        inside += token.nesting if token.type.startswith("link") else 0
        if token.type == "text" and not inside and BEGINS.search(token.content):
            return False
        if token.children and not _only(token.children, hrefs):
            return False
    return True


def _broken(text: str) -> str:
    return JOINTS.sub(SPACE, defused(text))
