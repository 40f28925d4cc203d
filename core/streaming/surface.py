"""A surface with a lower size limit, for a platform that accepts less than it documents."""

from __future__ import annotations

from dataclasses import dataclass

from core.ports.chat import Surface


@dataclass(frozen=True, slots=True)
class Tighter:
    """A surface with the size limit `limit` instead of its own."""

    inner: Surface
    limit: int

    def size(self, markdown: str) -> int:
        """The size of a text, as the inner surface measures it."""
        return self.inner.size(markdown)
