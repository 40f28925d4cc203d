"""Whether a run of a Word document is visible: not hidden, tiny, or in its background's colour.

Properties come from the run, or else from its character style, its paragraph's style and its
table's style, each with the styles it is based on, or else from the document's defaults. Hidden is
a toggle: two kinds of style that both set it cancel each other. If the background is uncertain
(shapes, tables with a shading style), a colour hides nothing.
https://learn.microsoft.com/dotnet/api/documentformat.openxml.wordprocessing.vanish
"""

from __future__ import annotations

import re
from typing import Any

from docx.oxml.ns import qn

SMALLEST = 4
"""Half points: text of two points or less is not meant to be read."""
NEAR = 10
"""The largest difference, of 255, at which a colour cannot be told from its background."""
HEX = re.compile(r"[0-9A-Fa-f]{6}")
OFF = ("0", "false", "off")
DEEP = 12
"""The most styles that are followed, each to the one it is based on."""
PAPER = "FFFFFF"


class Looks:
    """The visibility of runs in one document, given the root elements of its body and styles."""

    def __init__(self, document: Any, styles: Any) -> None:
        self._styles = {each.get(qn("w:styleId")): each for each in styles.iter(qn("w:style"))}
        self._normal = {
            each.get(qn("w:type")): each
            for each in self._styles.values()
            if each.get(qn("w:default")) in ("1", "true", "on")
        }
        self._chains: dict[tuple[str, str], list[Any]] = {}
        self._defaults = styles.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")
        paper = document.find(qn("w:background"))
        self._paper = (_hex(paper.get(qn("w:color"))) or PAPER) if paper is not None else PAPER

    def hidden(self, run: Any) -> bool:
        """Whether the text of a `w:r` element is invisible on the page."""
        paragraph = next(run.iterancestors(qn("w:p")), None)
        table = next(run.iterancestors(qn("w:tbl")), None)
        chains = [
            self._chain(_named(run, "w:rPr", "w:rStyle"), "character"),
            self._chain(_named(paragraph, "w:pPr", "w:pStyle"), "paragraph"),
            self._chain(_named(table, "w:tblPr", "w:tblStyle"), "table"),
        ]
        own = run.find(qn("w:rPr"))
        return self._vanishes(own, chains) or self._tiny(own, chains) or self._faint(run, chains)

    def _chain(self, name: str, kind: str) -> list[Any]:
        """Return a style and those it is based on."""
        if (name, kind) in self._chains:
            return self._chains[name, kind]
        style = self._styles.get(name) if name else self._normal.get(kind)
        found = self._chains[name, kind] = []
        while style is not None and len(found) < DEEP:
            found.append(style)
            style = self._styles.get(_value(style.find(qn("w:basedOn"))))
        return found

    def _vanishes(self, own: Any, chains: list[list[Any]]) -> bool:
        said = toggle(own, "w:vanish")
        if said is not None:
            return said
        of_styles = [
            next((f for s in c if (f := toggle(_run(s), "w:vanish")) is not None), None)
            for c in chains
        ]
        if all(each is None for each in of_styles):
            return bool(toggle(self._defaults, "w:vanish"))
        return sum(bool(each) for each in of_styles) % 2 == 1

    def _first(self, own: Any, chains: list[list[Any]], tag: str) -> str:
        """Return the value of a property from where it has precedence."""
        every = [own, *(_run(style) for chain in chains for style in chain), self._defaults]
        found = (each.find(qn(tag)) for each in every if each is not None)
        return next((_value(each) for each in found if each is not None), "")

    def _tiny(self, own: Any, chains: list[list[Any]]) -> bool:
        size = self._first(own, chains, "w:sz")
        return size.isdecimal() and int(size) <= SMALLEST

    def _faint(self, run: Any, chains: list[list[Any]]) -> bool:
        colour = _hex(self._first(run.find(qn("w:rPr")), chains[:2], "w:color"))
        if not colour or next(run.iterancestors(qn("w:txbxContent")), None) is not None:
            return False
        behind = self._behind(run, chains)
        return bool(behind) and _near(colour, behind)

    def _behind(self, run: Any, chains: list[list[Any]]) -> str:
        """Return the background colour of a run, empty if uncertain."""
        own = run.find(qn("w:rPr"))
        highlight = self._first(own, chains, "w:highlight")
        if highlight and highlight != "none":
            return PAPER if highlight == "white" else ""
        cell = next(run.iterancestors(qn("w:tc")), None)
        holders = [own, *(_run(style) for chain in chains[:2] for style in chain)]
        paragraph = next(run.iterancestors(qn("w:p")), None)
        holders += [each.find(qn("w:pPr")) for each in (paragraph, *chains[1]) if each is not None]
        holders += [cell.find(qn("w:tcPr"))] if cell is not None else []
        for holder in holders:
            shade = holder.find(qn("w:shd")) if holder is not None else None
            if shade is not None and (fill := shade.get(qn("w:fill"), "auto")) != "auto":
                return _hex(fill)
        shaded = any(next(style.iter(qn("w:shd")), None) is not None for style in chains[2])
        return "" if shaded else self._paper


def _named(element: Any, properties: str, style: str) -> str:
    if element is None:
        return ""
    return _value(element.find(f"{qn(properties)}/{qn(style)}"))


def _value(element: Any) -> str:
    return str(element.get(qn("w:val")) or "") if element is not None else ""


def _run(style: Any) -> Any:
    return style.find(qn("w:rPr"))


def toggle(properties: Any | None, tag: str) -> bool | None:
    """Whether a property is on, by its child `tag`; None if it is not set."""
    found = properties.find(qn(tag)) if properties is not None else None
    return None if found is None else found.get(qn("w:val")) not in OFF


def _hex(value: str | None) -> str:
    return value if value and HEX.fullmatch(value) else ""


def _near(one: str, other: str) -> bool:
    pairs = zip(bytes.fromhex(one), bytes.fromhex(other), strict=True)
    return all(abs(a - b) <= NEAR for a, b in pairs)
