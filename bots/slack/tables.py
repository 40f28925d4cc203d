"""Tables for a place that has none: aligned monospace, or one record a row where that is too wide.

The head and the first row decide how a table looks, so that it looks the same while it grows, and
never takes less room with a row more. Cells that are wider than their column are wrapped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

WIDEST = 72
"""Columns of monospace that a laptop's window shows."""
NARROWEST = 8
"""A column that would have to be narrower than this makes records of the rows."""
DEEPEST = 4
"""Lines of a first row's cell; one that needs more makes records."""
BETWEEN, CROSS = " │ ", "─┼─"
SPACE = "\u200b"


@dataclass(frozen=True, slots=True)
class Cell:
    """`plain` as characters, `rendered` as mrkdwn."""

    plain: str
    rendered: str


EMPTY = Cell("", "")


def table(rows: Sequence[Sequence[Cell]]) -> str:
    """The mrkdwn of a table; its first row is its head."""
    if not rows or not rows[0]:
        return ""
    caps = _caps(rows[:2])
    return _aligned(rows, caps) if caps else _records(rows)


def width(text: str) -> int:
    """Columns in monospace: wide East Asian characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _caps(sample: Sequence[Sequence[Cell]]) -> list[int]:
    """The widest that each column may get; empty when the table had better be records."""
    wanted = [max(width(cell.plain) for cell in column) for column in zip(*sample, strict=True)]
    free = WIDEST - len(BETWEEN) * (len(wanted) - 1)
    if free < NARROWEST * len(wanted):
        return []
    caps = [0] * len(wanted)
    for left, column in zip(
        range(len(wanted), 0, -1), sorted(range(len(wanted)), key=wanted.__getitem__), strict=True
    ):
        # narrow columns first: what they leave is for the wide ones; all may grow a little
        caps[column] = max(NARROWEST, min(wanted[column] * 3 // 2 + 4, free // left))
        free -= caps[column]
    deepest = max(-(-want // cap) for want, cap in zip(wanted, caps, strict=True))
    return caps if deepest <= DEEPEST else []


def _aligned(rows: Sequence[Sequence[Cell]], caps: Sequence[int]) -> str:
    wrapped = [
        [list(_wrapped(cell.plain, cap)) for cell, cap in zip(row, caps, strict=True)]
        for row in rows
    ]
    widths = [
        max((width(line) for row in wrapped for line in row[column]), default=0)
        for column in range(len(caps))
    ]
    lines = [line for row in wrapped for line in _lines(row, widths)]
    lines.insert(len(list(_lines(wrapped[0], widths))), CROSS.join("─" * w for w in widths))
    body = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "```\n" + body.replace("```", f"``{SPACE}`") + "\n```"


def _lines(row: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for cells in zip_longest(*row, fillvalue=""):
        padded = (cell + " " * (w - width(cell)) for cell, w in zip(cells, widths, strict=True))
        yield BETWEEN.join(padded).rstrip()


def _wrapped(text: str, cap: int) -> Iterator[str]:
    """Lines of at most `cap` columns, cut at spaces where there are any."""
    text = text.replace("\n", " ")
    while width(text) > cap:
        most = used = 0
        for char in text:
            used += width(char)
            if used > cap:
                break
            most += 1
        most = max(most, 1)
        space = text.rfind(" ", most // 2, most + 1)
        cut = space if space > 0 else most
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    yield text


def _records(rows: Sequence[Sequence[Cell]]) -> str:
    head, *body = rows
    records = []
    for row in body or [[EMPTY] * len(head)]:
        title = row[0].plain or head[0].plain
        pairs = [
            f"    {name.rendered}: {cell.rendered}"
            for name, cell in zip(head[1:], row[1:], strict=True)
            if cell.plain
        ]
        first = row[0].rendered or head[0].rendered
        lead = first if set("*`<") & set(first) else f"*{first}*" if title else "•"
        records.append("\n".join([f"• {lead}", *pairs]))
    return "\n".join(records)
