"""Plain text: paragraphs, with their line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.values.documents import Block, Locator
from ingestion.extract.decode import decoded


def read(path: Path) -> Iterator[Block]:
    """Yield a block for each paragraph."""
    yield from paragraphs(decoded(path).split("\n"), 1)


def paragraphs(lines: list[str], first: int) -> Iterator[Block]:
    """Yield the stretches between empty lines; `first` is the number of the first line."""
    begun: list[str] = []
    for number, line in enumerate((*lines, ""), first):
        if line.strip():
            begun.append(line.rstrip())
        elif begun:
            yield Block("\n".join(begun), Locator("lines", number - len(begun), number - 1))
            begun = []
