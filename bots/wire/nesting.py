"""How deep a JSON text nests, told before a parser that recurses sees it."""

from __future__ import annotations

import re

DEEPEST = 64
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""The possessive `*+` and the optional end keep an unfinished string from being tried twice."""


def depth(text: str) -> int:
    """How deep brackets nest, strings left out."""
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
