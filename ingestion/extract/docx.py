"""Word documents: headings, paragraphs, lists and tables in their order."""

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

from core.documents import Block
from ingestion.extract.errors import Unreadable, clean
from ingestion.extract.tables import markdown

HEADING = re.compile(r"(?:heading|title|제목|überschrift|titre|título)\s*(\d?)", re.I)
DEEPEST = 6
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
ELSEWHERE = (FALLBACK, qn("w:moveFrom"), qn("w:del"))
"""Where text is that stands elsewhere as well, or no more."""


def read(path: Path) -> Iterator[Block]:
    """A block for each paragraph, list item or table."""
    try:
        document: Document = docx.Document(str(path))
    except (PackageNotFoundError, KeyError, ValueError, zipfile.BadZipFile, OSError) as exc:
        raise Unreadable("damaged") from exc
    for element in document.element.body.iterchildren():
        if element.tag == qn("w:p"):
            yield from _paragraph(Paragraph(element, document))
        elif element.tag == qn("w:tbl"):
            yield from _table(Table(element, document))
        elif element.tag == qn("w:sdt"):  # a content control, such as a table of contents
            for inner in element.iter(qn("w:p")):
                yield from _paragraph(Paragraph(inner, document))


def _paragraph(paragraph: Paragraph) -> Iterator[Block]:
    text = clean(_text(paragraph)).strip()
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


def _text(paragraph: Paragraph) -> str:
    """With links and text boxes, without what was deleted under revision or is hidden."""
    pieces: list[str] = []
    for node in paragraph._p.iter(qn("w:t"), qn("w:tab"), qn("w:br")):  # noqa: SLF001
        if _hidden(node.getparent()) or next(node.iterancestors(*ELSEWHERE), None) is not None:
            continue
        pieces.append((node.text or "") if node.tag == qn("w:t") else " ")
    return "".join(pieces)


def _hidden(run: Any) -> bool:
    vanish = run.find(f"{qn('w:rPr')}/{qn('w:vanish')}") if run is not None else None
    return vanish is not None and vanish.get(qn("w:val")) not in ("0", "false", "off")


def _numbered(paragraph: Paragraph) -> bool:
    properties = paragraph._p.pPr  # noqa: SLF001
    return properties is not None and properties.numPr is not None


def _table(table: Table) -> Iterator[Block]:
    rows = []
    for row in table.rows:
        cells, last = [], None
        for cell in row.cells:
            if cell._tc is not last:  # noqa: SLF001 - a merged cell is there once for each column
                cells.append(clean(cell.text))
            last = cell._tc  # noqa: SLF001
        rows.append(cells)
    if any(any(row) for row in rows):
        yield Block(markdown(rows), kind="table")
