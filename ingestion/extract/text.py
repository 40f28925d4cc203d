"""Plain text: paragraphs, with the lines that they are on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.values.documents import Block, Locator
from ingestion.extract.decode import decoded


def read(path: Path) -> Iterator[Block]:
    """A block for each paragraph."""
    yield from paragraphs(decoded(path).split("\n"), 1)


def paragraphs(lines: list[str], first: int) -> Iterator[Block]:
    """Stretches between empty lines; `first` is the number of the first line."""
    begun: list[str] = []
    for number, line in enumerate((*lines, ""), first):
        if line.strip():
            begun.append(line.rstrip())
        elif begun:
            yield Block("\n".join(begun), Locator("lines", number - len(begun), number - 1))
            begun = []
