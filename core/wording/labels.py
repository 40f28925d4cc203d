"""Labels of buttons and pickers: short, on one line, and never blank.

Platforms refuse a whole message for one label that is empty or too long, and people name files as
they like.
"""

from __future__ import annotations

import re
import unicodedata

from core.wording.catalogue import phrase

_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and symbols that show nothing."""
_KEPT = frozenset("\u200c\u200d")
"""Joiners, which letters and emoji beside them need."""
_DROPPED = ("Cc", "Cf", "Cn", "Co", "Cs")
_SPACES = re.compile(r"\s+")


def short_label(text: str, limit: int, blank: str = "") -> str:
    """The text on one line, of at most `limit` UTF-16 units. If nothing would be seen: `blank`, or
    that there is no name."""
    shown = "".join(map(_kept, _SPACES.sub(" ", text))).strip()
    if not any(map(_seen, shown)):
        shown = blank or phrase("file.unnamed")
    if _units(shown) <= limit:
        return shown
    while _units(shown) > limit - 1:
        shown = shown[: min(len(shown) - 1, limit - 1)]
    return shown.rstrip() + "…"


def _kept(character: str) -> str:
    if character in _KEPT:
        return character
    return "" if unicodedata.category(character) in _DROPPED else character


def _seen(character: str) -> bool:
    """Whether it leaves a mark by itself: no space, no format character, no lone accent."""
    return character not in _BLANK and unicodedata.category(character)[0] not in "CZM"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
