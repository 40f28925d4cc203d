"""Splits an answer into messages, and plans the calls that show them.

Invariants, for any text and any longer text that begins with it:

1. Every part fits: `surface.size(part) <= surface.limit`.
2. All parts except the last are the same for both, provided that text renders no shorter as it
   grows.
3. Nothing is lost: the parts contain all lines of the text, and no part is blank.

So the split is greedy: a boundary depends only on the text before it, and on the next block not
fitting any more. Fences and tables stay whole if they fit in a message (so a growing one may move
to the next message). Otherwise a fence is closed and reopened, and a table's header is repeated.
The surface caches the sizes of finished blocks; here they are added up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.ports.chat import Surface
from core.streaming.markdown.blocks import FENCE, ITEM, JOIN, Block, blocks

T = TypeVar("T")

ANY_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})")
GLUE = "\u200d\ufe0f"
"""The characters that join others into one emoji."""


@dataclass(frozen=True, slots=True)
class Post:
    """Post message number `index`, which does not exist yet."""

    index: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Edit message number `index`, which shows something else."""

    index: int


def plan(shown: Sequence[T], wanted: Sequence[T]) -> list[Post | Edit]:
    """The calls, in order, that turn the messages `shown` into those `wanted`."""
    return [
        Edit(index) if index < len(shown) else Post(index)
        for index, message in enumerate(wanted)
        if index >= len(shown) or shown[index] != message
    ]


