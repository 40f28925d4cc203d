"""PDF: text page by page, and pages without text as images."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from core.values.documents import Block, Locator, Picture
from ingestion.extract.errors import Unreadable, clean
from ingestion.extract.pdf_seen import take_unseen
from ingestion.extract.total import Total

FEW = 20
"""A page with images and fewer characters than this counts as a scan."""
SCANS = 100
"""The most scanned pages of a document that are read."""
EDGE = 1568
"""The most pixels of an image's longer side that the model sees."""
HYPHEN = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")
SOFT = re.compile("\ufffe\\s*|\x02\\s*")
"""How PDFium writes a soft hyphen at the end of a line."""


def read(path: Path) -> Iterator[Block | Picture | Total]:
    """Yield a block for each paragraph-like stretch of a page, and pictures of scanned pages."""
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as exc:
        code = raw.FPDF_GetLastError()
        raise Unreadable("encrypted" if code == raw.FPDF_ERR_PASSWORD else "damaged") from exc
    with document:
        count = len(document)
        if not count:
            raise Unreadable("damaged")
        yield Total(count)
        scans, unread = 0, False
        for number in range(count):
            where = Locator("page", number + 1, number + 1)
            try:
                page = document[number]
            except pdfium.PdfiumError:
                continue  # skip a page that cannot be loaded
            try:
                take_unseen(page)
                text = _text(page)
                if len(text) >= FEW or not _has_image(page):
                    yield from (Block(each, where) for each in _stretches(text))
                elif scans < SCANS:
                    scans += 1
                    yield Picture(_picture(page), "image/jpeg", where)
                else:
                    if not unread:
                        yield Block("(From here on, pages that are images were not read.)", where)
                    unread = True
                    yield from (Block(each, where) for each in _stretches(text))
            finally:
                page.close()


def _text(page: Any) -> str:
    text = page.get_textpage()
    try:
        found = text.get_text_bounded()
    finally:
        text.close()
    return clean(HYPHEN.sub("", SOFT.sub("", found.replace("\r\n", "\n")))).strip()


def _stretches(text: str) -> Iterator[str]:
    for each in re.split(r"\n\s*\n", text):
        if each.strip():
            yield each.strip()


def _has_image(page: Any) -> bool:
    kinds = [raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_FORM]
    return next(iter(page.get_objects(filter=kinds, max_depth=3)), None) is not None


def _picture(page: Any) -> bytes:
    width, height = page.get_size()
    scale = min(EDGE / max(width, height, 1), 150 / 72 * 1.4)
    image = page.render(scale=scale, grayscale=True).to_pil()
    out = io.BytesIO()
    image.convert("L").save(out, "JPEG", quality=80)
    return out.getvalue()
