"""Recall of BM25, of the vectors and of ours on labelled questions, over a real OpenSearch node.

`python -m benchmarks.quality.recall`. Documents come out of Debian's packages (`corpus.py`),
through the product's reader, chunker and index; vectors from the bundled multilingual model. A hit
is a passage (a parent, as it would go into a prompt) that holds the labelled answer word for word.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.documents import scratch
from benchmarks.quality.corpus import cache, documents
from core.aws.search.opensearch import OpenSearchIndex
from core.knowledge import retrieval
from core.knowledge.library import joined
from core.ports.index import Found, Hit
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, searched
from ingestion.chunks import chunked
from ingestion.extract import html
from local.aws import free_port
from local.bedrock.embedding import offline
from local.opensearch.node import LocalOpenSearch

HERE = Path(__file__).parent
AT = (1, 3, 10)
BATCH = 64
"""Chunks that are embedded and written at a time."""
SCOPES = frozenset({Scope("library")})
"""Everything is in one place: what is measured is ranking."""
Order = Callable[[Found], Sequence[Hit]]
ORDERS: Mapping[str, Order] = {
    "BM25": lambda found: found.words,
    "vector": lambda found: found.vector,
    "ours": lambda found: [each.hit for each in retrieval.fused(found)],
}


async def main() -> None:
    """Prints a table for each part, and how well the top score tells answerable questions."""
    with scratch() as folder, LocalOpenSearch(folder, free_port()) as node:
        index = OpenSearchIndex(node.url, "us-east-1", model="bundled", dims=512)
        try:
            await _measure(index)
        finally:
            await index.close()


async def _measure(index: OpenSearchIndex) -> None:
    chunks = await _indexed(index)
    encode = offline()
    hits: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    tops: dict[bool, list[float]] = {True: [], False: []}
    for asked in _read("questions.jsonl"):
        found = await _found(index, asked["question"], encode)
        tops[True].append(_top(found))
        for name, order in ORDERS.items():
            rank = _rank(order(found), chunks, asked)
            hits[f"{asked['lang']} → {asked['target']}"][name].append(rank)
    for asked in _read("unanswerable.jsonl"):
        tops[False].append(_top(await _found(index, asked["question"], encode)))
    print(f"{sum(map(len, chunks.values()))} chunks of {len(chunks)} documents")
    print("| part | questions | leg | " + " | ".join(f"recall@{n}" for n in AT) + " |")
    print("|---|---|---|---|---|---|")
    for part, by in hits.items():
        for leg, ranks in by.items():
            shares = [sum(rank <= n for rank in ranks) / len(ranks) for n in AT]
            told = " | ".join(f"{share:.2f}" for share in shares)
            print(f"| {part} | {len(ranks)} | {leg} | {told} |")
    good, bad = tops[True], tops[False]
    area = sum((g > b) + 0.5 * (g == b) for g in good for b in bad) / (len(good) * len(bad))
    passed = [sum(top >= retrieval.FLOOR for top in each) / len(each) for each in (good, bad)]
    print(f"\nTop score, answerable above unanswerable (AUC): {area:.2f}.")
    print(
        f"At the floor of {retrieval.FLOOR}: {passed[0]:.0%} of {len(good)} answerable and "
        f"{passed[1]:.0%} of {len(bad)} unanswerable questions are given passages."
    )


async def _indexed(index: OpenSearchIndex) -> dict[DocumentId, list[Chunk]]:
    encode = offline()
    kept: dict[DocumentId, list[Chunk]] = {}
    for name, path, _ in documents(cache()):
        document = DocumentId("library", name)
        chunks = kept[document] = [*chunked(html.read(path))]
        row = Document(document, Path(name).name, name)
        for start in range(0, len(chunks), BATCH):
            some = chunks[start : start + BATCH]
            vectors = await asyncio.to_thread(encode, [searched(row.name, each) for each in some])
            await index.put(row, "1", some, vectors)
    await index.refresh()
    return kept


async def _found(index: OpenSearchIndex, question: str, encode: Any) -> Found:
    (vector,) = encode([question])
    return await index.search(question, vector, SCOPES, await index.reference_score(question))


def _top(found: Found) -> float:
    return max((each.score for each in retrieval.fused(found)), default=0.0)


def _rank(
    order: Sequence[Hit], chunks: Mapping[DocumentId, list[Chunk]], asked: Mapping[str, str]
) -> int:
    """The place of the first passage that holds the answer, from 1; large where there is none."""
    wanted = _plain(asked["answer"])
    parents = [*dict.fromkeys((each.document, each.first, each.last) for each in order)]
    for place, (document, first, last) in enumerate(parents, 1):
        if wanted in _plain(joined(chunks[document][first : last + 1])):
            return place
    return 1_000


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def _read(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (HERE / name).read_text().splitlines() if line.strip()]


if __name__ == "__main__":
    asyncio.run(main())
