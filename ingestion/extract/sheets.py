"""Workbooks: xlsx, xlsb, xls and ods, sheet by sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import python_calamine as calamine

from core.documents import Block, Locator
from ingestion.extract.archive import far_cells
from ingestion.extract.errors import Unreadable
from ingestion.extract.sandbox import Total
from ingestion.extract.tables import blocks


def read(path: Path) -> Iterator[Block | Total]:
    """For each sheet its name, its rows in tables, and what its columns hold."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            far_cells(archive)
    try:
        with path.open("rb") as file:
            book = calamine.CalamineWorkbook.from_filelike(file)
            names = book.sheet_names
            yield Total(len(names))
            for name in names:
                rows = book.get_sheet_by_name(name).iter_rows()
                yield Block(name, Locator(sheet=name), "heading", 1)
                yield from blocks(rows, name)
    except calamine.PasswordError as exc:
        raise Unreadable("encrypted") from exc
    except (calamine.CalamineError, OSError) as exc:
        raise Unreadable("damaged") from exc
