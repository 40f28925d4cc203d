"""Workbooks: xlsx, xlsb, xls and ods, sheet by sheet."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import python_calamine as calamine

from core.values.documents import Block, Locator
from ingestion.extract.archive import far_cells, is_sheet
from ingestion.extract.errors import Unreadable
from ingestion.extract.tables import blocks
from ingestion.extract.total import Total

LONG = 80 * 1024**2
"""The most bytes of a sheet's XML that are parsed: about two million cells."""
ROW = b"</row>"


def read(path: Path) -> Iterator[Block | Total]:
    """Yield, for each sheet, its name, its rows as tables, and what its columns hold."""
    shorter = None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            far_cells(archive, LONG)
            shorter = _shortened(archive)
    try:
        with shorter or path.open("rb") as file:
            book = calamine.CalamineWorkbook.from_filelike(file)
            names = book.sheet_names
            yield Total(len(names))
            for name in names:
                rows = book.get_sheet_by_name(name).iter_rows()
                yield Block(name, Locator(sheet=name), "heading", 1)
                yield from blocks(rows, name)
            if shorter is not None:
                yield Block("(Of the longest sheets, only the first rows were read.)")
    except calamine.PasswordError as exc:
        raise Unreadable("encrypted") from exc
    except (calamine.CalamineError, OSError) as exc:
        raise Unreadable("damaged") from exc


def _shortened(archive: zipfile.ZipFile) -> io.BytesIO | None:
    """Return the workbook with its longest sheets cut; None if none is too long to parse in
    memory."""
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
