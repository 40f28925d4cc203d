"""Checks an answer's citations while it streams, and writes the list of sources below it.

A model cites a passage by its number, as `[^2]` or `[^1][^3]`. Prose does not contain such marks,
while it may contain `[1, 3]`, `a[1]` or references of the documents that it quotes. People see
`[2]`. Numbers of passages that the prompt did not contain are removed while the text streams;
nothing else is. People see citations as a plain `[2]`, so a model that imitates an earlier answer
writes that too: it stays unchanged, and counts as a citation if there is such a passage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.streaming.split import ANY_FENCE
from core.values.answer import Citation
from core.values.documents import Passage
from core.wording.catalogue import phrase
from core.wording.dates import day
from core.wording.locators import place_in_file

LONGEST = 40
"""The most characters of an incomplete citation that are held back."""
OPENS = re.compile(r" ?\[")
_NUMBER = r"\^?[1-9]\d{0,2}"
MARK = re.compile(rf"( ?)\[\s?\^(?=\d)({_NUMBER}(?:\s?[,;]\s?{_NUMBER})*)\s?\]")
PLAIN = re.compile(r" ?\[([1-9]\d{0,2})\]")
BEGINS = re.compile(r" ?\[[\s\d,;^]*\Z")
INDEXED = re.compile(r"(?:(?<![^\W_])[A-Za-z]|_)\Z")
"""A name of one letter: a number in brackets directly after it is an index, not a citation."""
SPECIAL = re.compile(r"([\\\[\]*_`~<>|])")
SNIPPET = 160
"""Characters of a passage in its citation's snippet."""


class Citations:
    """Filters an answer piece by piece: removes citations of passages that the prompt did not have.

    `given` is the number of passages; with none, the text passes unchanged. `cited` are the numbers
    cited so far, in the order of their first occurrence.
    """

    def __init__(self, given: int) -> None:
        self._given = given
        self._held = ""
        self._fence = ""
        self._code = False
        self._line = ""
        self.cited: list[int] = []

    def feed(self, text: str) -> str:
        """Add a piece of the answer, and return the text that can be shown now."""
        return self._pass(self._held + text, final=False) if self._given else text

    def end(self) -> str:
        """The text that is still held back, at the end of the answer."""
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
                self._held = rest  # the next characters decide: `[^1](…)` is a link
                break
            shown = self._read(mark, rest[mark.end() :][:1]) if mark else found[0]
            out.append(self._seen(shown))
            at = start + mark.end() if mark else found.end()
        return "".join(out)

    def _read(self, mark: re.Match[str], after: str) -> str:
        """The text to show for a mark, of which the citations are recorded."""
        begins = not re.search(r"\w", self._line)  # a list marker is not a statement to cite for
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
        """Return the text unchanged, tracking where code begins and ends."""
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
    """The list of sources in Markdown: number, linked name, position, sharer and date."""
    lines = []
    for number in sorted(set(cited)):
        passage = passages[number - 1]
        named = _linked(passage.document.name, link(passage))
        at = escaped(place_in_file(passage.locator))
        detail = ", ".join(each for each in (named, at) if each)
        lines.append(f"[{number}] {detail}{_origin(passage)}")
    return "\n\n".join((phrase("source.heading"), "  \n".join(lines))) if lines else ""


def citations(passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The citation for each passage, numbered from 1."""
    return tuple(
        Citation(
            number,
            each.document.name,
            link(each),
            place_in_file(each.locator),
            " ".join(each.text[: 4 * SNIPPET].split())[:SNIPPET],
        )
        for number, each in enumerate(passages, 1)
    )


def within(text: str, citations: Sequence[Citation]) -> tuple[Citation, ...]:
    """The citations whose numbers occur in a text."""
    if not citations or "[" not in text:
        return ()
    numbers = {int(mark[1]) for mark in PLAIN.finditer(text)}
    return tuple(each for each in citations if each.number in numbers)


def link(passage: Passage) -> str:
    """The URL at which a source can be opened, at its page if possible; empty if there is none."""
    address = passage.document.link
    if not address.startswith(("https://", "http://")) or re.search(r"[\s()<>|]", address):
        return ""
    page = passage.locator.unit == "page" and passage.locator.first
    return f"{address}#page={page}" if page else address


def escaped(text: str) -> str:
    """A text from people, escaped so that Markdown shows it literally, on one line."""
    flat = " ".join("".join(c for c in text if c.isprintable()).split())
    return SPECIAL.sub(r"\\\1", flat)


def _linked(name: str, address: str) -> str:
    label = escaped(name) or phrase("file.unnamed")
    return f"[{label}]({address})" if address else label


def _origin(passage: Passage) -> str:
    document = passage.document
    said = [escaped(document.sharer)] if document.sharer else []
    said += [day(document.shared_at)] if document.shared_at else []
    return f" · {', '.join(said)}" if said else ""
