"""Corrects the indentation of lists: lines below an item are aligned with the item's text.

CommonMark requires three columns below `1. ` and four below `10. `; models write two, three or
four at random. Each line depends only on the lines before it.
https://spec.commonmark.org/0.31.2/#list-items
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ITEM = re.compile(r"([-*+]|\d{1,9}[.)])([ \t]{1,4})(?=\S)")


@dataclass(frozen=True, slots=True)
class _Item:
    written: int
    """The original column of its marker."""
    text: int
    """The original column of its text."""
    column: int
    """The corrected column of its text."""


class Lists:
    """Aligns the lines of a text one by one; lines within fences must be left out."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._blank = False

    @property
    def column(self) -> int:
        """The column of the current item's text, 0 outside lists."""
        return self._items[-1].column if self._items else 0

    def aligned(self, line: str) -> str:
        """The line with its indentation corrected."""
        body = line.lstrip(" \t")
        if not body:
            self._blank = True
            return line
        blank, self._blank = self._blank, False
        indent = len(line[: len(line) - len(body)].expandtabs(4))
        item = ITEM.match(body)
        if not item and (not self._items or indent == 0):
            if blank or body.startswith(("#", "```", "~~~")):
                self._items.clear()
            return line
        while self._items and indent < self._items[-1].written + (2 if item else 1):
            self._items.pop()
        above = self._items[-1] if self._items else None
        if above is None and (not item or indent > 3):
            return line
        column = indent if above is None else above.column
        if item:
            self._items.append(_Item(indent, indent + len(item[0]), column + len(item[0])))
        elif above:
            column += max(0, indent - above.text)
        return " " * column + body
