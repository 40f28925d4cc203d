"""Sources: numbers in the text checked against what was given, and the list under the answer.

A model cites a passage by its number, `[^2]` or `[^1][^3]`: a mark that prose does not contain, as
it does contain `[1, 3]`, `a[1]` and the references of the documents it quotes. People see `[2]`.
Numbers of passages that were not given are taken out while the text streams; nothing else is.
A plain `[2]` after a statement is how people see citations, so models that follow an earlier answer
write it too: it stays as it is, and counts where there is such a passage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from core.streaming.split import ANY_FENCE
from core.values.answer import Citation
from core.values.documents import Passage

LONGEST = 40
"""Characters of a citation that are held back until it is whole."""
OPENS = re.compile(r" ?\[")
_NUMBER = r"\^?[1-9]\d{0,2}"
MARK = re.compile(rf"( ?)\[\s?\^(?=\d)({_NUMBER}(?:\s?[,;]\s?{_NUMBER})*)\s?\]")
PLAIN = re.compile(r" ?\[([1-9]\d{0,2})\]")
BEGINS = re.compile(r" ?\[[\s\d,;^]*\Z")
INDEXED = re.compile(r"(?:(?<![^\W_])[A-Za-z]|_)\Z")
"""A name of one letter: a number in brackets right behind it is an index, not a citation."""
SPECIAL = re.compile(r"([\\\[\]*_`~<>|])")
HEADING = "**Sources**"
SNIPPET = 160
"""Characters of a passage that are told with its citation."""


class Citations:
    """Passes an answer on, piece by piece, without citations of what was not given.

    Without any passage the text passes as it is. `cited` are the numbers that are in it, in the
    order in which they came.
    """

    def __init__(self, given: int) -> None:
        self._given = given
        self._held = ""
        self._fence = ""
        self._code = False
        self._line = ""
        self.cited: list[int] = []

    def feed(self, text: str) -> str:
        """What can be shown by now."""
        return self._pass(self._held + text, final=False) if self._given else text

    def end(self) -> str:
        """What was held back."""
        return self._pass(self._held, final=True)

    def _pass(self, text: str, *, final: bool) -> str:
        out: list[str] = []
        self._held = ""
        at = 0
        while at < len(text):
            found = OPENS.search(text, at)
            start = found.start() if found else len(text)
            if found is None and not final and text.endswith(" "):
                start -= 1
                self._held = " "
            out.append(self._seen(text[at:start]))
            if found is None:
                break
            rest = text[start:]
            mark = MARK.match(rest) or PLAIN.match(rest)
            unsure = mark is None and BEGINS.match(rest) and len(rest) < LONGEST
            if not final and (unsure or (mark and len(rest) == mark.end())):
                self._held = rest  # what follows decides: `[^1](…)` is a link
                break
            shown = self._read(mark, rest[mark.end() :][:1]) if mark else found[0]
            out.append(self._seen(shown))
            at = start + mark.end() if mark else found.end()
        return "".join(out)

    def _read(self, mark: re.Match[str], after: str) -> str:
        """What is shown of a mark."""
        begins = not re.search(r"\w", self._line)  # a list's mark is no statement
        definition = after == ":" and begins
        if self._fence or self._code or after == "(" or definition:
            return mark[0]
        if mark.re is PLAIN:
            direct = mark[0].startswith("[") and INDEXED.search(self._line)
            if not begins and not direct and int(mark[1]) <= self._given:
                self._cite([int(mark[1])])
            return mark[0]
        good = [n for n in map(int, re.findall(r"\d+", mark[2])) if n <= self._given]
        self._cite(good)
        return mark[1] * bool(good) + "".join(f"[{n}]" for n in good)

    def _cite(self, numbers: Sequence[int]) -> None:
        self.cited += [n for n in numbers if n not in self.cited]

    def _seen(self, text: str) -> str:
        """The same text, noted: where code begins and ends."""
        for line in re.split("(\n)", text):
            if line == "\n":
                self._line_ended()
            elif line:
                self._line += line
                if not self._fence and not ANY_FENCE.match(self._line):
                    self._code ^= line.count("`") % 2 == 1
        return text

    def _line_ended(self) -> None:
        found = ANY_FENCE.match(self._line)
        if found and not self._fence:
            self._fence = found[1]
        elif found and found[1].startswith(self._fence) and not self._line[found.end() :].strip():
            self._fence = ""
        self._line, self._code = "", False


def sources(passages: Sequence[Passage], cited: Sequence[int]) -> str:
    """The list under an answer, in Markdown: number, name with its address, where in it, who."""
    lines = []
    for number in sorted(set(cited)):
        passage = passages[number - 1]
        document, where = passage.document, passage.locator.label
        named = _linked(document.name, link(passage))
        detail = ", ".join(each for each in (named, escaped(where)) if each)
        lines.append(f"[{number}] {detail}{_origin(passage)}")
    return "\n\n".join((HEADING, "  \n".join(lines))) if lines else ""


def citations(passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """What the numbers of passages refer to."""
    return tuple(
        Citation(
            number,
            each.document.name,
            link(each),
            each.locator.label,
            " ".join(each.text[: 4 * SNIPPET].split())[:SNIPPET],
        )
        for number, each in enumerate(passages, 1)
    )


def within(text: str, citations: Sequence[Citation]) -> tuple[Citation, ...]:
    """Those whose numbers stand in a text."""
    if not citations or "[" not in text:
        return ()
    numbers = {int(mark[1]) for mark in PLAIN.finditer(text)}
    return tuple(each for each in citations if each.number in numbers)


def link(passage: Passage) -> str:
    """Where a source can be opened, at its page where viewers can do that; empty if nowhere."""
    address = passage.document.link
    if not address.startswith(("https://", "http://")) or re.search(r"[\s()<>|]", address):
        return ""
    page = passage.locator.unit == "page" and passage.locator.first
    return f"{address}#page={page}" if page else address


def escaped(text: str) -> str:
    """Somebody's words as plain text within Markdown."""
    flat = " ".join("".join(c for c in text if c.isprintable()).split())
    return SPECIAL.sub(r"\\\1", flat)


def day(seconds: float) -> str:
    """`12 Nov 2026`, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%d %b %Y}".lstrip("0")


def _linked(name: str, address: str) -> str:
    label = escaped(name) or "a file without a name"
    return f"[{label}]({address})" if address else label


def _origin(passage: Passage) -> str:
    document = passage.document
    said = [escaped(document.sharer)] if document.sharer else []
    said += [day(document.shared_at)] if document.shared_at else []
    return f" · {', '.join(said)}" if said else ""
