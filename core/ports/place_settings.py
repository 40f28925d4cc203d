"""The port to the settings of a place."""

from __future__ import annotations

from typing import Protocol


class PlaceSettings(Protocol):
    """What people chose for a channel or direct chat."""

    async def model(self, place: str) -> str | None:
        """The name of the model chosen for a place, None if nobody chose one."""
        ...

    async def choose_model(self, place: str, model: str) -> None:
        """Set a place's model, by its name."""
        ...

    async def auto(self, place: str) -> bool:
        """Whether files are read that were shared there without a mention of us."""
        ...

    async def choose_auto(self, place: str, on: bool) -> None:
        """Set whether such files are read."""
        ...
