"""Makes any prefix of a model's Markdown presentable and harmless.

The model is assumed to be hijacked. Only links to hosts that the operator allows, or to URLs that
the model was given, stay links (`core.streaming.markdown.links`). HTML and everything that looks
like a mention is escaped, and strings that look like secrets are redacted. Invariants, for any text
and any longer text that begins with it:

1. The output for the shorter text, except closing marks at its very end, is a prefix of the output
   for the longer one (unless a code span begun in a line is never closed). So text whose look may
   still change is held back: an incomplete link, a table without a row, a fence without a line, a
   bare list marker, a word that may become a URL or a secret.
2. `present` is idempotent on whole texts.
3. It takes time linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.streaming.markdown.dialect import parser
from core.streaming.markdown.links import SCHEMES, Policy, addresses, harmless, sound
from core.streaming.markdown.lists import Lists

__all__ = ["Policy", "addresses", "present"]

HELD = 2000
"""The most characters of a link or table row that are held back; a longer one is shown at once."""
HELD_WORD = 100

SECRET = re.compile(
    r"xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{16,}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    re.S,
)
SECRET_BEGINS = re.compile(
    r"(?<![A-Za-z0-9])(?:x(?:o(?:x(?:[a-z](?:-[A-Za-z0-9-]{0,8})?)?)?|a(?:p(?:p(?:-[A-Za-z0-9-]{0,8})?)?)?)?"
    r"|A(?:K(?:I(?:A[A-Z0-9]{0,16})?)?|S(?:I(?:A[A-Z0-9]{0,16})?)?)?)\Z"
    r"|-----(?:B[A-Z ]{0,60}-{0,5})?\Z"
)
REDACTED = "[redacted]"
INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b"
    "\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ue000\U000e0000-\U000e007f]"
)

LEAD = r"[ \t]*(?:(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))[ \t]*)*"
FENCE = re.compile(rf"({LEAD})(`{{3,}}(?=[^`]*\Z)|~{{3,}})")
RISKY = re.compile(r"\][(:]|<[A-Za-z]|://|www\.")
RULES = re.compile(r"[\s>|:+*-]*-[\s>|:+*-]*")
"""A table's delimiter row or a rule: matches at least everything that a parser takes for one."""
CELLS = re.compile(r"(?<!\\)(\|)")
UNDERLINE = re.compile(r" {0,3}(-+|=+)[ \t]*")
MARKER = re.compile(rf"{LEAD}(?:#{{1,6}}|[-*+=_]+|\d{{1,9}}[.)]?|~{{1,2}})?[ \t]*")
BLOCK = re.compile(r"[ \t]*(?:#{1,6}[ \t]|[-*+][ \t]|\d{1,9}[.)][ \t]|>)")
WORD = re.compile(r"[!-~]+\Z")
PLAIN = re.compile(r"[*_~`\"'(]*([A-Za-z0-9][A-Za-z0-9'-]*)[,.;!?]*")
"""The beginning of a word that stays unchanged, whatever follows it."""
LINK_BEGINS = re.compile(
    r"!?\[[^\[\]]{0,120}(?:\](?:\(\s{0,9}(?:[^)\s]{1,2000}(?:\s[^)]{0,300})?)?)?)?\Z"
)
MARKS = re.compile(r"\\.|(`+).*?(?<!`)\1(?!`)|\]\([^)\s]*\)|<[^>\s]*>|(\*+|_+|~~)", re.S)


BEGUN_ROW = re.compile(r"[ \t]*\|[ \t:|-]*")
"""The beginning of a table's delimiter row."""


def present(markdown: str, policy: Policy, *, final: bool) -> str:
    """The presentable part of a text so far, or of the whole text if `final`."""
    text = INVISIBLE.sub("", markdown.replace("\r\n", "\n").replace("\r", "\n"))
    text = SECRET.sub(REDACTED, text)
    if not final:
        begun = SECRET_BEGINS.search(text, max(0, len(text) - 120))
        text = text[: begun.start()] if begun else text
    if final:
        text = _without_begun_table(text)
    scan = _Scan(policy, final=final)
    shown = scan.read(text)
    if scan.risky and not sound(parser.parse(shown), policy):
        shown = _Scan(policy, final=final, nested=False).read(text)
    return shown


