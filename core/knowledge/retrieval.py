"""Which passages answer a question: fusion of both legs, the floor, parents. Pure.

Scores that mean the same for every question are added: the cosine, and BM25 as a share of what a
passage with all of the question's words would score. A passage in another script than the
question's can have none of its words; it is given a part of the best share, so that the vectors
decide between it and the others. Figures: benchmarks/README.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.ports.index import Found, Hit
from core.values.conversation import Scope
from core.values.documents import Document, DocumentId, State

WORDS = 0.4
"""How much a passage with all of the question's words gains on one with none."""
MOST = 1.5
"""Of that share: words that are repeated say a little more."""
ELSEWISE = 0.7
"""The part of the best share that a passage in another script gets."""
FLOOR = 0.3
"""What scores less is shown as weak, and only where nothing scores more. Of the labelled questions
98 % pass it, of those that no document answers 61 %; the rest is for the model to say."""
NEAR, NEAREST = 0.15, 2
"""So many passages below the floor are shown; what scores less than NEAR, by its beginning."""
PARENTS = 6
"""Passages that go into a prompt."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """`cosine` and `words` are what the score is made of: the latter BM25 as a share (`fused`)."""

    hit: Hit
    score: float
    cosine: float = 0.0
    words: float = 0.0


def fused(found: Found) -> list[Ranked]:
    """Both legs as one, best first.

    What the vector leg did not find is at most as near as the last that it did.
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
    """Those that count: of a document's present version, in a place that may be seen."""
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
    """The best chunk of each parent, for as many parents as go into a prompt."""
    best: dict[tuple[DocumentId, int], Ranked] = {}
    for each in ranked:
        if each.score < floor:
            break
        best.setdefault((each.hit.document, each.hit.first), each)
        if len(best) == limit:
            break
    return [*best.values()]


def distinct(texts: Sequence[str]) -> list[int]:
    """Which of some texts to keep so that none is there twice: the same file in two places."""
    seen: dict[str, int] = {}
    for number, text in enumerate(texts):
        seen.setdefault(" ".join(text.split()), number)
    return sorted(seen.values())


def _share(score: float, most: float) -> float:
    return min(MOST, score / most) if most > 0 else 0.0


def _key(hit: Hit) -> tuple[DocumentId, str, int]:
    return hit.document, hit.version, hit.ordinal
