"""The port to a platform's rate limits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import IntEnum, StrEnum
from typing import Protocol


class Call(StrEnum):
    """The calls that a live message makes; each has its own rate limit."""

    POST = "post"
    EDIT = "edit"
    DELETE = "delete"


class Priority(IntEnum):
    """What a call is for, the most urgent first: an answer's end, its first text, or progress."""

    FINAL = 0
    FIRST = 1
    PROGRESS = 2


class Budget(Protocol):
    """The calls that one conversation may make, out of those of its workspace."""

    async def spend(self, call: Call, priority: Priority) -> None:
        """Wait until the call may be made, and count it."""
        ...

    def wait_for(self, call: Call, priority: Priority) -> float:
        """Seconds until such a call could be made if it were requested now."""
        ...

    def pause(self, call: Call, seconds: float) -> None:
        """Block this call for `seconds`, after the platform answered 429."""
        ...

    def answering(self) -> AbstractContextManager[None]:
        """Reserve an edit for the end of an answer while the context is open."""
        ...

    async def published(self) -> None:
        """Wait until other processes can see all changes made here; then we may be suspended."""
        ...