@dataclass(slots=True)
class _Fence:
    lead: str
    mark: str
    at: int
    """The number of its opening line in the output."""
    nested: bool
    offset: int
    """The indentation of a line, in columns, below which it is not inside the fence."""
    shift: int
    """The columns by which the fence and its lines are moved."""

    def moved(self, line: str) -> str:
        if self.shift >= 0 or not line.strip():
            return " " * self.shift + line if line.strip() else line
        return line[min(-self.shift, len(line) - len(line.lstrip(" "))) :]

    def closed_by(self, line: str) -> bool:
        rest = line.lstrip(" \t>" if self.nested else " ")
        if not self.nested and len(line) - len(rest) > 3:
            return False
        return rest.startswith(self.mark) and not rest.strip(f"{self.mark[0]} \t")

    def perhaps_closed_by(self, line: str) -> bool:
        rest = line.strip(" \t>")
        return bool(rest) and not rest.strip(self.mark[0])

    def left_by(self, line: str) -> bool:
        """Whether a line ends the list or quote that contains the fence, and thereby the fence."""
        if ">" in self.lead:
            return not line.lstrip().startswith(">")
        return bool(line.strip()) and len(line) - len(line.lstrip(" \t")) < self.offset

    @property
    def closing(self) -> str:
        return re.sub(r"[^>\s]", " ", self.lead) + self.mark


