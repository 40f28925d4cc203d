"""What a sheet of an xlsx workbook shows: number formats, hidden rows and columns, open formulas.

calamine gives values; this gives what else a reader sees, row by row and in step with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from ingestion.extract.archive import column
from ingestion.extract.number_format import BUILTIN, is_plain
from ingestion.extract.opc import Package

NEEDED = re.compile(rb'\shidden="(?:1|true)"|</f>\s*(?:<v\s*/>|<v></v>)?\s*</(?:\w+:)?c>')
"""Bytes without which a sheet in plain formats shows its values as they are kept."""
PIECE = 1024**2
REFERENCE = re.compile(r"([A-Z]+)(\d+)")


@dataclass(slots=True)
class Looks:
    """A row of a sheet: cells by column, counted from 0. `formulas` have no kept value."""

    number: int
    hidden: bool = False
    formats: dict[int, str] = field(default_factory=dict)
    formulas: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Sheet:
    """A sheet's hidden columns, counted from 0, and what its rows show besides their values."""

    hidden: frozenset[int] = frozenset()
    rows: Iterator[Looks] = field(default_factory=lambda: iter(()))


class Workbook:
    """An open xlsx package. What is odd in it counts as absent: values are read all the same."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._formats = self._read_formats()
        self._sheets = dict(self._read_sheets())

    def sheet(self, name: str) -> Sheet | None:
        """What a sheet shows, None where its values are all there is to see."""
        part = self._sheets.get(name)
        if part is None or not (self._formats or self._needs(part)):
            return None
        return Sheet(self._hidden_columns(part), self._rows(part))

    def _needs(self, part: str) -> bool:
        tail = b""
        with self._package.open(part) as file:
            while data := file.read(PIECE):
                if NEEDED.search(tail + data):
                    return True
                tail = data[-64:]
        return False

    def _read_formats(self) -> dict[int, str]:
        """The formats of numbers by a cell's style, those alone that change how it reads."""
        root = self._package.root(self._package.linked(self._package.main, "styles"))
        if root is None:
            return {}
        codes = dict(BUILTIN)
        for each in root.iter("{*}numFmt"):
            if (number := each.get("numFmtId", "")).isdecimal():
                codes[int(number)] = each.get("formatCode", "")
        found = {}
        for style, each in enumerate(root.iterfind("{*}cellXfs/{*}xf")):
            number = each.get("numFmtId", "")
            code = codes.get(int(number), "") if number.isdecimal() else ""
            if code and not is_plain(code):
                found[style] = code
        return found

    def _read_sheets(self) -> Iterator[tuple[str, str]]:
        """The sheets' names, each with its part."""
        book, links = (
            self._package.root(self._package.main),
            self._package.links(self._package.main),
        )
        for sheet in book.iter("{*}sheet") if book is not None else ():
            names = (value for key, value in sheet.attrib.items() if key.endswith("}id"))
            link = links.get(next(names, ""))
            if link is not None and not link.external:
                yield sheet.get("name", ""), link.target

    def _hidden_columns(self, part: str) -> frozenset[int]:
        hidden: set[int] = set()
        for each in self._events(part, ("col", "row")):
            if etree.QName(each).localname == "row":
                break
            if each.get("hidden") in ("1", "true"):
                first, last = int(each.get("min", "0")), int(each.get("max", "0"))
                hidden.update(range(first - 1, min(last, 16_384)))
        return frozenset(hidden)

    def _rows(self, part: str) -> Iterator[Looks]:
        number = 0
        for row in self._events(part, ("row",)):
            told = row.get("r", "")
            number = int(told) if told.isdecimal() else number + 1
            looks = Looks(number, row.get("hidden") in ("1", "true"))
            place = -1
            for cell in row.iterfind("{*}c"):
                at = REFERENCE.fullmatch(cell.get("r", ""))
                place = column(at[1].encode()) - 1 if at else place + 1
                style = cell.get("s", "0")
                code = self._formats.get(int(style)) if style.isdecimal() else None
                if code and cell.get("t", "n") == "n":
                    looks.formats[place] = code
                formula = cell.find("{*}f")
                if formula is not None and formula.text and not cell.findtext("{*}v"):
                    looks.formulas[place] = f"={formula.text}"
            yield looks
            row.clear()

    def _events(self, part: str, tags: tuple[str, ...]) -> Iterator[Any]:
        with self._package.open(part) as file:
            events = etree.iterparse(
                file, tag=[f"{{*}}{each}" for each in tags], resolve_entities=False
            )
            try:
                for _, element in events:
                    yield element
                    parent = element.getparent()
                    while parent is not None and element.getprevious() is not None:
                        del parent[0]
            except etree.XMLSyntaxError:
                return
