"""Convert rows to Markdown tables, and describe what a table's columns hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from core.values.documents import Block, Locator
from ingestion.extract.errors import clean

BLOCK = 1_500
"""Characters in a block of rows."""
CELL = 300
COLUMNS = 60
ROWS = 200_000
"""The most rows of a sheet that are read."""


@dataclass(slots=True)
class _Column:
    name: str
    count: int = 0
    numbers: int = 0
    least: float = math.inf
    most: float = -math.inf
    dates: int = 0
    first: str = "9999"
    last: str = ""
    values: set[str] = field(default_factory=set)

    def see(self, value: object) -> None:
        text = shown(value)
        if not text:
            return
        self.count += 1
        number, day = _number(value, text), _day(value, text)
        if number is not None:
            self.numbers += 1
            self.least, self.most = min(self.least, number), max(self.most, number)
        elif day:
            self.dates += 1
            self.first, self.last = min(self.first, day), max(self.last, day)
        elif len(self.values) <= 12:
            self.values.add(text[:40])

    @property
    def told(self) -> str:
        if self.count and self.numbers == self.count:
            return f"{self.name}: numbers from {self.least:g} to {self.most:g}"
        if self.count and self.dates == self.count:
            return f"{self.name}: dates from {self.first} to {self.last}"
        if 0 < len(self.values) <= 12 and self.count > len(self.values):
            return f"{self.name}: one of {', '.join(sorted(self.values))}"
        return self.name


def blocks(rows: Iterable[Sequence[object]], sheet: str = "") -> Iterator[Block]:
    """Yield a table's rows in blocks, each with the header, then what the columns hold.

    The first non-empty row is taken as the header, and rows are counted from 1 with it.
    """
    head: list[str] = []
    columns: list[_Column] = []
    begun: list[str] = []
    first = last = size = count = 0
    for number, row in enumerate(rows, 1):
        cells = [shown(each) for each in row[:COLUMNS]]
        if not any(cells):
            continue
        if not head:
            head = [each or f"column {n}" for n, each in enumerate(cells, 1)]
            columns = [_Column(each) for each in head]
            continue
        count += 1
        if count > ROWS:
            note = f"(Rows after {last} were not read.)"
            yield Block(note, Locator("rows", number, number, sheet=sheet))
            break
        for column, value in zip(columns, row, strict=False):
            column.see(value)
        line = _line(cells)
        if begun and size + len(line) > BLOCK:
            yield _block(head, begun, Locator("rows", first, last, sheet=sheet))
            begun, size = [], 0
        first = first if begun else number
        last = number
        begun.append(line)
        size += len(line)
    if begun:
        yield _block(head, begun, Locator("rows", first, last, sheet=sheet))
    if head:
        told = "; ".join(each.told for each in columns)
        title = f"Table {sheet}".strip()
        yield Block(
            f"{title}: {count} rows, {len(head)} columns. Columns: {told}.",
            Locator("rows", 1, max(last, 1), sheet=sheet),
        )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a small table whole, with its first row as the header."""
    if not rows:
        return ""
    lines = [_line([shown(each) for each in row]) for row in rows]
    return "\n".join((lines[0], _rule(len(rows[0])), *lines[1:]))


def shown(value: object) -> str:
    """Return a cell as text on one line."""
    match value:
        case None | "":
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime() if value.hour == value.minute == value.second == 0:
            return f"{value:%Y-%m-%d}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return " ".join(clean(str(value)).split()).replace("|", "¦")[:CELL]


def _block(head: Sequence[str], lines: Sequence[str], where: Locator) -> Block:
    return Block("\n".join((_line(head), _rule(len(head)), *lines)), where, "table")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return f"|{'---|' * columns}"


def _number(value: object, text: str) -> float | None:
    if isinstance(value, bool | date):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _day(value: object, text: str) -> str:
    if isinstance(value, date):
        return value.isoformat()[:10]
    try:
        return date.fromisoformat(text[:10].replace("/", "-").replace(".", "-")).isoformat()
    except ValueError:
        return ""
