"""Rows to Markdown tables, and what a table's columns hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from core.values.documents import Block, Locator
from ingestion.extract.errors import clean

BLOCK = 1_500
"""Characters of a block of rows."""
WIDE = 1_000
"""Characters of a header above which each row repeats its columns' names instead."""
ROWS = 200_000
"""Rows of a sheet that are read."""
NUMBER = re.compile(r"(?:[$€£¥₩] ?)?(-?\d[\d,]*(?:\.\d*)?(?:[eE][+-]?\d{1,3})?) ?(?:%|[$€£¥₩])?")
VALUES = 12
"""Different values of a column that are listed."""

Row = Sequence[object] | None
"""A row's cells; None for a row that is left out, such as a hidden one."""


@dataclass(slots=True)
class _Column:
    name: str
    count: int = 0
    numbers: int = 0
    least: tuple[float, str] = (math.inf, "")
    most: tuple[float, str] = (-math.inf, "")
    dates: int = 0
    first: str = "9999"
    last: str = ""
    values: set[str] = field(default_factory=set)

    def add(self, value: object, text: str) -> None:
        if not text:
            return
        self.count += 1
        number, day = _number(value, text), _day(value, text)
        if number is not None:
            self.numbers += 1
            self.least = min(self.least, (number, text))
            self.most = max(self.most, (number, text))
        elif day:
            self.dates += 1
            self.first, self.last = min(self.first, day), max(self.last, day)
        elif len(self.values) <= VALUES:
            self.values.add(text[:40])

    @property
    def summary(self) -> str:
        if self.count and self.numbers == self.count:
            return f"{self.name}: numbers from {self.least[1]} to {self.most[1]}"
        if self.count and self.dates == self.count:
            return f"{self.name}: dates from {self.first} to {self.last}"
        if 0 < len(self.values) <= VALUES and self.count > len(self.values):
            return f"{self.name}: one of {', '.join(sorted(self.values))}"
        return self.name


@dataclass(frozen=True, slots=True)
class _Line:
    """A row with something in it. `gap`: an empty row is right above it."""

    number: int
    values: Sequence[object]
    cells: list[str]
    gap: bool

    @property
    def filled(self) -> int:
        return sum(map(bool, self.cells))


class _Table:
    """A header and the rows below it, in blocks of about `BLOCK` characters."""

    def __init__(self, header: _Line, sheet: str) -> None:
        self._sheet = sheet
        self._names = [each or f"column {n}" for n, each in enumerate(header.cells, 1)]
        self._columns = [_Column(each) for each in self._names]
        self._wide = sum(map(len, self._names)) > WIDE
        self._begun: list[str] = []
        self._size = self._count = 0
        self._top = self._first = self._last = header.number

    def add(self, row: _Line) -> Iterator[Block]:
        self._count += 1
        self._widen(len(row.cells))
        for column, value, text in zip(self._columns, row.values, row.cells, strict=False):
            column.add(value, text)
        line = self._record(row) if self._wide else _line(row.cells)
        if self._begun and self._size + len(line) > BLOCK:
            yield self._block()
        self._first = self._first if self._begun else row.number
        self._last = row.number
        self._begun.append(line)
        self._size += len(line)

    def end(self) -> Iterator[Block]:
        if self._begun:
            yield self._block()
        title = f"Table {self._sheet}".strip()
        held = "; ".join(each.summary for each in self._columns)
        yield Block(
            f"{title}: {self._count} rows, {len(self._columns)} columns. Columns: {held}.",
            Locator("rows", self._top, max(self._last, self._top), sheet=self._sheet),
        )

    def ends_before(self, row: _Line, after: _Line | None) -> bool:
        """Whether a row below an empty one begins another table: a title, or a header."""
        if row.filled == 1:
            return after is not None and after.filled > 1 and len(self._columns) > 1
        texts = [text for value, text in zip(row.values, row.cells, strict=False) if text]
        if any(_number(None, text) is not None or _day(None, text) for text in texts):
            return False
        return any(
            column.numbers and text for column, text in zip(self._columns, row.cells, strict=False)
        ) and bool(after and not after.gap)

    def _widen(self, width: int) -> None:
        while len(self._columns) < width:
            name = f"column {len(self._columns) + 1}"
            self._names.append(name)
            self._columns.append(_Column(name))

    def _record(self, row: _Line) -> str:
        pairs = zip(self._names, row.cells, strict=False)
        return "; ".join(f"{name}: {text}" for name, text in pairs if text)

    def _block(self) -> Block:
        where = Locator("rows", self._first, self._last, sheet=self._sheet)
        lines, self._begun, self._size = self._begun, [], 0
        if self._wide:
            return Block("\n".join(lines), where)
        header = (_line(self._names), _rule(len(self._names)))
        return Block("\n".join((*header, *lines)), where, "table")


