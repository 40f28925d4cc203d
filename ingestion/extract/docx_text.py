"""The text of one Word paragraph, and what hangs on it: boxes, pictures, notes, comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docx.oxml.ns import qn

from ingestion.extract.docx_looks import Looks, toggle
from ingestion.extract.docx_parts import Notes
from ingestion.extract.errors import clean

MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
V = "{urn:schemas-microsoft-com:vml}"
GONE = frozenset({qn("w:del"), qn("w:moveFrom"), qn("w:pPr"), qn("w:rPr"), qn("w:sdtPr"),
                  qn("w:sdtEndPr"), qn("w:tblPr"), qn("w:trPr"), qn("w:tcPr"), qn("w:sectPr"),
                  qn("w:rt"), qn("w:instrText"), qn("w:delText")})  # fmt: skip
"""What has no text of its own, or text that stands elsewhere or no more."""
PLAIN = {qn("w:tab"): " ", qn("w:ptab"): " ", qn("w:br"): " ", qn("w:cr"): " ",
         qn("w:noBreakHyphen"): "-"}  # fmt: skip
SIGNS = {"fc": "✓", "fe": "☒", "a8": "☐", "6f": "☐", "fd": "☒", "a3": "☐", "52": "☑", "d8": "➢",
         "a7": "▪", "b7": "•", "e0": "→", "6c": "●", "6e": "■", "71": "❑", "76": "❖"}  # fmt: skip
"""Wingdings by their code."""
SYMBOL = dict(zip("abgdezhqiklmnxoprstufcywDGLPSWFYQ",
                  "αβγδεζηθικλμνξοπρστυφχψωΔΓΛΠΣΩΦΨΘ", strict=True))  # fmt: skip
SYMBOL |= {"\xb1": "±", "\xb0": "°", "\xa3": "≤", "\xb3": "≥", "\xb4": "×", "\xb9": "≠",
           "\xae": "→", "\xb7": "•", "\xa5": "∞", "\xb8": "÷", "\xbb": "≈"}  # fmt: skip


def branch(alternatives: Any) -> Any | None:
    """The part of mc:AlternateContent that counts."""
    for tag in (f"{MC}Choice", f"{MC}Fallback"):
        found = alternatives.find(tag)
        if found is not None and len(found):
            return found
    return None


def contents(container: Any, tags: tuple[str, ...]) -> Iterator[Any]:
    """The elements of some kinds in a container, whatever they are wrapped in."""
    stack = [iter(container)]
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
        elif element.tag in tags:
            yield element
        elif element.tag == f"{MC}AlternateContent":
            chosen = branch(element)
            stack += [iter(chosen)] if chosen is not None else []
        elif element.tag not in GONE and element.tag not in (qn("w:p"), qn("w:tbl")):
            stack.append(iter(element))


class Inline:
    """Reads one paragraph."""

    def __init__(self, looks: Looks, notes: Notes) -> None:
        self._looks, self._all_notes = looks, notes
        self.boxes: list[Any] = []
        self.pictures: list[str] = []
        self.alts: list[str] = []
        self.notes: list[tuple[str, str, str]] = []
        """Kind, id and mark of each."""
        self.hid = self.deleted = False

    def text(self, paragraph: Any) -> str:
        """Its text as it is seen."""
        self.deleted = paragraph.find(f"{qn('w:pPr')}/{qn('w:rPr')}/{qn('w:del')}") is not None
        return "".join(self._pieces(paragraph))

    def _pieces(self, element: Any) -> Iterator[str]:
        for each in element:
            tag = each.tag
            if tag in GONE:
                continue
            if tag == qn("w:t"):
                yield each.text or ""
            elif tag in PLAIN:
                yield PLAIN[tag]
            elif tag == qn("w:r"):
                if self._looks.hidden(each):
                    self.hid = True
                else:
                    yield from self._pieces(each)
            elif tag == f"{MC}AlternateContent":
                chosen = branch(each)
                if chosen is not None:
                    yield from self._pieces(chosen)
            elif tag in (qn("w:drawing"), qn("w:pict"), qn("w:object")):
                yield from self._drawing(each)
            elif tag in (f"{M}oMath", f"{M}oMathPara"):
                yield self._equation(each)
            else:
                yield from self._other(each)

    def _other(self, element: Any) -> Iterator[str]:
        kind = {qn("w:footnoteReference"): "footnote", qn("w:endnoteReference"): "endnote",
                qn("w:commentReference"): "comment"}.get(element.tag)  # fmt: skip
        if kind is not None:
            name = element.get(qn("w:id"), "")
            mark = self._all_notes.mark(kind, name)
            self.notes.append((kind, name, mark))
            yield f"[{mark}]" if mark else ""
        elif element.tag == qn("w:sym"):
            yield symbol(element.get(qn("w:font"), ""), element.get(qn("w:char"), ""))
        elif element.tag == qn("w:checkBox"):
            checked = toggle(element, "w:checked")
            ticked = toggle(element, "w:default") if checked is None else checked
            yield "☒" if ticked else "☐"
        elif element.tag == qn("w:ddList"):
            entries = [each.get(qn("w:val"), "") for each in element.findall(qn("w:listEntry"))]
            chosen = element.find(qn("w:result"))
            value = chosen.get(qn("w:val"), "0") if chosen is not None else "0"
            yield entries[int(value)] if value.isdecimal() and int(value) < len(entries) else ""
        else:
            yield from self._pieces(element)

    def _drawing(self, element: Any) -> Iterator[str]:
        for box in element.iter(qn("w:txbxContent")):
            # of a box that stands in two forms, the first counts, and boxes in boxes come with it
            if not any(
                a.tag in (f"{MC}Fallback", qn("w:txbxContent")) for a in box.iterancestors()
            ):
                self.boxes.append(box)
        for each in element.iter(qn("wp:docPr"), f"{V}shape"):
            alt = clean(each.get("descr") or each.get("alt") or "").strip()
            if alt and alt not in self.alts:
                self.alts.append(alt)
        for each in element.iter(qn("a:blip")):
            self.pictures.append(each.get(qn("r:embed")) or each.get(qn("r:link")) or "")
        for each in element.iter(f"{V}imagedata"):
            self.pictures.append(each.get(qn("r:id")) or "")
        for each in element.iter(f"{V}textpath"):
            yield each.get("string", "")

    def _equation(self, element: Any) -> str:
        """In one line, as one would type it."""
        name = element.tag.removeprefix(M)
        if name == "r":
            if self._looks.hidden(element):
                return ""
            return "".join(each.text or "" for each in element.iter(f"{M}t"))
        if name == "f":
            return "/".join(_grouped(self._side(element, each)) for each in ("num", "den"))
        if name in ("sSup", "sSub", "sSubSup"):
            low, high = self._side(element, "sub"), self._side(element, "sup")
            lowered = f"_{_grouped(low)}" if low else ""
            raised = f"^{_grouped(high)}" if high else ""
            return self._side(element, "e") + lowered + raised
        if name == "rad":
            return f"{self._side(element, 'deg')}√{_grouped(self._side(element, 'e'))}"
        inner = "".join(self._equation(each) for each in element if not each.tag.endswith("Pr"))
        if name == "d":
            begin, end = element.find(f".//{M}begChr"), element.find(f".//{M}endChr")
            opening = "(" if begin is None else begin.get(f"{M}val", "")
            return opening + inner + (")" if end is None else end.get(f"{M}val", ""))
        if name == "nary":
            sign = element.find(f"{M}naryPr/{M}chr")
            return ("∫" if sign is None else sign.get(f"{M}val", "")) + inner
        return inner

    def _side(self, element: Any, name: str) -> str:
        found = element.find(f"{M}{name}")
        return "" if found is None else "".join(self._equation(each) for each in found)


def symbol(font: str, code: str) -> str:
    """A character of a symbol font, as one that any font has; a box where we do not know it."""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    low = number - 0xF000 if 0xF000 <= number <= 0xF0FF else number
    if font.lower().startswith("wingdings"):
        return SIGNS.get(f"{low:02x}", "▯")
    if font.lower() == "symbol":
        return SYMBOL.get(chr(low), chr(low))
    return chr(low) if 32 <= low < 0xD800 else "▯"


def _grouped(text: str) -> str:
    return text if text.isalnum() or len(text) < 2 else f"({text})"
