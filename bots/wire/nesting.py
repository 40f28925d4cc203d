"""Measure how deeply a JSON text nests, before a recursive parser reads it."""

from __future__ import annotations

import re

DEEPEST = 64
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""The possessive `*+` and the optional closing quote prevent backtracking on an unclosed string."""


def depth(text: str) -> int:
    """Return how deeply brackets nest outside strings."""
    depth = deepest = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        mark = found[0]
        if mark in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEEPEST:
                break
        elif mark in ("]", "}"):
            depth -= 1
    return deepest
