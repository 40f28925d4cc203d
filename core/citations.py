"""Sources: numbers in the text checked against what was given, and the list under the answer.

A model cites a passage by its number, `[2]` or `[1, 3]`. Numbers of passages that it was not given
are taken out while the text streams; code keeps its brackets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from core.answer import Citation
from core.documents import Passage

LONGEST = 24
"""Characters of a citation that are held back until it is whole."""
OPENS = re.compile(r" ?\[")
MARK = re.compile(r"( ?)\[\s*([1-9]\d{0,2}(?:\s*[,;]\s*[1-9]\d{0,2})*)\s*\]")
BEGINS = re.compile(r" ?\[[\s\d,;]*\Z")
SPECIAL = re.compile(r"([\\\[\]*_`~<>|])")
HEADING = "**Sources**"
SNIPPET = 160
"""Characters of a passage that are told with its citation."""


class Citations:
    """Passes an answer on, piece by piece, without citations of what was not given.

    `cited` are the numbers that are in it, in the order in which they came.
    """

    def __init__(self, given: int) -> None:
        self._given = given
        self._held = ""
        self._fenced = False
        self._code = False
        self._line = ""
        self.cited: list[int] = []

    def feed(self, text: str) -> str:
        """What can be shown by now."""
        return self._pass(self._held + text, final=False)

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
            mark = MARK.match(rest)
            unsure = mark is None and BEGINS.match(rest) and len(rest) < LONGEST
            if not final and (unsure or (mark and len(rest) == mark.end())):
                self._held = rest  # what follows decides: `[1](…)` is a link
                break
            if mark is None or self._fenced or self._code or rest[mark.end() :][:1] in ("(", ":"):
                out.append(self._seen(found[0]))
                at = found.end()
                continue
            kept = self._kept(mark[2])
            out.append(self._seen(mark[1] + kept if kept else ""))
            at = start + mark.end()
        return "".join(out)

    def _kept(self, numbers: str) -> str:
        good = [n for n in map(int, re.findall(r"\d+", numbers)) if 1 <= n <= self._given]
        self.cited += [n for n in good if n not in self.cited]
        return f"[{', '.join(map(str, good))}]" if good else ""

    def _seen(self, text: str) -> str:
        """The same text, noted: where code begins and ends."""
        for line in re.split("(\n)", text):
            if line == "\n":
                if re.match(r"\s{0,3}(```|~~~)", self._line):
                    self._fenced = not self._fenced
                self._line, self._code = "", False
            elif line:
                self._line += line
                if not self._fenced and not self._line.lstrip().startswith("```"):
                    self._code ^= line.count("`") % 2 == 1
        return text


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
    numbers = {int(n) for mark in MARK.finditer(text) for n in re.findall(r"\d+", mark[2])}
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
