"""Jupyter notebooks: cells' text and code, and what they printed; no pictures, no metadata.

https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.values.documents import Block
from ingestion.extract import html, json_, markdown
from ingestion.extract.decode import decoded
from ingestion.extract.errors import clean

PRINTED = 4_000
"""Characters of one cell's output that are read."""


def read(path: Path) -> Iterator[Block]:
    """The cells in order. What is no notebook is read as JSON."""
    text = decoded(path)
    try:
        book = json.loads(text)
    except (ValueError, RecursionError):
        book = None
    cells = _cells(book)
    if not cells:
        yield from json_.read(path)
        return
    pictures = 0
    for cell in cells:
        source = _text(cell.get("source", cell.get("input")))
        match cell.get("cell_type"):
            case "markdown" | "heading":
                yield from markdown.of_text(source)
            case "code" if source.strip():
                yield Block(f"```\n{source.rstrip()}\n```", kind="code")
            case _ if source.strip():
                yield Block(source.strip("\n"))
        for output in cell.get("outputs") or ():
            if isinstance(output, dict):
                yield from _printed(output)
                pictures += any(str(each).startswith("image/") for each in _data(output))
    if pictures:
        yield Block(f"(Not read: {pictures} picture{'s' * (pictures > 1)} that cells drew.)")


def _cells(book: Any) -> list[dict[str, Any]]:
    """Cells of any version of the format: before the fourth they were in worksheets."""
    if not isinstance(book, dict) or "nbformat" not in book:
        return []
    found = book.get("cells")
    if not isinstance(found, list):
        sheets = book.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        found = [c for s in sheets if isinstance(s, dict) for c in s.get("cells") or ()]
    return [each for each in found if isinstance(each, dict)]


def _data(output: dict[str, Any]) -> dict[str, Any]:
    data = output.get("data")
    return data if isinstance(data, dict) else {}


def _printed(output: dict[str, Any]) -> Iterator[Block]:
    data = _data(output)
    if output.get("output_type") == "error":
        text = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    elif "text/html" in data and "<table" in _text(data["text/html"]):
        yield from html.of_text(_text(data["text/html"]))
        return
    else:
        text = _text(output.get("text", data.get("text/markdown", data.get("text/plain"))))
    text = clean(text).rstrip()
    if len(text) > PRINTED:
        text = f"{text[:PRINTED]}\n(The rest of this output was not read.)"
    if text.strip():
        yield Block(text, kind="code")


def _text(value: Any) -> str:
    """A source or an output: a text, or its lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""
