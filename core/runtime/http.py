"""What a receiver of HTTP requests takes and gives, whoever serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.values.conversation import Command, Incoming

Headers = Sequence[tuple[str, str]]
"""As they came: a name may be there twice."""
Enqueue = Callable[[Incoming | Command], None]
"""Queues, from any thread. Raises StoreError."""

LATER = "I can't take that just now. Please try again in a minute."
"""What people are told where nothing can be queued and the platform does not try again."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Headers = ()
    body: bytes = b""
