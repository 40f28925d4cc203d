"""BM25 over words and pairs of characters, as OpenSearch's `cjk` analyzer and Lucene have it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_K1 = 1.2
_B = 0.75
_WORD = re.compile(r"\w+(?:['’]\w+)*|\d+(?:[.,]\d+)*", re.UNICODE)
_CJK = r"가-힣一-鿿぀-ヿ"
_RUN = re.compile(rf"[{_CJK}]+|[^{_CJK}]+")
_STOP = frozenset(
    "a and are as at be but by for if in into is it no not of on or s such t that the their then"  # noqa: SIM905
    " there these they this to was will with www".split()
)


def tokens(text: str, *, apart: bool = False) -> list[str]:
    """Words without English stop words, and of each run of CJK characters the pairs.

    A word of both scripts stays whole, as in Lucene, unless they are to be taken `apart`.
    """
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        runs = _RUN.findall(word)
        if len(runs) > 1 and not apart:
            found.append(word)
            continue
        for run in runs:
            if len(run) == 1 or not re.match(f"[{_CJK}]", run):
                found.append(run)
            else:
                found += [run[n : n + 2] for n in range(len(run) - 1)]
    return [each for each in found if each not in _STOP]


class Words:
    """An index over texts."""

    def __init__(self, texts: Sequence[str], *, apart: bool = False) -> None:
        self._apart = apart
        counts = [Counter(tokens(text, apart=apart)) for text in texts]
        lengths = np.array([sum(each.values()) for each in counts], dtype=np.float64)
        self._norm = _K1 * (1 - _B + _B * lengths / lengths.mean())
        self._size = len(texts)
        posted: dict[str, tuple[list[int], list[int]]] = {}
        for number, each in enumerate(counts):
            for term, times in each.items():
                where, often = posted.setdefault(term, ([], []))
                where.append(number)
                often.append(times)
        self._posted = {
            term: (np.array(where), np.array(often, dtype=np.float64))
            for term, (where, often) in posted.items()
        }

    def scores(self, question: str) -> NDArray[np.float64]:
        total = np.zeros(self._size)
        for term, asked in Counter(tokens(question, apart=self._apart)).items():
            if term in self._posted:
                where, often = self._posted[term]
                rarity = self._rarity(len(where))
                total[where] += asked * rarity * often / (often + self._norm[where])
        return total

    def reference_score(self, question: str) -> float:
        """What a passage of usual length with each word once would score."""
        terms = set(tokens(question, apart=self._apart))
        return sum(self._rarity(self._seen(each)) for each in terms) / (1 + _K1)

    def coverage(self, question: str) -> float:
        """The share of a question's words, by their rarity, that any passage has."""
        terms = set(tokens(question, apart=self._apart))
        whole = sum(self._rarity(self._seen(each)) for each in terms)
        known = sum(self._rarity(self._seen(each)) for each in terms if self._seen(each))
        return known / whole if whole else 0.0

    def _seen(self, term: str) -> int:
        return len(self._posted[term][0]) if term in self._posted else 0

    def _rarity(self, seen: int) -> float:
        return math.log(1 + (self._size - seen + 0.5) / (seen + 0.5))
