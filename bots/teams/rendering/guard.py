"""A last look at a text as Teams reads it: what may not be active becomes plain text.

One function a dialect. Text messages are Markdown with HTML in it; which parser Teams has is not
published, so the check is CommonMark's with everything that we never write switched on (HTML,
references, underlined headings). Adaptive Cards know a subset without code, so there a text is made
safe for whatever a client reads in it.
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
"""What begins `<at>`, `<attachment>`, `<quoted>` and `<emoji>`, as far as other tags begin so."""
CLOSERS = re.compile(r"[\s*_~`\u200b\\]+\Z")
"""What the end of growing Markdown may take back."""
ENTITY = re.compile(r"&(?=#?\w{1,32};)")
MARKS = re.compile(r"[!-%'-/:;=?@\[-`{-~]")
LINK = re.compile(r"(?<![!\\])\[((?:[^\[\]\\]|\\.)*)\]\(([^()\s<>\\]+)\)")
JOINTS = re.compile(r"(?<=\])(?=\s*[(:\[])|(?<=!)(?=\[)|(?<=<)(?=[a-z/!?@])|(?<=\{)(?=\{)", re.I)
"""Between the characters that make a link, an image, a tag or a card's function."""


def address(url: str) -> str:
    """An address as it stands in `[label](…)`; empty if it may not be active in Teams at all."""
    if not url.lower().startswith(("https://", "http://")):
        return ""
    return ENTITY.sub("&amp;", quote(url, safe="/:?#@!$&'*+,;=%~._-", errors="replace"))


def guarded(text: str, allowed: Iterable[str]) -> str:
    """A message's Markdown, in which nothing is active but links to exactly `allowed`.

    `allowed` are addresses as Markdown's parser gives them
    (`core.streaming.markdown.dialect.links`).
    """
    return text if _sound(text, frozenset(allowed)) else as_typed(text)


def beginning(text: str, allowed: Iterable[str]) -> str:
    """The longest beginning of a growing text that is certain to stay, and harmless on its own.

    Marks at its end are left off. So is code that is then open, if it has an address in it: until
    it is closed, that would be plain text.
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
    """The same characters, none of which marks anything up or belongs to an address."""
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
    """Whether there is no tag, no image, no link but to `hrefs`, and no address in plain text."""
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