def parts(markdown: str, surface: Surface) -> tuple[str, ...]:
    """An answer split into messages, each within the surface's limit."""
    limit = surface.limit
    done: list[str] = []
    part: list[str] = []
    used = 0
    heading = False
    for block in blocks(markdown):
        text = block.text
        huge = len(text) > 4 * limit  # nothing renders that much shorter
        size = (limit if huge else surface.size(text)) + len(JOIN)
        if size == len(JOIN):
            continue
        if used >= limit * 7 // 8 and not heading:
            done.append(JOIN.join(part))
            part, used = [], 0
        if huge or used + size - len(JOIN) * (not part) > limit:
            room = limit - used - len(JOIN) * bool(part)
            if part and (block.kind in ("table", "fence", "heading") or room < limit // 8):
                kept = part[-1:] if heading and len(part) > 1 else []
                if done_now := part[: len(part) - len(kept)]:
                    done.append(JOIN.join(done_now))
                part, used = kept, sum(surface.size(each) + len(JOIN) for each in kept)
                room = limit - used
            whole = not huge and size - len(JOIN) <= room
            pieces = [text] if whole else _split(block, surface, room)
            for piece in pieces[:-1]:
                done.append(JOIN.join([*part, piece]))
                part, used = [], 0
            text = pieces[-1]
            size = surface.size(text) + len(JOIN)
        part.append(text)
        used += size
        heading = block.kind == "heading"
    if part:
        done.append(JOIN.join(part))
    return tuple(_sound(done, surface))


def _sound(split: Sequence[str], surface: Surface) -> Iterator[str]:
    """The parts, split further where one renders longer on its own than it did in the sum."""
    for part in split:
        size = surface.size(part)
        if size > surface.limit:
            words = _by_words(part, lambda text, **_: surface.size(text) <= surface.limit)
            yield from (piece for piece in words if surface.size(piece))
        elif size:
            yield part


def _split(block: Block, surface: Surface, room: int) -> list[str]:
    """The pieces of a block that does not fit: the first of at most `room`, others of the limit."""

    def fits(text: str, *, first: bool) -> bool:
        return surface.size(text) <= (room if first else surface.limit)

    frame = sum(len(line) for line in block.lines[: 2 if block.kind == "table" else 1])
    match block.kind if frame < surface.limit // 4 else "text":
        case "fence":
            opened = FENCE.match(block.lines[0])
            closer = opened[2] if opened else "```"
            body = block.lines[1:]
            if body and not body[-1].strip().strip(closer[0]) and body[-1].strip() >= closer:
                body.pop()
            return list(_by_lines([block.lines[0]], body, [closer], fits))
        case "table" if len(block.lines) > 2:
            return list(_by_lines(block.lines[:2], block.lines[2:], [], fits))
        case "list":
            return list(_by_items(block.lines, fits))
        case _:
            return list(_by_words(block.text, fits))


Fits = Callable[..., bool]


def _by_lines(
    head: Sequence[str], body: Sequence[str], tail: Sequence[str], fits: Fits
) -> Iterator[str]:
    """Pieces with as many lines as fit between `head` and `tail`."""

    def framed(lines: Sequence[str]) -> str:
        return "\n".join([*head, *lines, *tail])

    rest = list(body)
    first = True
    while rest:
        count = _most(len(rest), lambda n: fits(framed(rest[:n]), first=first), 8)  # noqa: B023
        if count:
            yield framed(rest[:count])
            del rest[:count]
        else:
            line = rest[0]
            cut = _most(len(line), lambda n: fits(framed([line[:n]]), first=first), 64)  # noqa: B023
            cut = _between_characters(line, max(cut, 1))
            yield framed([line[:cut]])
            rest[0] = line[cut:]
        first = False


def _by_items(lines: Sequence[str], fits: Fits) -> Iterator[str]:
    """The pieces of a list, split before an item if possible; the rest is moved to the margin.

    A fence that is split is closed and reopened.
    """
    rest = list(lines)
    opener = ""
    first = True

    def framed(body: Sequence[str]) -> str:
        whole = [opener, *body] if opener else body
        opened = _open_fence(whole)
        return "\n".join([*whole, _closing(opened)] if opened else whole).rstrip()

    while rest:
        count = _most(len(rest), lambda n: fits(framed(rest[:n]), first=first), 8)  # noqa: B023
        if count == len(rest):
            yield framed(rest)
            return
        if count == 0:
            line = rest[0]
            most = _most(len(line), lambda n: fits(framed([line[:n]]), first=first), 64)  # noqa: B023
            cut = _boundary(line, max(most, 1))
            yield framed([line[:cut]])
            rest[0] = line[cut:] if opener else line[cut:].lstrip()
            rest = rest if rest[0] else rest[1:]
        else:
            items = (n for n in range(count, count // 2, -1) if ITEM.match(rest[n]))
            cut = next((n for n in items if not _open_fence([opener, *rest[:n]])), count)
            opened = _open_fence([opener, *rest[:cut]])
            yield framed(rest[:cut])
            rest = _at_margin([_opening(opened), *rest[cut:]] if opened else rest[cut:])
            opener = rest.pop(0) if opened else ""
        first = False


def _open_fence(lines: Sequence[str]) -> str:
    """The opening line of the fence that is still open after these lines, empty if none is."""
    opened = mark = ""
    for line in lines:
        found = ANY_FENCE.match(line)
        if found and not mark:
            opened, mark = line, found[1]
        elif found and found[1].startswith(mark) and not line[found.end() :].strip():
            opened = mark = ""
    return opened


def _opening(line: str) -> str:
    """A fence's opening line without the list item that it began."""
    found = ANY_FENCE.match(line)
    return " " * found.start(1) + line[found.start(1) :] if found else line


def _closing(line: str) -> str:
    found = ANY_FENCE.match(line)
    return " " * found.start(1) + found[1] if found else ""


def _at_margin(lines: Sequence[str]) -> list[str]:
    while lines and not lines[0].strip():
        lines = lines[1:]
    if not lines:
        return []
    indent = len(lines[0]) - len(lines[0].lstrip())
    return [line[min(indent, len(line) - len(line.lstrip())) :] for line in lines]


def _by_words(text: str, fits: Fits) -> Iterator[str]:
    first = True
    while text.strip():
        most = _most(len(text), lambda n: fits(text[:n], first=first), 64)  # noqa: B023
        cut = len(text) if most == len(text) else _boundary(text, max(most, 1))
        while cut > 1 and not fits(text[:cut].rstrip(), first=first):
            cut = _between_characters(text, cut // 2)
        if piece := text[:cut].rstrip():
            yield piece
        text = text[cut:].lstrip()
        first = False


def _most(top: int, fits: Callable[[int], bool], high: int) -> int:
    """The largest n up to `top` that fits, 0 if none.

    It is found by doubling from `high`, so that the cost depends on n, not on `top`.
    """
    low = 0
    while high <= top and fits(high):
        low, high = high, high * 2
    high = min(high, top + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def _boundary(text: str, most: int) -> int:
    """The best place to cut within the first `most` characters: after a line, sentence or word.

    It is outside code, bold text and links if there is such a place.
    """
    fallback = 0
    for mark in ("\n", ". ", "。", " "):
        at = text.rfind(mark, most // 2, most)
        for _ in range(20):
            if at <= 0:
                break
            fallback = fallback or at + len(mark)
            if _balanced(text[:at]):
                return at + len(mark)
            at = text.rfind(mark, most // 2, at)
    return fallback or _between_characters(text, most)


def _balanced(text: str) -> bool:
    bracket = text.rfind("[")
    return (
        text.count("`") % 2 == 0
        and text.count("**") % 2 == 0
        and (bracket < 0 or ("]" in text[bracket:] and ")" in text[bracket:] + ")"))
    )


def _between_characters(text: str, cut: int) -> int:
    """The last position at or before `cut` that does not split a visible character."""
    for at in range(min(cut, len(text)), max(cut - 16, 0), -1):
        joined = at < len(text) and (unicodedata.combining(text[at]) or text[at] in GLUE)
        if not joined and text[at - 1] not in "\u200d\\":
            return at
    return cut
