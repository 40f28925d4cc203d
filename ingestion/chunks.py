"""Split a document's blocks into chunks, which are searched, in parents, which go into a prompt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.values.documents import Block, Chunk, Locator
from core.values.tokens import estimate

_HEADING = 100  # the most characters of a heading in a path
_DEEPEST = 6
_INDENT = 80  # the most characters of indentation that a split keeps with its line
_MARKS = 32  # the most characters that a split moves back, out of a combining sequence

_SENTENCE = re.compile(
    r"""[.!?…]['"”’»)\]]*(?=\s)             # in most scripts, before a space
    |[。！？｡؟।]['"”’」』）)\]]*              # in others, with or without one
    |(?=\n[ \t]*(?:[-*+•·▪|]|\d+[.)])\s)   # before an item of a list
    """,
    re.VERBOSE,
)
_BLANK = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block as it reads in the document, or a part of one.

    `level` is a heading's own, 0 for others. `headings` is the path to it, `depth` the level of the
    last of them.
    """

    text: str
    tokens: int
    locator: Locator
    glue: str
    level: int
    headings: tuple[str, ...]
    depth: int


@dataclass(frozen=True, slots=True)
class _Child:
    pieces: list[_Piece]
    tokens: int


def chunked(blocks: Iterable[Block], *, child: int = 400, parent: int = 2000) -> Iterator[Chunk]:
    """Yield chunks of about `child` tokens in parents of about `parent`, neither over 1.5 times
    that.

    A chunk ends before a heading, page, slide or function once it is large enough; a parent, before
    a heading of level 1 or 2 or a slide; both end before another sheet. Glue and text of all
    chunks, joined, are the blocks as `written`, separated by blank lines. At most one parent is in
    memory.
    """
    group: list[_Child] = []
    held = ordinal = 0
    for each in _children(_pieces(blocks, child), child):
        if group and _parts(group[-1], each, held, parent):
            yield from _numbered(group, ordinal)
            ordinal += len(group)
            group, held = [], 0
        group.append(each)
        held += each.tokens
    yield from _numbered(group, ordinal)


def joined(chunks: Iterable[Chunk]) -> str:
    """Return the text that consecutive chunks stand for."""
    return "".join(part for chunk in chunks for part in (chunk.glue, chunk.text))


def written(block: Block) -> str:
    """Return a block as it reads in its document: headings in Markdown, surrounding white space
    removed."""
    if block.kind == "heading":
        title = " ".join(block.text.split())
        return f"{'#' * min(block.level, _DEEPEST)} {title}" if title and block.level else title
    text = block.text.rstrip()
    return text[_resume(text, 0, _INDENT) :] if text[:1].isspace() else text


def _parts(before: _Child, after: _Child, held: int, parent: int) -> bool:
    """Whether a parent of `held` tokens ends between two children."""
    last, first = before.pieces[-1], after.pieces[0]
    if first.locator.sheet != last.locator.sheet or held + after.tokens > parent:
        return True
    slide = first.locator.unit == "slide" and first.locator.first > last.locator.last
    return held * 4 >= parent and (slide or 0 < first.level <= 2)


def _numbered(group: list[_Child], start: int) -> Iterator[Chunk]:
    last = start + len(group) - 1
    for ordinal, each in enumerate(group, start):
        text = "".join(part for piece in each.pieces for part in (piece.glue, piece.text))
        glue = each.pieces[0].glue
        yield Chunk(
            ordinal, text[len(glue) :], _span(each.pieces), start, last, glue if ordinal else ""
        )


def _span(pieces: list[_Piece]) -> Locator:
    first = pieces[0].locator
    return Locator(
        first.unit,
        min(piece.locator.first for piece in pieces),
        max(piece.locator.last for piece in pieces),
        first.sheet,
        pieces[0].headings,
        first.name if all(piece.locator.name == first.name for piece in pieces) else "",
    )


def _children(pieces: Iterable[_Piece], child: int) -> Iterator[_Child]:
    held: list[_Piece] = []
    tokens = 0
    for group in _groups(pieces, child):
        weight = sum(piece.tokens + 1 for piece in group)
        if held and _ends(held, tokens, group, weight, child):
            yield _Child(held, tokens)
            held, tokens = [], 0
        held += group
        tokens += weight
    if held:
        yield _Child(held, tokens)


def _groups(pieces: Iterable[_Piece], child: int) -> Iterator[list[_Piece]]:
    """Yield headings together with what follows them, and everything else by itself."""
    waiting: list[_Piece] = []
    tokens = 0
    for piece in pieces:
        heading = piece.level > 0 and (tokens + piece.tokens + 1) * 4 <= child
        if waiting and not (_alike(waiting[-1], piece) and (heading or not piece.level)):
            yield waiting
            waiting, tokens = [], 0
        waiting.append(piece)
        tokens += piece.tokens + 1
        if not heading:
            yield waiting
            waiting, tokens = [], 0
    if waiting:
        yield waiting


def _alike(one: _Piece, other: _Piece) -> bool:
    """Whether one locator can span both."""
    return (one.locator.unit, one.locator.sheet) == (other.locator.unit, other.locator.sheet)


def _ends(held: list[_Piece], tokens: int, group: list[_Piece], weight: int, child: int) -> bool:
    """Whether a child with some pieces ends before the next group of pieces."""
    last, first = held[-1], group[0]
    if not _alike(last, first):
        return True
    if tokens * 4 < child:
        return (tokens + weight) * 2 > child * 3
    if tokens + weight > child:
        return True
    if first.level and first.level <= min(_section(piece) for piece in held):
        return True
    page = first.locator.unit in ("page", "slide") and first.locator.first > last.locator.last
    return page or first.locator.name != last.locator.name


def _section(piece: _Piece) -> int:
    """Return the level of the heading that a piece is, or is under; 1 is the highest."""
    return piece.level or piece.depth or _DEEPEST


def _pieces(blocks: Iterable[Block], child: int) -> Iterator[_Piece]:
    """Yield the blocks, with those too long for a chunk in parts."""
    path: list[tuple[int, str]] = []
    headings: tuple[str, ...] = ()
    for block in blocks:
        text = written(block)
        if not text:
            continue
        level = min(block.level or _DEEPEST, _DEEPEST) if block.kind == "heading" else 0
        if level:
            while path and path[-1][0] >= level:
                path.pop()
            path.append((level, " ".join(block.text.split())[:_HEADING].rstrip()))
            headings = tuple(title for _, title in path)
        depth = path[-1][0] if path else 0
        glue, line = "\n\n", 0
        lines = text.count("\n") if len(text) > child else 0
        for part, tokens, after in _split(text, child, prose=block.kind == "text"):
            whole = len(part) == len(text)
            newlines = 0 if whole else part.count("\n")
            where = block.locator if whole else _within(block.locator, line, newlines, lines)
            yield _Piece(part, tokens, where, glue, level, headings, depth)
            line += newlines + after.count("\n")
            glue, level = after, 0


def _within(whole: Locator, line: int, more: int, lines: int) -> Locator:
    """Locate a part that begins `line` lines into a block and continues for `more` lines.

    Exact if the block's lines, counted after the first, are the locator's, or its rows with or
    without a header and the dashes below it.
    """
    extra = lines - (whole.last - whole.first)
    if extra not in ({"lines": (0,), "rows": (0, 1, 2)}.get(whole.unit) or ()):
        return whole
    first = whole.first + max(0, line - extra)
    last = max(first, whole.first + line + more - extra)
    return Locator(whole.unit, first, last, whole.sheet, whole.headings, whole.name)


def _split(text: str, child: int, *, prose: bool) -> Iterator[tuple[str, int, str]]:
    """Yield parts of about `child` tokens: the text, its tokens, and the white space after it."""
    at = 0
    whole = child * 6 // 5
    while True:
        rest = text[at : at + whole * 4 + 1]
        if at + len(rest) == len(text) and (tokens := estimate(rest)) <= whole:
            yield rest, tokens, ""
            return
        size = min(len(rest), child * child // max(1, estimate(rest[:child])))
        while (tokens := estimate(rest[:size])) > child:
            size = size * child // tokens
        cut = at + _cut(rest, size, prose=prose)
        part = text[at:cut].rstrip()
        after = _resume(text, cut, min(_INDENT, child // 8))
        yield part, estimate(part), text[at + len(part) : after]
        at = after


def _cut(text: str, size: int, *, prose: bool) -> int:
    """Return where to end a part of at most `size` characters: the best place in its second
    half."""
    half = size // 2
    if (cut := text.rfind("\n\n", half, size)) > 0:
        return cut
    if not prose and (cut := text.rfind("\n", half, size)) > 0:
        return cut
    ends = [found.end() for found in _SENTENCE.finditer(text, half, size + 1)]
    if ends and ends[-1] > size:
        ends.pop()
    if ends:
        return ends[-1]
    if (cut := max(text.rfind(space, half, size) for space in "\n \t\u3000")) > 0:
        return cut
    for cut in range(size, max(half, size - _MARKS), -1):
        if not _clings(text, cut):
            return cut
    return size


def _clings(text: str, at: int) -> bool:
    """Whether the character at a position belongs to the one before it."""
    if at >= len(text):
        return False
    char, before = text[at], text[at - 1]
    return (
        unicodedata.category(char).startswith("M")
        or "\u200d" in (char, before)
        or "\u1160" <= char <= "\u11ff"  # Hangul vowels and finals, decomposed
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or (_flag(char) and _flag(before))
    )


def _flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _resume(text: str, at: int, indent: int) -> int:
    """Return where text continues after white space: at its line's start, if that is not too
    far."""
    found = _BLANK.match(text, at)
    end = found.end() if found else at
    line = text.rfind("\n", at, end) + 1 or (at if at == 0 else end)
    return line if end - line <= indent else end
