"""Check zip containers before a parser sees them: sizes, compression ratios, entities."""

from __future__ import annotations

import re
import zipfile
from typing import IO

from ingestion.extract.errors import Unreadable

MOST = 10_000
WHOLE = 500 * 1024**2
PART = 100 * 1024**2
"""The most bytes of a part that is parsed as a whole, which takes many times as much memory."""
RATIO = 200
LARGE = 1024**2
"""The size in bytes from which the compression ratio counts; small parts of zeros are harmless."""
PROLOG = 64 * 1024
"""The bytes within which an XML part's first element must begin."""
DECLARES = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.I)
ELEMENT = re.compile(rb"<[A-Za-z_\x80-\xff]")
CELL = re.compile(rb'<[a-z:]*c(?:\s[^<>]*?)?\sr\s*=\s*["\']([A-Z]{1,3})(\d{1,7})')
CELLS = 60_000_000
"""The most rows times columns of a sheet: calamine allocates everything up to the farthest cell."""
PIECE = 1024**2


def members(archive: zipfile.ZipFile) -> frozenset[str]:
    """Return the names of an archive's members. Raises Unreadable if it looks like a zip bomb."""
    infos = archive.infolist()
    if len(infos) > MOST or sum(each.file_size for each in infos) > WHOLE:
        raise Unreadable("too_large")
    for each in infos:
        if each.flag_bits & 1:
            raise Unreadable("encrypted")
        packed = max(each.compress_size, 1)
        if each.file_size > LARGE and each.file_size / packed > RATIO:
            raise Unreadable("too_large")
        if each.file_size > PART and not is_sheet(each.filename):
            raise Unreadable("too_large")
        with archive.open(each) as part:
            _no_entities(part)
    return frozenset(each.filename for each in infos)


def is_sheet(name: str) -> bool:
    """Whether a part holds a sheet's rows, which are read as a stream."""
    return name.startswith("xl/worksheets/") and name.endswith(".xml")


def _no_entities(part: IO[bytes]) -> None:
    """Refuse entity declarations: Office writes none, parsers expand them, and any part may be
    XML."""
    head = part.read(128).replace(b"\0", b"")
    if not head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<"):
        return
    if not ELEMENT.search(head):
        head += part.read(PROLOG).replace(b"\0", b"")
    first = ELEMENT.search(head)
    if first is None or DECLARES.search(head, 0, first.start()):
        raise Unreadable("damaged")


def far_cells(archive: zipfile.ZipFile, most: int) -> None:
    """Refuse a workbook whose farthest cell makes a parser allocate everything up to it.

    `most`: the bytes of each sheet that will be parsed.
    """
    for each in archive.infolist():
        if not is_sheet(each.filename):
            continue
        row = farthest = 0
        tail = b""
        with archive.open(each) as part:
            while part.tell() < most and (data := part.read(PIECE)):
                for letters, digits in CELL.findall(tail + data):
                    row = max(row, int(digits))
                    farthest = max(farthest, column(letters))
                tail = data[-200:]
        if row * farthest > CELLS:
            raise Unreadable("too_large")


def column(letters: bytes) -> int:
    """A column's number, from 1, by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