def blocks(rows: Iterable[Row], sheet: str = "") -> Iterator[Block]:
    """A sheet's tables in blocks, each with its header, and then what its columns hold.

    A row with a single cell above wider ones is a title. The first row that is as wide as those
    below it is the header; below an empty row another table may begin. Rows count from 1.
    """
    table: _Table | None = None
    count = 0
    for row, after in _with_next(_lines(rows)):
        if count >= ROWS:
            where = Locator("rows", row.number, row.number, sheet=sheet)
            yield Block(f"(Rows from {row.number} on were not read.)", where)
            break
        if table is not None and not (row.gap and table.ends_before(row, after)):
            count += 1
            yield from table.add(row)
            continue
        if table is not None:
            yield from table.end()
            table = None
        if row.filled == 1 and after is not None and after.filled > 1:
            where = Locator("rows", row.number, row.number, sheet=sheet)
            yield Block(next(filter(None, row.cells)), where)
        else:
            table = _Table(row, sheet)
    if table is not None:
        yield from table.end()


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A small table whole, its first row the header."""
    if not rows:
        return ""
    width = max(map(len, rows))
    lines = [_line([*map(shown, row), *[""] * (width - len(row))]) for row in rows]
    return "\n".join((lines[0], _rule(width), *lines[1:]))


def shown(value: object) -> str:
    """A cell as text in one line."""
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
        case time() if value.second == 0:
            return f"{value:%H:%M}"
        case timedelta():
            return _duration(value)
        case _:
            return " ".join(clean(str(value)).split()).replace("|", "¦")


def _duration(value: timedelta) -> str:
    """Hours, minutes and seconds as a spreadsheet shows them: 30:05, -1:30, 0:00:07."""
    seconds = round(abs(value.total_seconds()))
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    sign = "-" if value < timedelta() and seconds else ""
    return f"{sign}{hours}:{minutes:02}" + (f":{rest:02}" if rest else "")


def _lines(rows: Iterable[Row]) -> Iterator[_Line]:
    gap = False
    for number, row in enumerate(rows, 1):
        if row is None:
            continue
        cells = [shown(each) for each in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            gap = True
            continue
        yield _Line(number, row, cells, gap)
        gap = False


def _with_next(lines: Iterable[_Line]) -> Iterator[tuple[_Line, _Line | None]]:
    before: _Line | None = None
    for each in lines:
        if before is not None:
            yield before, each
        before = each
    if before is not None:
        yield before, None


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return f"|{'---|' * columns}"


def _number(value: object, text: str) -> float | None:
    if isinstance(value, bool | date):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    found = NUMBER.fullmatch(text)
    return float(found[1].replace(",", "")) if found else None


def _day(value: object, text: str) -> str:
    if isinstance(value, date):
        return value.isoformat()[:10]
    try:
        return date.fromisoformat(text[:10].replace("/", "-").replace(".", "-")).isoformat()
    except ValueError:
        return ""
