"""The HTTP types that receivers share, whichever server runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.values.conversation import Command, Incoming

Headers = Sequence[tuple[str, str]]
"""Headers as received; a name may occur twice."""
Enqueue = Callable[[Incoming | Command], None]
"""Enqueues a question or command; callable from any thread. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Headers = ()
    body: bytes = b""
