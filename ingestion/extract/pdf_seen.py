"""Remove from a PDF page the text that is invisible when the page is displayed.

That is text in the invisible rendering mode, transparent, tiny, or in the colour of its background.
Invisible text over an image is the scanner's OCR, and stays. In forms within a page only invisible
and transparent text is looked for.
https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf (9.3.6)
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pypdfium2 import raw

INVISIBLE = (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
SMALLEST = 2.0
"""The size in points below which text is invisible."""
NEAR = 10
PAPER = (255, 255, 255)
MOST_BELOW = 2000
"""The most objects drawn before a text that are searched for its background."""
DEEP = 4
"""The deepest nesting of forms that is searched."""

Bounds = tuple[float, float, float, float]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Ground:
    """Something drawn. `colour` is None if it has many; `image` says that it is a picture."""

    bounds: Bounds
    colour: Colour | None
    image: bool


def take_unseen(page: Any) -> None:
    """Remove invisible text from a loaded page; the file is not changed."""
    grounds: list[_Ground] = []
    unseen = []
    for text, ground in _drawn(page.raw):
        if ground is not None:
            grounds.append(ground)
        elif _suspect(text):
            unseen.append((text, len(grounds)))
    images = [each for each in grounds if each.image]
    for text, before in unseen:
        if _unseen(
            text, grounds[max(0, before - MOST_BELOW) : before], images
        ) and raw.FPDFPage_RemoveObject(page.raw, text):
            raw.FPDFPageObj_Destroy(text)
    _forms(page.raw, any_image=bool(images))


def _drawn(page: Any) -> Iterator[tuple[Any, _Ground | None]]:
    """Yield the texts of a page and everything else drawn, in drawing order."""
    for number in range(raw.FPDFPage_CountObjects(page)):
        each = raw.FPDFPage_GetObject(page, number)
        match raw.FPDFPageObj_GetType(each):
            case raw.FPDF_PAGEOBJ_TEXT:
                yield each, None
            case raw.FPDF_PAGEOBJ_IMAGE:
                yield each, _Ground(_bounds(each), None, image=True)
            case raw.FPDF_PAGEOBJ_PATH if _filled(each):
                red, green, blue, opacity = _ink(each)
                solid = (red, green, blue) if opacity > 255 - NEAR else None
                yield each, _Ground(_bounds(each), solid, image=False)
            case raw.FPDF_PAGEOBJ_SHADING | raw.FPDF_PAGEOBJ_FORM:
                yield each, _Ground(_bounds(each), None, image=False)
            case _:
                continue


def _suspect(text: Any) -> bool:
    """Whether a text needs a closer look: most text is dark and of a readable size."""
    if raw.FPDFTextObj_GetTextRenderMode(text) in INVISIBLE:
        return True
    *ink, opacity = _ink(text)
    return opacity <= NEAR or _size(text) <= SMALLEST or max(ink) > 64


def _unseen(text: Any, before: list[_Ground], images: list[_Ground]) -> bool:
    left, bottom, right, top = _bounds(text)
    middle = (left + right) / 2, (bottom + top) / 2
    if raw.FPDFTextObj_GetTextRenderMode(text) in INVISIBLE:
        return not any(_within(middle, each.bounds) for each in images)
    *ink, opacity = _ink(text)
    if opacity <= NEAR or _size(text) <= SMALLEST:
        return True
    below = next((each for each in reversed(before) if _within(middle, each.bounds)), None)
    colour = PAPER if below is None else below.colour
    return colour is not None and all(abs(a - b) <= NEAR for a, b in zip(ink, colour, strict=True))


def _forms(page: Any, *, any_image: bool) -> None:
    for number in range(raw.FPDFPage_CountObjects(page)):
        each = raw.FPDFPage_GetObject(page, number)
        if raw.FPDFPageObj_GetType(each) == raw.FPDF_PAGEOBJ_FORM:
            _form(each, DEEP, any_image=any_image)


def _form(form: Any, deep: int, *, any_image: bool) -> None:
    inner = [raw.FPDFFormObj_GetObject(form, n) for n in range(raw.FPDFFormObj_CountObjects(form))]
    kinds = [raw.FPDFPageObj_GetType(each) for each in inner]
    any_image = any_image or raw.FPDF_PAGEOBJ_IMAGE in kinds
    for each, kind in zip(inner, kinds, strict=True):
        if kind == raw.FPDF_PAGEOBJ_FORM and deep:
            _form(each, deep - 1, any_image=any_image)
        elif kind == raw.FPDF_PAGEOBJ_TEXT:
            invisible = raw.FPDFTextObj_GetTextRenderMode(each) in INVISIBLE and not any_image
            gone = invisible or _ink(each)[3] <= NEAR
            if gone and raw.FPDFFormObj_RemoveObject(form, each):
                raw.FPDFPageObj_Destroy(each)


def _ink(each: Any) -> tuple[int, int, int, int]:
    """Return the fill colour: red, green, blue and opacity."""
    values = [ctypes.c_uint() for _ in range(4)]
    if not raw.FPDFPageObj_GetFillColor(each, *values):
        return 0, 0, 0, 255
    red, green, blue, opacity = (each.value for each in values)
    return red, green, blue, opacity


def _filled(path: Any) -> bool:
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    known = raw.FPDFPath_GetDrawMode(path, mode, stroke)
    return bool(known) and mode.value != raw.FPDF_FILLMODE_NONE


def _size(text: Any) -> float:
    """Return the height of the letters on the page in points."""
    size, matrix = ctypes.c_float(), raw.FS_MATRIX()
    if not raw.FPDFTextObj_GetFontSize(text, size) or not raw.FPDFPageObj_GetMatrix(text, matrix):
        return SMALLEST + 1
    return abs(size.value) * float((matrix.c**2 + matrix.d**2) ** 0.5)


def _bounds(each: Any) -> Bounds:
    values = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(each, *values):
        return 0.0, 0.0, 0.0, 0.0
    left, bottom, right, top = (each.value for each in values)
    return left, bottom, right, top


def _within(point: tuple[float, float], bounds: Bounds) -> bool:
    left, bottom, right, top = bounds
    return left <= point[0] <= right and bottom <= point[1] <= top