class _Scan:
    """One pass over the lines. `nested`: fences within lists and quotes are recognised."""

    def __init__(self, policy: Policy, *, final: bool, nested: bool = True) -> None:
        self._policy = policy
        self._final = final
        self._nested = nested
        self._out: list[str] = []
        self._fence: _Fence | None = None
        self._lists = Lists()
        self._table = False
        self._columns = 0
        self._paragraph = 0
        self.risky = False

    def read(self, text: str) -> str:
        lines = text.split("\n")
        growing = -1 if self._final else len(lines) - 1
        count = len(lines) if self._final else _complete(lines)
        for index, written in enumerate(lines[:count]):
            before = lines[index - 1] if index else ""
            after = lines[index + 1] if index + 1 < len(lines) else ""
            if self._fence and self._inside(self._fence, written):
                continue
            line = written.expandtabs(4)  # parsers count columns this way
            aligned = self._lists.aligned(line)
            shift = len(aligned) - len(line)
            if not self._opened(aligned, shift, growing=index == growing):
                self._outside(aligned, before, after, growing=index == growing)
        return self._ended()

    def _inside(self, fence: _Fence, line: str) -> bool:
        """Handle a line after an open fence; False if it is not part of the fence."""
        if fence.nested:
            body = line.lstrip(" \t")
            line = line[: len(line) - len(body)].expandtabs(4) + body
        line = fence.moved(line)
        if fence.left_by(line):
            self._out.append(fence.closing)
            self._fence, self._paragraph = None, len(self._out)
            return False
        self._out.append(line)
        if fence.closed_by(line):
            self._fence, self._paragraph = None, len(self._out)
        elif fence.nested and RISKY.search(line):
            self.risky = True
        return True

    def _opened(self, line: str, shift: int, *, growing: bool) -> bool:
        """Handle a line that opens a fence; False if it does not."""
        opened = FENCE.match(line)
        if not opened:
            return False
        lead, mark = opened[1], opened[2]
        blank = not lead.strip()
        column = self._lists.column
        top = blank and len(lead) < 4 and not column
        if not top and not (self._nested and (column or not blank)):
            return False
        if not growing:
            offset = 0 if top else min(len(lead), column)
            self._fence = _Fence(lead, mark, len(self._out), not top, offset, shift)
            self._out.append(line)
        self._table = False
        return True

    def _outside(self, line: str, before: str, after: str, *, growing: bool) -> None:
        if not line.strip() or (growing and MARKER.fullmatch(line)):
            self._table = False
            self._out.append("")
            self._paragraph = len(self._out)
            return
        self._columns = self._columns if self._table else 0
        self._table = (
            self._table
            or ("|" in line and bool(RULES.fullmatch(after)))
            or ("|" in before and bool(RULES.fullmatch(line)))
        )
        if self._table and "|" not in line and not RULES.fullmatch(line):
            self._out.append("")  # otherwise a parser takes the line for a row
            self._table = False
        if BLOCK.match(line):
            self._paragraph = len(self._out)
        if before.strip() and "|" not in before and (rule := UNDERLINE.fullmatch(line)):
            # below a paragraph it would make a heading, which is never intended
            self._out += ["", line] if rule[1][0] == "-" else [line.replace("=", "\\=", 1)]
        elif self._table and "|" in line:
            self._out.append(self._row(line, after))
        else:
            line = _whole(line) if growing else line
            self._out.append(harmless(line, self._policy, growing=growing))

    def _row(self, line: str, after: str) -> str:
        """A sanitised table row. Surplus cells, which parsers drop, are merged into the last."""
        pieces = CELLS.split(line)
        first = 0 if pieces[0].strip() else 1
        last = len(pieces) // 2 - (1 if pieces[-1].strip() else 2)
        if not self._columns and RULES.fullmatch(after):
            self._columns = last - first + 2
        elif self._columns and not RULES.fullmatch(line):
            surplus = range(first + self._columns - 1, last + 1)
            pieces = [f"\\{p}" if n // 2 in surplus and n % 2 else p for n, p in enumerate(pieces)]
        return "".join(p if p == "\\|" else harmless(p, self._policy) for p in pieces)

    def _ended(self) -> str:
        out, fence = self._out, self._fence
        if fence and self._final:
            return "\n".join([*out, fence.closing]).strip("\n")
        if fence:
            if len(out) > fence.at + 1 and fence.perhaps_closed_by(out[-1]):
                out.pop()
            if any(line.strip(" \t>") for line in out[fence.at + 1 :]):
                return "\n".join(out).strip("\n").rstrip() + f"\n{fence.closing}"
            del out[fence.at :]
        text = "\n".join(out).strip("\n").rstrip()
        if self._final or self._table:
            return text
        return text + _closing_marks("\n".join(out[self._paragraph :]).rstrip())


def _complete(lines: Sequence[str]) -> int:
    """The number of lines without an incomplete last row, and without a table that has no row."""
    last = lines[-1].lstrip()
    if last and not (last.startswith("|") and len(last) <= HELD):
        return len(lines)
    count = len(lines) - 1
    rows = 0
    while rows < min(count, 3) and lines[count - 1 - rows].lstrip().startswith("|"):
        rows += 1
    return count - rows if rows < 3 else count


def _without_begun_table(text: str) -> str:
    """The text without an incomplete delimiter row at its end."""
    head, _, last = text.rstrip().rpartition("\n")
    cells = last.strip().strip("|").split("|")
    above = head.rpartition("\n")[2]
    if not BEGUN_ROW.fullmatch(last) or "|" not in above or head.count("```") % 2:
        return text
    wanted = len(above.strip().strip("|").split("|"))
    whole = len(cells) == wanted and all("-" in each for each in cells)
    return text if whole else head


def _whole(line: str) -> str:
    """The last line without a last word or link that may still change."""
    if word := WORD.search(line, max(0, len(line) - HELD)):
        address = "://" in word[0] or "www." in word[0] or "](" in word[0]
        if len(word[0]) <= (HELD - 1 if address else HELD_WORD):
            plain = PLAIN.match(word[0])
            shown = plain and not any(each.startswith(plain[1].lower()) for each in SCHEMES)
            line = line[: word.start() + (plain.end() if plain and shown else 0)]
    if begun := LINK_BEGINS.search(line, max(0, len(line) - HELD)):
        line = line[: begun.start()]
    return line.rstrip()


def _closing_marks(paragraph: str) -> str:
    """The marks that close the emphasis left open at the end of a paragraph."""
    opened: list[str] = []
    for match in MARKS.finditer(paragraph):
        run = match[2]
        if not run:
            continue
        before = paragraph[match.start() - 1 : match.start()] or " "
        after = paragraph[match.end() : match.end() + 1] or " "
        word = run[0] == "_" and before.isalnum() and after.isalnum()
        if not before.isspace() and not word:
            while run and opened and opened[-1][0] == run[0]:
                common = min(len(run), len(opened[-1]))
                run, rest = run[common:], opened.pop()[common:]
                if rest:
                    opened.append(rest)
        if run and not after.isspace() and not word and len(run) < 4:
            opened.append(run)
    return "".join(reversed(opened))
