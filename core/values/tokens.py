"""Estimates the number of tokens in a text."""

from __future__ import annotations

import re

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")


_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")


def is_wide(text: str) -> bool:
    """Whether a text is mostly Chinese, Japanese or Korean.

    Such a character is counted twice, as it says about twice as much as a Latin letter.
    """
    return 2 * len(_WIDE.findall(text)) > len(_LATIN.findall(text))


def estimate(text: str) -> int:
    """Tokens in `text`: one per CJK character, one per four others. Tends to be too high."""
    wide = len(_WIDE.findall(text))
    return wide + (len(text) - wide + 3) // 4
