"""How long to wait after failures in a row."""

from __future__ import annotations

_DOUBLINGS = 64
"""Beyond these every limit is reached; 2.0 to the power of 1,024 is an OverflowError."""


def doubled(first: float, failures: int, longest: float) -> float:
    """`first` seconds, doubled with each failure, at most `longest`."""
    return min(longest, first * 2.0 ** min(failures, _DOUBLINGS))
