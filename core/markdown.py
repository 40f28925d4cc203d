"""Makes any beginning of a model's Markdown presentable, and harmless.

The model is taken as hijacked: only links to hosts the operator allows, or to sources it was given,
stay links; every other address becomes code, which no platform turns into a link. Secret-shaped
strings are redacted. Mentions need no care here: a platform's renderer escapes what its markup
reads (`<!channel>`), so they come out as plain text.

While a text grows, what would change its looks is closed (a fence, emphasis) or held back (a link
whose address is not whole, a table row, a bare list marker).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

HELD = 2000
"""Characters that may be held back at the end; anything longer is no link, so it is shown."""

FENCE = re.compile(r"^( {0,3})(`{3,}(?!.*`)|~{3,})")
CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
LINK = re.compile(
    r"!?\[([^\[\]\n]{0,500})\]"
    r"\(\s{0,9}<?([^\s()<>]{0,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,200}){0,3})>?[^()\n]{0,300}\)"
)
AUTOLINK = re.compile(r"<(?=[A-Za-z][A-Za-z0-9+.-]{1,31}:|[^\s<>]{1,64}@)")
ADDRESS = re.compile(
    r"<?\b((?:https?|ftp|file|javascript|data|vbscript|mailto|slack):[^\s<>`]+|www\.[^\s<>`]+)>?",
    re.I,
)
SECRET = re.compile(
    r"xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.S,
)
SECRET_BEGINS = re.compile(r"(?:xox|xapp|AKIA|ASIA|-----BEGIN)[A-Za-z0-9 -]*\Z")
INVISIBLE = re.compile("[\u0000-\u0008\u000b-\u001f\u200b\u2028-\u202e\u2060-\u2069\ufeff]")
REDACTED = "[redacted]"

parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
"""The dialect that everybody here reads: CommonMark with tables and ~~strike~~, without HTML."""
parser.disable(["html_block", "html_inline"])


@dataclass(frozen=True, slots=True)
class Policy:
    """Which links may stay live: any address at `hosts` over https, and exactly `urls`."""

    hosts: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def allows(self, url: str) -> bool:
        if url in self.urls:
            return True
        try:
            parsed = urlsplit(url)
            host = (parsed.hostname or "").lower()
        except ValueError:
            return False
        return parsed.scheme == "https" and host in self.hosts and not parsed.username


def present(markdown: str, policy: Policy, *, final: bool) -> str:
    """What may be shown of a text so far (or of the whole, when `final`)."""
    text = INVISIBLE.sub("", markdown.replace("\r\n", "\n").replace("\r", "\n"))
    text = SECRET.sub(REDACTED, text)
    if not final:
        text = SECRET_BEGINS.sub("", text)
    shown: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence:
            shown.append(line)
            if mark and mark[2].startswith(fence) and not line.strip(" " + fence[0]):
                fence = ""
        elif mark:
            if prose:
                shown.append(_prose("\n".join(prose), policy))
                prose = []
            shown.append(line)
            fence = mark[2]
        else:
            prose.append(line)
    if fence:
        return _checked(_fenced("\n".join(shown), fence, final=final), policy)
    if prose:
        rest = "\n".join(prose)
        shown.append(_prose(rest, policy) if final else _growing(rest, policy))
    return _checked("\n".join(shown).strip("\n").rstrip(), policy)


def _checked(text: str, policy: Policy) -> str:
    """The text, if its links are allowed as a real parser sees them; else with none."""
    if "](" not in text and not AUTOLINK.search(text):
        return text
    if all(policy.allows(url) for url in _links(parser.parse(text))):
        return text
    return AUTOLINK.sub(r"\\<", text.replace("](", "]\\(").replace("]:", "]\\:"))


def _links(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        url = token.attrs.get("href") or token.attrs.get("src")
        if url is not None:
            yield str(url)
        yield from _links(token.children or ())


def _fenced(text: str, fence: str, *, final: bool) -> str:
    head, _, last = text.rpartition("\n")
    if not final and last.strip() and not last.strip().strip(fence[0]):
        text = head  # perhaps the closing fence, perhaps a line of code
    if not final and FENCE.match(last) and last.lstrip().startswith(fence):
        text = head  # an opening fence without anything in it
        return text.rstrip() if not _inside(text) else f"{text.rstrip()}\n{fence}"
    return f"{text.rstrip()}\n{fence}"


def _inside(text: str) -> bool:
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark[2]
        elif mark and mark[2].startswith(fence):
            fence = ""
    return bool(fence)


def _prose(text: str, policy: Policy) -> str:
    """Text outside fences with unknown addresses turned into code."""
    text = text.replace("]:", "]\\:")
    out: list[str] = []
    at = 0
    for code in CODE.finditer(text):
        out += [_linked(text[at : code.start()], policy), code[0]]
        at = code.end()
    return "".join([*out, _linked(text[at:], policy)])


def _linked(text: str, policy: Policy) -> str:
    out: list[str] = []
    at = 0
    for link in LINK.finditer(text):
        out.append(_addresses(text[at : link.start()], policy))
        label, url = link[1], link[2]
        if policy.allows(url):
            out.append(f"[{_addresses(label, Policy()) if '://' in label else label}]({url})")
        else:
            label = _addresses(label, policy)
            out.append(label if not url or url in label else f"{label} ({_code(url)})")
        at = link.end()
    return "".join([*out, _addresses(text[at:], policy)])


def _addresses(text: str, policy: Policy) -> str:
    text = text.replace("](", "]\\(")
    if ":" not in text and "www." not in text:
        return text

    def one(match: re.Match[str]) -> str:
        url = match[1].rstrip(".,;:!?)]}*_~'\"")
        rest = match[1][len(url) :]
        return (url if policy.allows(url) else _code(url)) + rest

    return ADDRESS.sub(one, text)


def _code(url: str) -> str:
    return f"`{url.replace('`', '')}`"


def _growing(text: str, policy: Policy) -> str:
    """The last stretch of prose while more is to come."""
    paragraph = text.rfind("\n\n") + 2 if "\n\n" in text else 0
    done, last = text[:paragraph], _held_back(text[paragraph:])
    return _closed(_prose(done + last, policy), paragraph and len(_prose(done, policy)))


def _held_back(last: str) -> str:
    """A paragraph without the end that may yet turn into something else."""
    lines = last.split("\n")
    if lines[-1].lstrip().startswith("|"):
        lines.pop()
    rows = sum(1 for line in lines if line.lstrip().startswith("|"))
    if rows == 1 and lines[-1].lstrip().startswith("|"):
        lines.pop()  # a table's head without its rule
    if not lines:
        return ""
    line = lines[-1]
    if re.fullmatch(r"\s*(?:#{1,6}|[-*+]|\d{1,9}[.)]|>+|=+|-+|`{1,2}|~{1,2})?\s*", line):
        lines[-1] = ""
    else:
        lines[-1] = _without_open_link(line)
    return "\n".join(lines).rstrip()


def _without_open_link(line: str) -> str:
    bracket = line.rfind("[")
    if bracket >= 0 and len(line) - bracket <= HELD:
        tail = line[bracket:]
        closed = tail.find("](")
        if ("]" not in tail) or tail.endswith("]") or (closed > 0 and ")" not in tail[closed:]):
            line = line[:bracket].rstrip("!")
    word = re.search(r"\S+\Z", line)
    if (
        word
        and len(word[0]) <= HELD
        and re.search(r"(?i)^\W*(?:h|ht|htt|https?|www|[a-z]+:.*)$", word[0])
    ):
        line = line[: word.start()]
    return re.sub(r"[*_~`!<\\]+\Z", "", line) if re.search(r"(?:^|\s)\S*\Z", line) else line


def _closed(text: str, start: int) -> str:
    """Closes code and emphasis left open in the last paragraph."""
    last = text[start:]
    bare = CODE.sub("", last)
    opened = re.search(r"(`+)[^`]", bare)
    if opened:
        return text.rstrip() + opened[1]
    text = text.rstrip()
    for mark in ("~~", "**"):
        if bare.count(mark) % 2:
            text += mark
    return text
