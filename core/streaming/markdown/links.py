"""Which addresses may be live, and one line of a model's prose made harmless.

What comes out is canonical: the only links are those written here, every stray backtick, bracket
and angle is escaped, and an unknown address is code, which no platform turns into a link. Code is
found within one line (within one cell of a table), so that a parser that knows more about blocks
can only see what was meant.
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
"""No part of an address: spaces, control characters, marks, and what browsers read as a slash."""
SPACE = "\u200b"
"""Zero width: no platform sees an address around it."""
BEGINS = re.compile(
    r"(?::(?=//)|(?:https?|ftp|file|slack):(?=[\\/])|\bwww(?=\.)"
    r"|(?:java|vb)script:|\bdata:(?=[a-z]+/)|\bmailto:)(?!\u200b)",
    re.I,
)
AFTER = ".,;:!?)]}*_~'\""
"""Ends a sentence or a mark, not an address."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which links may stay live: any address at `hosts` over https, and exactly `urls`."""

    hosts: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def allows(self, url: str) -> bool:
        try:
            parsed = urlsplit(url)
            host = (parsed.hostname or "").lower()
            _ = parsed.port  # raises where it is no number
        except ValueError:
            return False
        if parsed.scheme not in ("http", "https") or not host or ODD.search(url):
            return False
        if url in self.urls:
            return True
        return parsed.scheme == "https" and host in self.hosts and "@" not in parsed.netloc

    def allows_parsed(self, href: str) -> bool:
        """The same for an address as a Markdown parser gives it: percent-encoded, host in ASCII."""
        return self.allows(href) or any(normalizeLink(url) == href for url in self.urls)


NOBODY = Policy()


def addresses(text: str) -> frozenset[str]:
    """The addresses that somebody wrote: what `Policy.urls` may be made of."""
    return frozenset(_trimmed(url) for url in ADDRESS.findall(text))


def defused(text: str) -> str:
    """Plain text in which nothing can be taken for an address; it reads the same."""
    return BEGINS.sub(rf"\g<0>{SPACE}", text) if ":" in text or "." in text else text


def harmless(line: str, policy: Policy, *, growing: bool = False) -> str:
    """A line of prose, its unknown addresses as code. `growing`: code left open is closed."""
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
    """Whether a parser saw allowed links only, no image and no address outside code and links."""
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
    """Where runs of backticks begin, by their length."""
    runs: dict[int, list[int]] = {}
    if "`" in line:
        for run in re.finditer(r"`+", line):
            runs.setdefault(len(run[0]), []).append(run.start())
    return runs


def _closing(runs: Mapping[int, list[int]], opened: re.Match[str]) -> int:
    """Where the code that begins with these backticks ends; 0 when it does not."""
    starts = runs.get(len(opened[0]), [])
    index = bisect_left(starts, opened.end())
    return starts[index] + len(opened[0]) if index < len(starts) else 0


def _code(out: list[str], code: str) -> None:
    """Backticks that touch would be read as one longer run."""
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
