"""Workbooks: xlsx, xlsb, xls and ods, sheet by sheet."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import python_calamine as calamine

from core.values.documents import Block, Locator
from ingestion.extract.archive import far_cells, is_sheet
from ingestion.extract.errors import Unreadable, clean
from ingestion.extract.number_format import formatted
from ingestion.extract.opc import Package
from ingestion.extract.tables import Row, blocks
from ingestion.extract.total import Total
from ingestion.extract.xlsx_looks import Looks, Sheet, Workbook

LONG = 80 * 1024**2
"""Bytes of a sheet's XML that are parsed: some two million cells."""
ROW = b"</row>"
TABLE = "sheet"
MERGED = 200
"""Columns of a merged cell beyond which it is decoration."""


def read(path: Path) -> Iterator[Block | Total]:
    """For each visible sheet its name, its rows in tables, and what its columns hold.

    Hidden sheets, rows and columns are left out, and a line says so.
    """
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                yield from _sheets(calamine.CalamineWorkbook.from_filelike(file), None)
            return
        with zipfile.ZipFile(path) as archive:
            far_cells(archive, LONG)
            shorter = _shortened(archive)
            looks = Workbook(Package(path, "xl/workbook.xml"))
            with shorter or path.open("rb") as file:
                yield from _sheets(calamine.CalamineWorkbook.from_filelike(file), looks)
            if shorter is not None:
                yield Block("(Of the longest sheets, only the first rows were read.)")
    except calamine.PasswordError as exc:
        raise Unreadable("encrypted") from exc
    except (calamine.CalamineError, OSError) as exc:
        raise Unreadable("damaged") from exc


def _sheets(book: calamine.CalamineWorkbook, looks: Workbook | None) -> Iterator[Block | Total]:
    names: dict[str, list[str]] = {}
    for each in book.sheets_metadata:
        names.setdefault(_kind(each), []).append(each.name)
    visible = names.pop(TABLE, [])
    yield Total(len(visible))
    for name in visible:
        yield Block(name, Locator(sheet=name), "heading", 1)
        left_out = _LeftOut()
        rows = _shown(book.get_sheet_by_name(name), looks.sheet(name) if looks else None, left_out)
        yield from blocks(rows, name)
        if note := left_out.note:
            yield Block(note, Locator(sheet=name))
    for kind, others in names.items():
        listed = ", ".join(f"“{clean(each)}”" for each in others)
        yield Block(f"(Not read: {_count(len(others), kind)} {listed}.)")


def _kind(sheet: calamine.SheetMetadata) -> str:
    """What a sheet is, in words; `TABLE` for one that is read."""
    if sheet.visible is not calamine.SheetVisibleEnum.Visible:
        return "hidden sheet"
    match sheet.typ:
        case calamine.SheetTypeEnum.WorkSheet:
            return TABLE
        case calamine.SheetTypeEnum.ChartSheet:
            return "chart sheet"
        case _:
            return "macro or dialogue sheet"


@dataclass(slots=True)
class _LeftOut:
    rows: int = 0
    columns: int = 0

    @property
    def note(self) -> str:
        """What of a sheet was left out, as a line of its text; empty if nothing was."""
        counts = ((self.rows, "hidden row"), (self.columns, "hidden column"))
        parts = [_count(number, name) for number, name in counts if number]
        return f"(Not read: {' and '.join(parts)}.)" if parts else ""


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _shown(sheet: calamine.CalamineSheet, looks: Sheet | None, left_out: _LeftOut) -> Iterator[Row]:
    """A sheet's rows as a reader sees them, from its first row on; None for a hidden one."""
    merged = _Merged(sheet.merged_cell_ranges or ())
    hidden = looks.hidden if looks else frozenset()
    width = sheet.end[1] + 1 if sheet.end else 0
    left_out.columns = sum(each < width for each in hidden)
    told = looks.rows if looks else iter(())
    look = next(told, None)
    first = sheet.start[1] if sheet.start else 0
    columns = [each for each in range(first, width) if each not in hidden]
    for number, values in enumerate(sheet.iter_rows(), 1):
        row: list[object] = [
            *[""] * (width - len(values)),
            *values,
        ]  # columns before it are left out
        while look is not None and look.number < number:
            look = next(told, None)
        shows = look if look is not None and look.number == number else None
        if shows is not None:
            _as_shown(row, shows)
        merged.fill(number - 1, row)
        if shows is not None and shows.hidden:
            left_out.rows += 1
            yield None
        else:
            yield [row[each] for each in columns] if len(columns) < len(row) else row


def _as_shown(row: list[object], look: Looks) -> None:
    for column, formula in look.formulas.items():
        if column < len(row) and row[column] == "":
            row[column] = formula
    for column, code in look.formats.items():
        value = row[column] if column < len(row) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            row[column] = formatted(float(value), code) or value


class _Merged:
    """Merged cells: each of their rows and columns has their value."""

    def __init__(self, ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> None:
        self._ranges = sorted(ranges)[::-1]
        self._open: list[tuple[int, int, int, object]] = []

    def fill(self, row: int, cells: list[object]) -> None:
        self._open = [each for each in self._open if each[0] >= row]
        while self._ranges and self._ranges[-1][0][0] <= row:
            (_, left), (bottom, right) = self._ranges.pop()
            if left < len(cells) and right - left < MERGED:
                self._open.append((bottom, left, right, cells[left]))
        for _, left, right, value in self._open:
            cells[left : right + 1] = [value] * (min(right, len(cells) - 1) - left + 1)


def _shortened(archive: zipfile.ZipFile) -> io.BytesIO | None:
    """The workbook with its longest sheets cut, None if none is long: all is parsed in memory."""
    if not any(is_sheet(each.filename) and each.file_size > LONG for each in archive.infolist()):
        return None
    shorter = io.BytesIO()
    with zipfile.ZipFile(shorter, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for each in archive.infolist():
            with archive.open(each) as part:
                data = part.read(LONG if is_sheet(each.filename) else -1)
            if len(data) == LONG and each.file_size > LONG:
                end = data.rfind(ROW) + len(ROW)
                if end < len(ROW):
                    raise Unreadable("too_large")
                data = data[:end] + b"</sheetData></worksheet>"
            copy.writestr(each.filename, data)
    shorter.seek(0)
    return shorter
