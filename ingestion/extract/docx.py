"""Word documents: one walk over headings, paragraphs, lists, tables and what they contain."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docx.oxml.ns import qn
from lxml import etree
from PIL import Image

from core.values.documents import Block, Picture
from ingestion.extract.docx_looks import Looks, toggle
from ingestion.extract.docx_numbering import Numbering
from ingestion.extract.docx_parts import Notes, edges
from ingestion.extract.docx_text import Inline, contents
from ingestion.extract.errors import Unreadable, clean
from ingestion.extract.images import PIXELS, encoded
from ingestion.extract.opc import Package
from ingestion.extract.tables import markdown

HEADING = re.compile(r"(?:heading|title|제목|überschrift|titre|título)\s*(\d?)", re.I)
DEEPEST = 6
PICTURES = 100
"""Pictures of a document that are read."""
SMALLEST = 16
"""Pixels: a smaller picture is a bullet or a rule."""


def read(path: Path) -> Iterator[Block | Picture]:
    """Yield a block for each paragraph, list item or table, and the pictures."""
    package = Package(path, "word/document.xml")
    root = package.root(package.main)
    body = root.find(qn("w:body")) if root is not None else None
    if body is None:
        raise Unreadable("damaged")
    yield from _Walk(package, root).whole(body)


class _Walk:
    """Through one document."""

    def __init__(self, package: Package, root: Any) -> None:
        self._package, self._root = package, root
        styles = package.root(package.linked(package.main, "styles"))
        styles = etree.Element(qn("w:styles")) if styles is None else styles
        self._names = {
            each.get(qn("w:styleId")): (name.get(qn("w:val")) or "")
            for each in styles.iter(qn("w:style"))
            if (name := each.find(qn("w:name"))) is not None
        }
        self._looks = Looks(root, styles)
        numbers = package.root(package.linked(package.main, "numbering"))
        self._numbering = Numbering(numbers, styles)
        self._notes = Notes(package)
        self._part = package.main
        self._after: list[Block | Picture] = []
        self._pictured: set[str] = set()
        self._unread = 0

    def whole(self, body: Any) -> Iterator[Block | Picture]:
        """The headers, the body, comments without a place, the footers, what was not read."""
        seen: set[str] = set()
        yield from self._edges("header", seen)
        yield from self._blocks(body)
        for kind, name in self._notes.left():
            yield from self._note(kind, name, "")
        yield from self._edges("footer", seen)
        if self._unread:
            what = "picture was" if self._unread == 1 else "pictures were"
            yield Block(f"({self._unread} {what} not read.)")
        if damaged := len(set(self._package.damaged)):
            yield Block(f"(Damaged parts of this document that were not read: {damaged}.)")

    def _edges(self, kind: str, seen: set[str]) -> Iterator[Block | Picture]:
        for name in edges(self._package, self._root, kind):
            root = self._package.root(name)
            if root is None:
                continue
            outside, self._part = self._part, name
            for each in self._blocks(root):
                if isinstance(each, Block):
                    if each.text in seen or not re.search(r"[^\W\d]|\d{5}", each.text):
                        continue  # was said before, or is a page's number
                    seen.add(each.text)
                yield each
            self._part = outside

    def _blocks(self, container: Any) -> Iterator[Block | Picture]:
        for element in contents(container, (qn("w:p"), qn("w:tbl"), qn("w:altChunk"))):
            if element.tag == qn("w:p"):
                yield from self._paragraph(element)
            elif element.tag == qn("w:tbl"):
                yield from self._table(element)
            else:
                yield Block("(A part that was inserted from another file was not read.)")
            yield from self._flushed()

    def _flushed(self) -> Iterator[Block | Picture]:
        after, self._after = self._after, []
        yield from after

    def _apart(self, container: Any) -> list[Block | Picture]:
        """What is in a container that hangs on a paragraph, for after that paragraph."""
        held, self._after = self._after, []
        found = [*self._blocks(container), *self._flushed()]
        self._after = held
        return found

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:
        text = self._line(paragraph)
        if not text:
            return
        style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        name = self._names.get(style.get(qn("w:val")), "") if style is not None else ""
        heading = HEADING.match(name)
        if heading:
            level = min(int(heading[1] or 1), DEEPEST)
            yield Block(" ".join(text.split()).removeprefix("- "), kind="heading", level=level)
        else:
            yield Block(text)

    def _line(self, paragraph: Any) -> str:
        """A paragraph's text with its number; what belongs to it waits until it is through."""
        inline = Inline(self._looks, self._notes)
        text = clean(inline.text(paragraph)).strip()
        if text or not (inline.hid or inline.deleted):
            label = self._numbering.label(paragraph)
            text = f"{label} {text}" if label and text else text
        for box in inline.boxes:
            self._after += self._apart(box)
        for alt in inline.alts:
            self._after.append(Block(f"Picture: {alt}"))
        for name in inline.pictures:
            self._picture(name)
        for kind, name, mark in inline.notes:
            self._after += self._note(kind, name, mark)
        return text

    def _note(self, kind: str, name: str, mark: str) -> Iterator[Block | Picture]:
        element, author = self._notes.take(kind, name)
        if element is None:
            return
        outside, self._part = self._part, self._notes.part(kind)
        found = self._apart(element)
        self._part = outside
        text = "\n".join(each.text for each in found if isinstance(each, Block))
        start = f"[{mark}]" if mark else f"Comment by {author}:" if author else "Note:"
        if text:
            yield Block(f"{start} {text}")
        yield from (each for each in found if isinstance(each, Picture))

    def _picture(self, name: str) -> None:
        link = self._package.links(self._part).get(name)
        if link is None or link.external or not link.target:
            self._unread += 1
            return
        if link.target in self._pictured:
            return
        if len(self._pictured) >= PICTURES:
            self._unread += 1
            return
        self._pictured.add(link.target)
        try:
            with Image.open(io.BytesIO(self._package.data(link.target))) as image:
                if image.width * image.height > PIXELS:
                    self._unread += 1
                elif min(image.size) >= SMALLEST:
                    self._after.append(encoded(image))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            self._unread += 1

    def _table(self, table: Any) -> Iterator[Block | Picture]:
        rows = _rows(table)
        if sum(map(len, rows)) == 1:  # a frame around text
            yield from self._blocks(next(cell for row in rows for cell in row))
            return
        found = self._grid(rows)
        if any(any(row) for row in found):
            yield Block(markdown(found), kind="table")

    def _grid(self, rows: list[list[Any]]) -> list[list[str]]:
        """The cells' texts; a merged cell's in each place that it spans."""
        grid: list[list[str]] = []
        for cells in rows:
            line: list[str] = []
            for cell in cells:
                properties = cell.find(qn("w:tcPr"))
                if not line:
                    line += [""] * min(_number(cell.getparent(), "w:trPr/w:gridBefore", 0), 60)
                above = grid[-1] if grid else []
                merged = _merged(properties, "w:vMerge")
                beside = _merged(properties, "w:hMerge") and bool(line)
                if beside:
                    text = line[-1]
                elif merged and len(line) < len(above):
                    text = above[len(line)]
                else:
                    text = self._cell(cell)
                line += [text] * min(max(_number(cell, "w:tcPr/w:gridSpan", 1), 1), 100)
            grid.append(line)
        widest = max(map(len, grid), default=0)
        return [[*row, *[""] * (widest - len(row))] for row in grid]

    def _cell(self, cell: Any) -> str:
        lines = []
        for each in contents(cell, (qn("w:p"), qn("w:tbl"))):
            if each.tag == qn("w:p"):
                lines.append(self._line(each))
                continue
            lines += ["; ".join(filter(None, row)) for row in self._grid(_rows(each))]
        return "\n".join(filter(None, lines))


def _rows(table: Any) -> list[list[Any]]:
    """The cells of a table's rows, without those that are hidden or deleted."""
    return [
        [each for each in contents(row, (qn("w:tc"),)) if not _gone(each, "w:tcPr")]
        for row in contents(table, (qn("w:tr"),))
        if not _gone(row, "w:trPr")
    ]


def _gone(element: Any, properties: str) -> bool:
    """Whether a row or cell is hidden, or deleted under revision."""
    found = element.find(qn(properties))
    if found is None:
        return False
    deleted = found.find(qn("w:del")) is not None or found.find(qn("w:cellDel")) is not None
    return deleted or bool(toggle(found, "w:hidden"))


def _merged(properties: Any | None, tag: str) -> bool:
    found = properties.find(qn(tag)) if properties is not None else None
    return found is not None and found.get(qn("w:val"), "continue") == "continue"


def _number(element: Any, path: str, otherwise: int) -> int:
    found = element.find("/".join(qn(each) for each in path.split("/")))
    value = found.get(qn("w:val"), "") if found is not None else ""
    return int(value) if value.isdecimal() else otherwise
