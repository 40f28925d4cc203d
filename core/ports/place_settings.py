"""How the core reaches what people chose for a place."""

from __future__ import annotations

from typing import Protocol


class PlaceSettings(Protocol):
    """What people chose for a channel or direct chat."""

    async def model(self, place: str) -> str | None: ...
    async def choose_model(self, place: str, model: str) -> None: ...
    async def auto(self, place: str) -> bool:
        """Whether files are read that were shared there without a word to us."""
        ...

    async def choose_auto(self, place: str, on: bool) -> None: ...
