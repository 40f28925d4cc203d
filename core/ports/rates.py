"""How the core asks for the calls that a platform lets it make."""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import IntEnum, StrEnum
from typing import Protocol


class Call(StrEnum):
    """The calls that a growing answer makes; each has a rate of its own."""

    POST = "post"
    EDIT = "edit"
    DELETE = "delete"


class Priority(IntEnum):
    FINAL = 0
    FIRST = 1
    PROGRESS = 2


class Budget(Protocol):
    """The calls one conversation may make, out of its workspace's.

    `answering()` is held while an answer runs: its final edit is reserved.
    """

    async def spend(self, call: Call, priority: Priority) -> None:
        """Returns when the call may be made."""
        ...

    def wait_for(self, call: Call, priority: Priority) -> float:
        """Seconds until such a call could be made, were it asked for now."""
        ...

    def pause(self, call: Call, seconds: float) -> None:
        """The platform said 429: nobody makes this call for `seconds`."""
        ...

    def answering(self) -> AbstractContextManager[None]: ...
    async def published(self) -> None:
        """Returns once the other processes can see what changed here, to be at rest then."""
        ...
