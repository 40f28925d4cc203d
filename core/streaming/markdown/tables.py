"""Renders tables in monospace, for surfaces without tables.

The header and the first row determine the layout, so that it stays the same while the table grows,
and another row never makes it shorter. Cells wider than their column are wrapped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

WIDEST = 72
"""The width in monospace characters that fits in the window of a laptop."""
NARROWEST = 8
"""If a column would have to be narrower, the rows are shown as records."""
DEEPEST = 4
"""If a cell of the first row needs more lines, the rows are shown as records."""
BETWEEN, CROSS = " │ ", "─┼─"


def width(text: str) -> int:
    """The width of a text in monospace characters; wide East Asian characters count as two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def columns(sample: Sequence[Sequence[str]]) -> list[int]:
    """The greatest width of each column, by the header and the first row.

    Empty if the rows are better shown as records.
    """
    wanted = [max(width(cell) for cell in column) for column in zip(*sample, strict=True)]
    free = WIDEST - len(BETWEEN) * (len(wanted) - 1)
    if free < NARROWEST * len(wanted):
        return []
    caps = [0] * len(wanted)
    for left, column in zip(
        range(len(wanted), 0, -1), sorted(range(len(wanted)), key=wanted.__getitem__), strict=True
    ):
        # narrow columns first, leaving the rest for the wide ones; all may grow a little
        caps[column] = max(NARROWEST, min(wanted[column] * 3 // 2 + 4, free // left))
        free -= caps[column]
    deepest = max(-(-want // cap) for want, cap in zip(wanted, caps, strict=True))
    return caps if deepest <= DEEPEST else []


def aligned(rows: Sequence[Sequence[str]], caps: Sequence[int], *, steady: bool = False) -> str:
    """The rows as lines of text, with a rule below the first, and no column wider than its cap.

    `steady`: columns have their greatest width, so that another row changes no existing line.
    """
    wrapped = [
        [list(_wrapped(cell, cap)) for cell, cap in zip(row, caps, strict=True)] for row in rows
    ]
    widths = [
        cap if steady else max((width(line) for row in wrapped for line in row[column]), default=0)
        for column, cap in enumerate(caps)
    ]
    lines = [line for row in wrapped for line in _lines(row, widths)]
    lines.insert(len(list(_lines(wrapped[0], widths))), CROSS.join("─" * w for w in widths))
    return "\n".join(lines)


def _lines(row: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for cells in zip_longest(*row, fillvalue=""):
        padded = (cell + " " * (w - width(cell)) for cell, w in zip(cells, widths, strict=True))
        yield BETWEEN.join(padded).rstrip()


def _wrapped(text: str, cap: int) -> Iterator[str]:
    """A text in lines of at most `cap` characters, broken at spaces if possible."""
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
