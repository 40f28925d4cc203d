"""Lists as their writer meant them: what is below an item is indented to the item's text.

CommonMark wants three columns below `1. ` and four below `10. `; models write two, three or four
as it comes. Each line depends on those before it only.
https://spec.commonmark.org/0.31.2/#list-items
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ITEM = re.compile(r"([-*+]|\d{1,9}[.)])([ \t]{1,4})(?=\S)")


@dataclass(frozen=True, slots=True)
class _Item:
    written: int
    """The column its marker was written in."""
    text: int
    """The column its text was written in."""
    column: int
    """The column its text is in now."""


class Lists:
    """Takes the lines of a text one by one, those in fences excepted."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._blank = False

    @property
    def column(self) -> int:
        """Where the text of the current item stands; 0 outside lists."""
        return self._items[-1].column if self._items else 0

    def aligned(self, line: str) -> str:
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
