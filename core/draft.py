"""How an answer is spread over messages: which parts should show, and which calls lead there.

Invariants, for any text and any longer text that begins with it:

1. Every part fits: `surface.size(part) <= surface.limit`.
2. All parts but the last are the same in both.
3. Nothing is lost: the parts hold all lines of the text, and none is blank.

Hence greedy: a boundary depends only on what stands before it. Fences and tables stay whole where
they fit a message, else a fence is closed and opened again, and a table's head is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from core.ports import Surface

T = TypeVar("T")

FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})(.*)$")
JOIN = "\n\n"


@dataclass(frozen=True, slots=True)
class Post:
    """Post message `index`, which is not there yet."""

    index: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Edit message `index`, which shows something else."""

    index: int


def plan(shown: Sequence[T], wanted: Sequence[T]) -> list[Post | Edit]:
    """The calls that lead from what is shown to what is wanted, in order."""
    return [
        Edit(index) if index < len(shown) else Post(index)
        for index, message in enumerate(wanted)
        if index >= len(shown) or shown[index] != message
    ]


@dataclass(slots=True)
class _Block:
    kind: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def blocks(markdown: str) -> Iterator[_Block]:
    """Paragraphs, fences and tables, in order; blank lines between them are dropped."""
    current = _Block("text")
    closing = ""
    for line in markdown.split("\n"):
        fence = FENCE.match(line)
        if current.kind == "fence":
            current.lines.append(line)
            if fence and fence[2].startswith(closing) and not fence[3].strip():
                yield current
                current = _Block("text")
            continue
        kind = "fence" if fence else "table" if line.lstrip().startswith("|") else "text"
        if current.lines and (not line.strip() or kind != current.kind):
            yield current
            current = _Block("text")
        if line.strip():
            current.kind = kind
            current.lines.append(line)
            closing = fence[2] if fence else ""
    if current.lines:
        yield current


def parts(markdown: str, surface: Surface) -> tuple[str, ...]:
    """The messages an answer takes, each within the surface's limit."""
    done: list[str] = []
    open_part: list[str] = []
    used = 0
    for block in blocks(markdown):
        size = surface.size(block.text)
        if used + size + len(JOIN) <= surface.limit:
            open_part.append(block.text)
            used += size + len(JOIN)
            continue
        room = surface.limit - used - len(JOIN)
        whole = block.kind != "text"
        if open_part and (whole or room < surface.limit // 8):
            done.append(JOIN.join(open_part))
            open_part, room = [], surface.limit
        pieces = _split(block, surface, room)
        if not pieces:
            continue
        for piece in pieces[:-1]:
            done.append(JOIN.join([*open_part, piece]))
            open_part = []
        if len(pieces) > 1 or not open_part:
            used = 0
        open_part.append(pieces[-1])
        used += surface.size(pieces[-1]) + len(JOIN)
    if open_part:
        done.append(JOIN.join(open_part))
    return tuple(done)


def _split(block: _Block, surface: Surface, room: int) -> list[str]:
    """Pieces of a block: the first at most `room` big, the others at most the limit."""
    match block.kind:
        case "fence":
            fence = FENCE.match(block.lines[0])
            closer = fence[2] if fence else "```"
            body = block.lines[1:]
            if body and body[-1].strip() == closer:
                body = body[:-1]
            return _by_lines([block.lines[0]], body, [closer], surface)
        case "table" if len(block.lines) > 2:
            return _by_lines(block.lines[:2], block.lines[2:], [], surface)
        case _:
            return _by_words(block.text, surface, room)


def _by_lines(
    head: Sequence[str], body: Sequence[str], tail: Sequence[str], surface: Surface
) -> list[str]:
    frame = surface.size("\n".join([*head, *tail]))
    pieces: list[str] = []
    lines: list[str] = []
    used = frame
    for whole in body:
        for line in _chopped(whole, surface, max(1, surface.limit - frame - 8)):
            size = surface.size(line) + 1
            if (lines and used + size > surface.limit) or not _fits(
                head, lines, line, tail, surface
            ):
                if lines:
                    pieces.append("\n".join([*head, *lines, *tail]))
                lines, used = [], frame
            lines.append(line)
            used += size
    if lines:
        pieces.append("\n".join([*head, *lines, *tail]))
    return pieces


def _fits(
    head: Sequence[str], lines: Sequence[str], line: str, tail: Sequence[str], surface: Surface
) -> bool:
    raw = sum(len(each) + 1 for each in (*head, *lines, line, *tail))
    if raw * 2 <= surface.limit:
        return True
    return surface.size("\n".join([*head, *lines, line, *tail])) <= surface.limit


def _chopped(line: str, surface: Surface, room: int) -> Iterator[str]:
    while surface.size(line) > room:
        cut = _longest(line, surface, room)
        yield line[:cut]
        line = line[cut:]
    yield line


def _by_words(text: str, surface: Surface, room: int) -> list[str]:
    pieces: list[str] = []
    while surface.size(text) > room:
        most = _longest(text, surface, room)
        cut = _boundary(text, most)
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
        room = surface.limit
    if text.strip():
        pieces.append(text)
    return [piece for piece in pieces if piece.strip()]


def _longest(text: str, surface: Surface, room: int) -> int:
    """Characters of the longest beginning that fits; at least one."""
    low, high = 1, min(len(text), max(room, 1))
    while low < high:
        middle = (low + high + 1) // 2
        if surface.size(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def _boundary(text: str, most: int) -> int:
    """The best place to cut within the first `most` characters: a line, a sentence, a word."""
    for mark in ("\n", ". ", "。", " "):
        at = text.rfind(mark, most // 2, most)
        if at > 0:
            return at + len(mark)
    return most
