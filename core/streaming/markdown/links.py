"""Decides which URLs may be links, and sanitises one line of a model's prose.

The output is canonical: it contains only links that are written here, every stray backtick, bracket
and angle bracket is escaped, and an unknown URL becomes code, which no platform turns into a link.
Code is recognised within one line (in tables, within one cell), so that a parser that knows more
about blocks cannot read it differently.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.token import Token

_BARE = r"""(?:(?:https?|ftp|file|slack):[\\/]{1,9}|www\.|(?:java|vb)script:|data:[a-z]+/|mailto:)
    [^\s<>`|"、。，！？（）「」『』]+"""
TOKEN = re.compile(
    rf"""
      (?P<escape>\\[!-/:-@\[-`{{-~])
    | (?P<lone>\\(?=.))
    | (?P<ticks>`+)
    | (?P<link>(?P<image>!?)\[(?P<label>[^\[\]]{{0,500}})\]
        \(\s{{0,9}}<?(?P<url>[^\s()<>`]{{0,2000}}(?:\([^\s()<>`]{{0,200}}\)[^\s()<>`]{{0,200}}){{0,3}})>?
        (?:\s{{1,9}}(?:"[^"]{{0,300}}"|'[^']{{0,300}}'))?\s{{0,9}}\))
    | <(?P<auto>[a-z][a-z0-9+.-]{{1,31}}:[^\s<>`]{{1,2000}})>
    | (?P<bare>(?<![a-z0-9]){_BARE})
    | (?P<joint>\](?=[(:]))
    | (?P<angle><(?=[a-z/!?@\#]))
    """,
    re.X | re.I,
)
BARE = re.compile(rf"(?<![a-z0-9]){_BARE}", re.X | re.I)
SCHEMES = (
    "http",
    "https",
    "ftp",
    "file",
    "slack",
    "javascript",
    "vbscript",
    "data",
    "mailto",
    "www",
)
SPECIAL = re.compile(r"[`\[\]<\\]|[a-zA-Z]:[^\s]|www\.", re.I)
ADDRESS = re.compile(r"https?://[^\s<>`|\"'、。，！？（）「」『』]+", re.I)
ESCAPED = {"joint": "]\\", "angle": "\\<", "lone": "\\\\"}
ODD = re.compile(r"[^!-~\u00a1-\U0010ffff]|[\\<>`|]|[\u2000-\u200f\u2028-\u202f\u2060-\u206f]")
"""Characters not allowed in a URL: spaces, control characters, marks, and a backslash, which
browsers read as a slash."""
SPACE = "\u200b"
"""A zero-width space: no platform recognises a URL that contains it."""
BEGINS = re.compile(
    r"(?::(?=//)|(?:https?|ftp|file|slack):(?=[\\/])|\bwww(?=\.)"
    r"|(?:java|vb)script:|\bdata:(?=[a-z]+/)|\bmailto:)(?!\u200b)",
    re.I,
)
AFTER = ".,;:!?)]}*_~'\""
"""Characters that end a sentence or close a mark, and so do not belong to the URL before them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which URLs may be links: all at `hosts` over https, and exactly those in `urls`."""

    hosts: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def allows(self, url: str) -> bool:
        """Whether a URL may be a link."""
        try:
            parsed = urlsplit(url)
            host = (parsed.hostname or "").lower()
            _ = parsed.port  # raises ValueError if it is not a number
        except ValueError:
            return False
        if parsed.scheme not in ("http", "https") or not host or ODD.search(url):
            return False
        if url in self.urls:
            return True
        return parsed.scheme == "https" and host in self.hosts and "@" not in parsed.netloc

    def allows_parsed(self, href: str) -> bool:
        """The same for a URL as a parser returns it: percent-encoded, with an ASCII host."""
        return self.allows(href) or any(normalizeLink(url) == href for url in self.urls)


NOBODY = Policy()


def addresses(text: str) -> frozenset[str]:
    """The URLs in a text, for example to allow those that a person wrote as `Policy.urls`."""
    return frozenset(_trimmed(url) for url in ADDRESS.findall(text))


def defused(text: str) -> str:
    """The text with zero-width spaces, so that nothing in it is recognised as a URL."""
    return BEGINS.sub(rf"\g<0>{SPACE}", text) if ":" in text or "." in text else text


def harmless(line: str, policy: Policy, *, growing: bool = False) -> str:
    """A line of prose with unknown URLs as code. `growing`: an open code span is closed."""
    if not SPECIAL.search(line):
        return line
    out: list[str] = []
    runs = _runs(line)
    at = 0
    while token := TOKEN.search(line, at):
        out.append(line[at : token.start()])
        at = token.end()
        match token.lastgroup:
            case "ticks":
                end = _closing(runs, token)
                if end:
                    _code(out, line[token.start() : end])
                    at = end
                elif growing:
                    body = line[at:].rstrip("`").rstrip()
                    if body:
                        _code(out, token[0] + body + token[0])
                    return "".join(out)
                else:
                    out.append("\\`" * len(token[0]))
            case "link":
                _link(out, token, policy)
            case "auto":
                _address(out, token["auto"], policy)
            case "bare":
                url = _trimmed(token[0])
                _address(out, url, policy)
                at = token.start() + len(url)
            case kind:
                out.append(ESCAPED.get(kind or "", token[0]))
    out.append(line[at:])
    return "".join(out)


def sound(tokens: Sequence[Token], policy: Policy) -> bool:
    """Whether parsed Markdown has only allowed links, no images, and no other URLs outside code."""
    inside = 0
    for token in tokens:
        if token.type == "image" or "src" in token.attrs:
            return False
        href = token.attrs.get("href")
        if href is not None and not policy.allows_parsed(str(href)):
            return False
        inside += token.nesting if token.type.startswith("link") else 0
        if token.type == "text" and not inside and BARE.search(token.content):
            return False
        if token.children and not sound(token.children, policy):
            return False
    return True


def _runs(line: str) -> Mapping[int, list[int]]:
    """The positions of runs of backticks, by their length."""
    runs: dict[int, list[int]] = {}
    if "`" in line:
        for run in re.finditer(r"`+", line):
            runs.setdefault(len(run[0]), []).append(run.start())
    return runs


def _closing(runs: Mapping[int, list[int]], opened: re.Match[str]) -> int:
    """The end of the code span that these backticks open, 0 if it is not closed."""
    starts = runs.get(len(opened[0]), [])
    index = bisect_left(starts, opened.end())
    return starts[index] + len(opened[0]) if index < len(starts) else 0


def _code(out: list[str], code: str) -> None:
    """Append a code span, separated from backticks before it, which would join its own."""
    if out and any(out) and _last(out) == "`":
        out.append(" ")
    out.append(code)


def _last(out: list[str]) -> str:
    for piece in reversed(out):
        if piece:
            return "" if piece == "\\`" * (len(piece) // 2) else piece[-1]
    return ""


def _address(out: list[str], url: str, policy: Policy) -> None:
    if policy.allows(url):
        out.append(f"<{url}>")
    elif url:
        _code(out, f"`{url}`")


def _link(out: list[str], token: re.Match[str], policy: Policy) -> None:
    url = token["url"]
    label = harmless(token["label"], NOBODY).strip()
    if policy.allows(url):
        if not label or token["label"].strip() == url:
            _address(out, url, policy)
        else:
            out.append(f"[{label}](<{url}>)" if "(" in url else f"[{label}]({url})")
        return
    if label.startswith("`"):
        _code(out, label)
    else:
        out.append(label)
    if url and url not in label and not url.lower().startswith("data:"):
        out.append(" (" if label else "")
        _code(out, f"`{url}`")
        out.append(")" if label else "")


def _trimmed(url: str) -> str:
    trimmed = url.rstrip(AFTER)
    if "(" in trimmed and trimmed.count("(") > trimmed.count(")"):
        trimmed += url[len(trimmed) :][:1] if url[len(trimmed) :].startswith(")") else ""
    return trimmed or url
