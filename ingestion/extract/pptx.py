"""Presentations: slides with their titles, texts, tables and notes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pptx
from pptx.exc import PackageNotFoundError

from core.values.documents import Block, Locator
from ingestion.extract.errors import Unreadable, clean
from ingestion.extract.tables import markdown
from ingestion.extract.total import Total


def read(path: Path) -> Iterator[Block | Total]:
    """Yield, for each slide, a heading, its content and its notes."""
    try:
        presentation = pptx.Presentation(str(path))
        slides = list(presentation.slides)
        size = int(presentation.slide_width or 0), int(presentation.slide_height or 0)
    except (PackageNotFoundError, KeyError, ValueError, zipfile.BadZipFile, OSError) as exc:
        raise Unreadable("damaged") from exc
    yield Total(len(slides))
    for number, slide in enumerate(slides, 1):
        where = Locator("slide", number, number)
        title = slide.shapes.title
        heading = clean(title.text_frame.text).strip() if title is not None else ""
        yield Block(heading or f"Slide {number}", where, "heading", 1)
        for shape in _flat(each for each in slide.shapes if _seen(each, size)):
            if title is not None and shape.shape_id == title.shape_id:
                continue
            yield from _shape(shape, where)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = clean(slide.notes_slide.notes_text_frame.text).strip()
            if notes:
                yield Block(f"Notes: {notes}", where)


def _seen(shape: Any, size: tuple[int, int]) -> bool:
    """Whether a shape is at least partly on the slide and not hidden."""
    if shape._element.xpath(".//p:cNvPr/@hidden")[:1] in (["1"], ["true"]):  # noqa: SLF001
        return False
    place = shape.left, shape.top, shape.width, shape.height
    if None in place or 0 in size:
        return True  # it is where its layout puts it
    left, top, width, height = place
    return bool(left < size[0] and top < size[1] and left + width > 0 and top + height > 0)


def _flat(shapes: Iterable[Any]) -> Iterator[Any]:
    for shape in shapes:
        if shape.shape_type == 6:  # a group
            yield from _flat(shape.shapes)
        else:
            yield shape


def _shape(shape: Any, where: Locator) -> Iterator[Block]:
    if getattr(shape, "has_table", False):
        rows = [[clean(cell.text) for cell in row.cells] for row in shape.table.rows]
        yield Block(markdown(rows), where, "table")
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape.chart, where)
    elif shape.has_text_frame and (text := clean(shape.text_frame.text).strip()):
        yield Block(text.replace("\v", "\n"), where)


def _chart(chart: Any, where: Locator) -> Iterator[Block]:
    for plot in chart.plots:
        head = ["", *(str(each.name) for each in plot.series)]
        columns = [list(each.values) for each in plot.series]
        rows = [
            [str(label), *(str(values[n]) if n < len(values) else "" for values in columns)]
            for n, label in enumerate(plot.categories)
        ]
        yield Block(markdown([head, *rows]), where, "table")
