"""Parts of a Word document beside its body: headers, footers, notes and comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docx.oxml.ns import qn

from ingestion.extract.docx_looks import toggle
from ingestion.extract.docx_numbering import spelled
from ingestion.extract.opc import Package

KINDS = ("footnote", "endnote", "comment")


class Notes:
    """Footnotes, endnotes and comments of a document. Each is given once."""

    def __init__(self, package: Package) -> None:
        self._parts = {each: package.linked(package.main, f"{each}s") for each in KINDS}
        self._left: dict[tuple[str, str], Any] = {}
        self._marks: dict[tuple[str, str], str] = {}
        for kind, part in self._parts.items():
            root = package.root(part) if part else None
            for each in root.iter(qn(f"w:{kind}")) if root is not None else ():
                if each.get(qn("w:type"), "normal") == "normal":
                    self._left[kind, each.get(qn("w:id"), "")] = each

    def part(self, kind: str) -> str:
        """The name of the part that holds the notes of a kind."""
        return self._parts[kind]

    def mark(self, kind: str, name: str) -> str:
        """A note's mark in the text: footnotes count 1, 2, and endnotes i, ii."""
        if kind == "comment":
            return ""
        if (kind, name) not in self._marks:
            count = 1 + sum(each == kind for each, _ in self._marks)
            self._marks[kind, name] = spelled(
                count, "decimal" if kind == "footnote" else "lowerRoman"
            )
        return self._marks[kind, name]

    def take(self, kind: str, name: str) -> tuple[Any | None, str]:
        """A note and its author; none if it was given before."""
        found = self._left.pop((kind, name), None)
        if found is None or kind != "comment":
            return found, ""
        return found, found.get(qn("w:author")) or "somebody"

    def left(self) -> list[tuple[str, str]]:
        """Comments that nothing in the text refers to."""
        return [each for each in self._left if each[0] == "comment"]


def edges(package: Package, root: Any, kind: str) -> Iterator[str]:
    """The parts with the headers or footers that are shown, in the order of the sections."""
    settings = package.root(package.linked(package.main, "settings"))
    even = bool(toggle(settings, "w:evenAndOddHeaders"))
    links = package.links(package.main)
    seen = set()
    for section in root.iter(qn("w:sectPr")):
        shown = {"default": True, "first": bool(toggle(section, "w:titlePg")), "even": even}
        for each in section.findall(qn(f"w:{kind}Reference")):
            link = links.get(each.get(qn("r:id"), ""))
            wanted = shown.get(each.get(qn("w:type"), "default"), True)
            if link is not None and wanted and link.target not in seen:
                seen.add(link.target)
                yield link.target
