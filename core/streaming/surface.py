"""What fits a message, where a platform turns out to take less than it says."""

from __future__ import annotations

from dataclasses import dataclass

from core.ports.chat import Surface


@dataclass(frozen=True, slots=True)
class Tighter:
    """A surface that turned out to hold less than it said."""

    inner: Surface
    limit: int

    def size(self, markdown: str) -> int:
        return self.inner.size(markdown)
