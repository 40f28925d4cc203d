"""The number of pages, slides or sheets in a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Total:
    """The number of pages, slides or sheets, yielded among the blocks."""

    pages: int
