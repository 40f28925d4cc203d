"""Word documents: headings, paragraphs, lists and tables in order."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph

from core.values.documents import Block
from ingestion.extract.docx_looks import OFF, Looks
from ingestion.extract.errors import Unreadable, clean
from ingestion.extract.tables import markdown

HEADING = re.compile(r"(?:heading|title|제목|überschrift|titre|título)\s*(\d?)", re.I)
DEEPEST = 6
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
ELSEWHERE = (FALLBACK, qn("w:moveFrom"), qn("w:del"))
"""Elements whose text also appears elsewhere, or was deleted."""


def read(path: Path) -> Iterator[Block]:
    """Yield a block for each paragraph, list item or table."""
    try:
        document: Document = docx.Document(str(path))
    except (PackageNotFoundError, KeyError, ValueError, zipfile.BadZipFile, OSError) as exc:
        raise Unreadable("damaged") from exc
    looks = Looks(document.element, document.styles.element)
    for element in document.element.body.iterchildren():
        if element.tag == qn("w:p"):
            yield from _paragraph(Paragraph(element, document), looks)
        elif element.tag == qn("w:tbl"):
            yield from _table(Table(element, document), looks)
        elif element.tag == qn("w:sdt"):  # a content control, such as a table of contents
            for inner in element.iter(qn("w:p")):
                yield from _paragraph(Paragraph(inner, document), looks)


def _paragraph(paragraph: Paragraph, looks: Looks) -> Iterator[Block]:
    text = clean(_text(paragraph._p, looks)).strip()  # noqa: SLF001
    if not text:
        return
    style = (paragraph.style.name if paragraph.style is not None else "") or ""
    heading = HEADING.match(style)
    if heading:
        yield Block(text, kind="heading", level=min(int(heading[1] or 1), DEEPEST))
    elif "list" in style.lower() or (paragraph._p.pPr is not None and _numbered(paragraph)):  # noqa: SLF001
        yield Block(f"- {text}")
    else:
        yield Block(text)


def _text(paragraph: Any, looks: Looks) -> str:
    """Return a paragraph's text with links and text boxes, without deleted revisions and hidden
    text."""
    pieces: list[str] = []
    for node in paragraph.iter(qn("w:t"), qn("w:tab"), qn("w:br")):
        run = node.getparent()
        if run.tag != qn("w:r") or next(node.iterancestors(*ELSEWHERE), None) is not None:
            continue
        if not looks.hidden(run):
            pieces.append((node.text or "") if node.tag == qn("w:t") else " ")
    return "".join(pieces)


def _numbered(paragraph: Paragraph) -> bool:
    properties = paragraph._p.pPr  # noqa: SLF001
    return properties is not None and properties.numPr is not None


def _table(table: Table, looks: Looks) -> Iterator[Block]:
    rows = []
    for row in table.rows:
        hidden = row._tr.find(f"{qn('w:trPr')}/{qn('w:hidden')}")  # noqa: SLF001
        if hidden is not None and hidden.get(qn("w:val")) not in OFF:
            continue
        cells, last = [], None
        for cell in row.cells:
            if cell._tc is not last:  # noqa: SLF001 - a merged cell is there once for each column
                cells.append(clean(_cell(cell._tc, looks)))  # noqa: SLF001
            last = cell._tc  # noqa: SLF001
        rows.append(cells)
    if any(any(row) for row in rows):
        yield Block(markdown(rows), kind="table")


def _cell(cell: Any, looks: Looks) -> str:
    """Return the paragraphs of a cell, including those of nested tables."""
    lines = (
        _text(each, looks)
        for each in cell.iter(qn("w:p"))
        if next(each.iterancestors(qn("w:txbxContent")), None) is None
    )
    return "\n".join(line for line in lines if line)
