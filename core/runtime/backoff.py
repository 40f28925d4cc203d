"""Exponential back-off."""

from __future__ import annotations

_DOUBLINGS = 64
"""Every limit is reached before this many; 2.0 ** 1024 would raise OverflowError."""


def doubled(first: float, failures: int, longest: float) -> float:
    """The wait in seconds: `first`, doubled with each failure, at most `longest`."""
    return min(longest, first * 2.0 ** min(failures, _DOUBLINGS))
