"""Web pages: what a reader sees, with headings, lists and tables. Nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree, html

from core.values.documents import Block
from ingestion.extract.decode import decode, labelled
from ingestion.extract.errors import Unreadable, clean
from ingestion.extract.html_seen import prune
from ingestion.extract.tables import markdown

_PARTS = """
    p div section article main header footer aside nav li dt dd blockquote figcaption address ul ol
    dl figure form fieldset details summary body center
"""
PARTS = frozenset(_PARTS.split())
CELLS = ("td", "th")
SECTIONS = ("h1", "h2", "h3", "h4", "h5", "h6", "form", "nav", "article", "section", "pre")
"""What a cell of data does not hold."""
SPANNED = 200
"""Rows or columns of one cell, at most."""
CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?\s*([\w-]+)", re.I)


def read(path: Path) -> Iterator[Block]:
    """Yield the title, then a block for each stretch of text."""
    yield from of_text(_decoded(path.read_bytes()))


def of_text(text: str) -> Iterator[Block]:
    """Read a page that is in memory. Raises Unreadable."""
    parser = html.HTMLParser(
        no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = html.document_fromstring(text, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as exc:
        raise Unreadable("no_text") from exc
    title = clean(root.findtext(".//title") or "").strip()
    if title:
        yield Block(" ".join(title.split()), kind="heading", level=1)
    prune(root)
    body = root.find(".//body")
    yield from _Walk().blocks(body if body is not None else root)


class _Walk:
    """Collects inline text until an element begins a new block."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def blocks(self, element: Any) -> Iterator[Block]:
        """Yield the blocks of an element."""
        yield from self._inside(element)
        yield from self._flushed()

    def _inside(self, element: Any, lead: str = "") -> Iterator[Block]:
        self._text.append(lead + (element.text or ""))
        for child in element:
            yield from self._child(child)
            self._text.append(child.tail or "")

    def _child(self, child: Any) -> Iterator[Block]:
        tag = child.tag.lower()
        if re.fullmatch("h[1-6]", tag):
            yield from self._flushed()
            text = _flat(_seen_text(child))
            if text:
                yield Block(text, kind="heading", level=int(tag[1]))
        elif tag == "table" and not _is_layout(child):
            yield from self._flushed()
            caption = (
                _flat(_seen_text(found)) if (found := child.find("caption")) is not None else ""
            )
            if caption:
                yield Block(caption)
            rows = [row for row in _rows(child) if any(row)]
            if rows:
                yield Block(markdown(rows), kind="table")
        elif tag == "img":
            self._text.append(_alt(child))
        elif tag == "pre":
            yield from self._flushed()
            code = clean(_seen_text(child)).strip("\n")
            if code.strip():
                yield Block(f"```\n{code}\n```", kind="code")
        elif tag == "br":
            self._text.append("\n")
        elif tag in PARTS:
            yield from self._flushed()
            yield from self._inside(child, "- " if tag == "li" else "")
            yield from self._flushed()
        else:
            yield from self._inside(child)

    def _flushed(self) -> Iterator[Block]:
        lines = [" ".join(line.split()) for line in clean("".join(self._text)).split("\n")]
        self._text = []
        text = re.sub(r"\n{2,}", "\n", " ".join(line for line in lines if line)).strip()
        if text.strip("- "):
            yield Block(text)


def _seen_text(element: Any) -> str:
    """An element's text in one line's words: a space where something begins a line of its own."""
    pieces = [element.text or ""]
    for child in element:
        tag = child.tag.lower() if isinstance(child.tag, str) else ""
        if tag == "br":
            pieces.append("\n")
        elif tag == "img":
            pieces.append(_alt(child))
        else:
            text = _seen_text(child)
            pieces.append(f" {text} " if tag in PARTS or tag in CELLS else text)
        pieces.append(child.tail or "")
    return "".join(pieces)


def _alt(image: Any) -> str:
    text = " ".join((image.get("alt") or "").split())
    return f" [{text}] " if text else ""


def _is_layout(table: Any) -> bool:
    """Whether a table only places things: tables in it, one column, or sections in its cells."""
    if table.find(".//table") is not None:
        return True
    widths = {len([c for c in row if c.tag in CELLS]) for row in table.iter("tr")}
    if widths <= {0, 1}:
        return table.find(".//th") is None
    return any(table.find(f".//{each}") is not None for each in SECTIONS)


def _rows(table: Any) -> Iterator[list[str]]:
    """A table's rows; a cell that spans rows or columns is in each of them."""
    below: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        cells: list[str] = []

        def spanned(cells: list[str] = cells) -> None:
            while (held := below.get(len(cells))) is not None:
                left, text = held
                if left > 1:
                    below[len(cells)] = (left - 1, text)
                else:
                    del below[len(cells)]
                cells.append(text)

        for cell in row:
            if cell.tag not in CELLS:
                continue
            spanned()
            text = _flat(_seen_text(cell))
            rows, columns = _span(cell, "rowspan"), _span(cell, "colspan")
            for _ in range(columns):
                if rows > 1:
                    below[len(cells)] = (rows - 1, text)
                cells.append(text)
        spanned()
        yield cells


def _span(cell: Any, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    return min(max(int(value), 1), SPANNED) if value.isdecimal() else 1


def _flat(text: str) -> str:
    return " ".join(clean(text).split())


def _decoded(data: bytes) -> str:
    named = CHARSET.search(data[:4096])
    if named and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        text = labelled(data, named[1].decode("ascii")) or decode(data)
    else:
        text = decode(data)
    return re.sub(r"\A\s*<\?xml[^>]*\?>", "", text)
