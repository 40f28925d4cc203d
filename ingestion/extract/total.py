"""How many pages, slides or sheets a file has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Total:
    """How many pages, slides or sheets there are."""

    pages: int
