"""Ranks passages: fuses the vector and word search, applies a floor, selects parents. Pure.

The two scores that are added mean the same for every question: the cosine, and BM25 as a share of
the score of a passage with all of the question's words. A passage in another script than the
question's cannot contain its words; it gets a part of the best share, so that the vectors decide
between it and the others. Figures are in `benchmarks/README.md`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.ports.index import Found, Hit
from core.values.conversation import Scope
from core.values.documents import Document, DocumentId, State

WORDS = 0.4
"""How much a passage with all of the question's words gains over one with none."""
MOST = 1.5
"""The upper limit of that share: repeated words count a little more."""
ELSEWISE = 0.7
"""The part of the best share that a passage in another script gets."""
FLOOR = 0.3
"""Passages with a lower score are shown as weak, and only if none scores higher. 98 % of the
labelled questions pass it, and 61 % of those that no document answers; the model decides the
rest."""
NEAR, NEAREST = 0.15, 2
"""At most `NEAREST` passages below the floor are shown; below `NEAR`, only their beginning."""
PARENTS = 6
"""Passages in a prompt."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit with its fused score, and its parts: the cosine, and BM25 as a share (`words`)."""

    hit: Hit
    score: float
    cosine: float = 0.0
    words: float = 0.0


def fused(found: Found) -> list[Ranked]:
    """Both searches' hits with a fused score, best first.

    A hit that the vector search did not find gets the lowest cosine that it did find.
    """
    cosines = {_key(hit): hit.score for hit in found.vector}
    words = {_key(hit): hit.score for hit in found.words}
    least = min(cosines.values(), default=0.0)
    hits = {_key(hit): hit for hit in (*found.words, *found.vector)}
    best = max((_share(each.score, found.most) for each in found.words), default=0.0)
    ranked = []
    for key, hit in hits.items():
        share = _share(words.get(key, 0.0), found.most)
        if hit.wide != found.wide:
            share = max(share, ELSEWISE * best)
        cosine = cosines.get(key, least)
        ranked.append(Ranked(hit, cosine + WORDS * share, cosine, share))
    return sorted(ranked, key=lambda each: -each.score)


def allowed(
    ranked: Iterable[Ranked],
    documents: Mapping[DocumentId, Document],
    scopes: Collection[Scope],
) -> list[Ranked]:
    """The hits of a document's current version that a person who may see `scopes` may see."""
    return [
        each
        for each in ranked
        if (row := documents.get(each.hit.document)) is not None
        and row.seen_by(scopes)
        and counts(row, each.hit.version)
    ]


def counts(document: Document | None, version: str) -> bool:
    """Whether chunks of a version may be shown."""
    if document is None or document.state is State.DELETED:
        return False
    return bool(version) and document.version == version


def parents(ranked: Iterable[Ranked], limit: int, floor: float) -> list[Ranked]:
    """The best hit of each parent, for at most `limit` parents that score at least `floor`."""
    best: dict[tuple[DocumentId, int], Ranked] = {}
    for each in ranked:
        if each.score < floor:
            break
        best.setdefault((each.hit.document, each.hit.first), each)
        if len(best) == limit:
            break
    return [*best.values()]


def distinct(texts: Sequence[str]) -> list[int]:
    """The indices of texts without repetitions, which come from the same file in two places."""
    seen: dict[str, int] = {}
    for number, text in enumerate(texts):
        seen.setdefault(" ".join(text.split()), number)
    return sorted(seen.values())


def _share(score: float, most: float) -> float:
    return min(MOST, score / most) if most > 0 else 0.0


def _key(hit: Hit) -> tuple[DocumentId, str, int]:
    return hit.document, hit.version, hit.ordinal
