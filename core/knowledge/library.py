"""Searches and reads documents through index and manifest: `core.ports.index.Library`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from core.knowledge import retrieval
from core.ports.documents import Manifest
from core.ports.index import Embeddings, Index
from core.runtime.tasks import together
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, Passage

QUESTION = 2_000
"""The most characters of a question that are searched for."""
GLIMPSE = 400
"""Characters shown of a passage that is hardly related to the question."""
LIKELY = 4
"""Chunks that are checked first, per wanted passage."""


class IndexedLibrary:
    """Finds only passages that may be seen, of current versions."""

    def __init__(self, index: Index, manifest: Manifest, embeddings: Embeddings) -> None:
        self._index = index
        self._manifest = manifest
        self._embeddings = embeddings

    async def search(
        self,
        question: str,
        scopes: frozenset[Scope],
        *,
        only: Collection[DocumentId] = (),
        limit: int = retrieval.PARENTS,
    ) -> Sequence[Passage]:
        """The passages that answer a question, best first; if none does, the best ones as weak.

        `only` restricts the search to some documents, whose passages may then score below the
        floor. Raises StoreError or ModelError.
        """
        ranked = await self.ranked(question, scopes, only=only, limit=limit, floor=float("-inf"))
        passages = [each for score, each in ranked if only or score.score >= retrieval.FLOOR]
        if not passages:
            passages = [_weak(each) for _, each in ranked[: retrieval.NEAREST]]
        return [passages[n] for n in retrieval.distinct([each.text for each in passages])]

    async def ranked(
        self,
        question: str,
        scopes: frozenset[Scope],
        *,
        only: Collection[DocumentId] = (),
        limit: int = retrieval.PARENTS,
        floor: float = retrieval.FLOOR,
    ) -> Sequence[tuple[retrieval.Ranked, Passage]]:
        """The passages that score at least `floor`, best first, with the parts of their scores.

        The same text may occur twice, from two documents. Raises StoreError or ModelError.
        """
        asked = " ".join(question.split())[:QUESTION]
        if not asked or not scopes:
            return ()
        vectors, most = await together(
            self._embeddings.embed([asked], query=True), self._index.reference_score(asked)
        )
        found = await self._index.search(asked, vectors[0], scopes, most, only=only)
        ranked = retrieval.fused(found)
        documents: dict[DocumentId, Document] = {}
        best: list[retrieval.Ranked] = []
        for most_looked_at in (LIKELY * limit, len(ranked)):
            # the best ones nearly always suffice, and each document is another row to read
            likely = ranked[:most_looked_at]
            documents |= await self._manifest.get(
                {each.hit.document for each in likely} - {*documents}
            )
            seen = retrieval.allowed(likely, documents, scopes)
            best = retrieval.parents(seen, limit, floor)
            if len(best) == limit or len(likely) == len(ranked):
                break
        hits = [each.hit for each in best]
        parents = await self._index.texts([(h.document, h.version, h.first, h.last) for h in hits])
        return [
            (
                each,
                Passage(documents[each.hit.document], joined(chunks), each.hit.locator, each.score),
            )
            for each, chunks in zip(best, parents, strict=True)
            if chunks
        ]

    async def read(self, document: Document) -> Sequence[Passage]:
        """A whole document, one passage per parent. Raises StoreError."""
        if not document.version or not document.chunks:
            return ()
        wanted = (document.id, document.version, 0, document.chunks - 1)
        (chunks,) = await self._index.texts([wanted])
        parents: dict[int, list[Chunk]] = {}
        for chunk in chunks:
            parents.setdefault(chunk.first, []).append(chunk)
        return [Passage(document, joined(each), each[0].locator) for each in parents.values()]


def _weak(passage: Passage) -> Passage:
    """The passage marked as weak; if it is hardly related, only its beginning."""
    whole = passage.score >= retrieval.NEAR
    return replace(passage, weak=True, text=passage.text if whole else passage.text[:GLIMPSE])


def joined(chunks: Sequence[Chunk]) -> str:
    """The text that chunks were cut from."""
    return "".join(c.glue + c.text if n else c.text for n, c in enumerate(chunks))
