"""Office packages: their parts as XML, and what their parts point to.

Strict Open XML is read as the transitional kind is. A link to a part that is not there is no link:
Office opens such files. Macros are parts that nobody asks for.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lxml import etree

from ingestion.extract.errors import Unreadable

STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/"
RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
BROKEN = (zipfile.BadZipFile, OSError, EOFError, KeyError, NotImplementedError, RuntimeError,
          ValueError, etree.XMLSyntaxError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """`kind` is the last word of the relationship's type, `target` a part's name or an address."""

    kind: str
    target: str
    external: bool


class Package:
    """An open file of Office. `main` is the name of the part that all begins with."""

    def __init__(self, path: Path, otherwise: str) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except BROKEN as exc:
            raise Unreadable("damaged") from exc
        self._names = {each.lower(): each for each in reversed(self._zip.namelist())}
        self._links: dict[str, dict[str, Link]] = {}
        self.damaged: list[str] = []
        """Names of parts that are there and could not be read."""
        starts = (each.target for each in self.links("").values() if each.kind == "officeDocument")
        self.main = next(starts, otherwise)

    def data(self, name: str) -> bytes:
        """A part as it is stored; empty if it cannot be read."""
        try:
            return self._zip.read(self._names[name.lower()])
        except KeyError:
            return b""
        except BROKEN:
            self.damaged.append(name)
            return b""

    def open(self, name: str) -> IO[bytes]:
        """A part as a stream, for what is too large to hold. Raises KeyError without one."""
        return self._zip.open(self._names[name.lower()])

    def root(self, name: str) -> Any | None:
        """A part's root element; None if there is none or it cannot be read."""
        data = self.data(name)
        if not data:
            return None
        parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
        try:
            return etree.fromstring(STRICT.sub(TRANSITIONAL, data), parser)
        except BROKEN:
            self.damaged.append(name)
            return None

    def links(self, name: str) -> dict[str, Link]:
        """What a part points to, by the id that it calls it by."""
        if name not in self._links:
            self._links[name] = dict(self._read_links(name))
        return self._links[name]

    def linked(self, name: str, kind: str) -> str:
        """The part of a kind that a part points to; empty if there is none."""
        found = (each.target for each in self.links(name).values() if each.kind == kind)
        return next(found, "")

    def _read_links(self, name: str) -> Iterator[tuple[str, Link]]:
        folder, file = posixpath.split(name)
        root = self.root(posixpath.join(folder, "_rels", f"{file}.rels"))
        for each in root.iter(RELATIONSHIP) if root is not None else ():
            kind = each.get("Type", "").rpartition("/")[2]
            target = each.get("Target", "")
            if each.get("TargetMode") == "External":
                yield each.get("Id", ""), Link(kind, target, external=True)
                continue
            whole = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            if whole.lower() in self._names:
                yield each.get("Id", ""), Link(kind, whole, external=False)
