"""Checks of zip containers before a parser sees them: sizes, ratios, entities."""

from __future__ import annotations

import re
import zipfile

from ingestion.extract.errors import Unreadable

MOST = 10_000
WHOLE = 500 * 1024**2
PART = 150 * 1024**2
RATIO = 200
LARGE = 1024**2
"""Bytes from which the ratio counts: small parts of zeros are harmless."""
DECLARES = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.I)
CELL = re.compile(rb'<c [^>]*?r="([A-Z]{1,3})(\d{1,7})"')
CELLS = 60_000_000
"""Rows times columns of a sheet: calamine allocates as much as its farthest cell says."""
PIECE = 1024**2


def members(archive: zipfile.ZipFile) -> frozenset[str]:
    """The names in it. Raises Unreadable for what looks like a bomb."""
    infos = archive.infolist()
    if len(infos) > MOST or sum(each.file_size for each in infos) > WHOLE:
        raise Unreadable("too_large")
    for each in infos:
        if each.flag_bits & 1:
            raise Unreadable("encrypted")
        packed = max(each.compress_size, 1)
        if each.file_size > PART or (each.file_size > LARGE and each.file_size / packed > RATIO):
            raise Unreadable("too_large")
        if each.filename.endswith((".xml", ".rels")):
            with archive.open(each) as part:
                if DECLARES.search(part.read(4096)):
                    raise Unreadable("damaged")  # Office writes none, and parsers follow them
    return frozenset(each.filename for each in infos)


def far_cells(archive: zipfile.ZipFile) -> None:
    """Refuses a workbook whose farthest cell makes a parser allocate everything up to it."""
    for each in archive.infolist():
        if not (each.filename.startswith("xl/worksheets/") and each.filename.endswith(".xml")):
            continue
        row = column = 0
        tail = b""
        with archive.open(each) as part:
            while data := part.read(PIECE):
                for letters, digits in CELL.findall(tail + data):
                    row = max(row, int(digits))
                    column = max(column, _column(letters))
                tail = data[-200:]
        if row * column > CELLS:
            raise Unreadable("too_large")


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
