"""The ports to the search index and the embedding model.

Rejected             the index refuses a document; a retry would fail as well
Foreign              the index belongs to another deployment; a StoreError
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ports.store_error import StoreError
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, Locator, Passage


class IndexRejected(Exception):
    """The index refuses a document; a retry would fail as well."""


class ForeignIndex(StoreError):
    """The index belongs to another deployment.

    `what` says to which one; the error's message also says what to do.
    """

    FIX = (
        "set OPENSEARCH_URL to a domain of its own, since a domain serves one deployment; if the "
        "other one is gone, delete its indices, parley-chunks-*"
    )

    def __init__(self, index: str, owner: str) -> None:
        self.what = f"{index} belongs to another deployment, the one with the table {owner}"
        super().__init__(f"{self.what}: {self.FIX}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found by the vector search or the word search; `score` is on that search's scale.

    `wide`: the chunk is mostly Chinese, Japanese or Korean.
    """

    document: DocumentId
    version: str
    ordinal: int
    first: int
    last: int
    locator: Locator
    score: float
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of the vector search and of the word search, best first.

    `vector` scores are cosines, `words` scores BM25. `most` is the BM25 score of a chunk of average
    length that contains each word of the question once. `wide`: the question is mostly Chinese,
    Japanese or Korean.
    """

    vector: Sequence[Hit]
    words: Sequence[Hit]
    most: float
    wide: bool = False


class Index(Protocol):
    """The search index of chunks. Its methods raise StoreError."""

    async def put(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Write chunks with their vectors; idempotent. Raises IndexRejected, StoreError."""
        ...

    async def refresh(self) -> None:
        """Return once everything that was put is searchable."""
        ...

    async def delete(self, document: DocumentId, *, before: str = "", only: str = "") -> None:
        """Delete a document's chunks: all, those of versions older than `before`, or of `only`."""
        ...

    async def held(self, ids: Collection[DocumentId]) -> Mapping[tuple[str, str], int]:
        """The number of chunks by document (`DocumentId.short`) and version."""
        ...

    async def versions(
        self, after: str, limit: int
    ) -> tuple[Sequence[tuple[DocumentId, str]], str]:
        """A page of the (document, version) pairs that have chunks, and the next page's cursor."""
        ...

    async def search(
        self,
        question: str,
        vector: Sequence[float],
        scopes: frozenset[Scope],
        most: float,
        *,
        only: Collection[DocumentId] = (),
    ) -> Found:
        """Search the documents of `scopes`, by words and by vector.

        `vector` is the question's embedding, `most` what `most(question)` returned, `only` the
        documents to search if not all.
        """
        ...

    async def reference_score(self, question: str) -> float:
        """The BM25 score of a chunk that contains each word of a question once."""
        ...

    async def texts(
        self, wanted: Sequence[tuple[DocumentId, str, int, int]]
    ) -> Sequence[Sequence[Chunk]]:
        """The chunks of each wanted (document, version, first, last), in order.

        Chunks that do not exist are left out.
        """
        ...


class Embeddings(Protocol):
    """An embedding model."""

    async def embed(
        self, texts: Sequence[str], *, query: bool = False
    ) -> Sequence[Sequence[float]]:
        """One vector for each text, in order. `query`: the texts are questions, not documents.

        Raises ModelError.
        """
        ...


class Library(Protocol):
    """All documents that can be searched and read."""

    async def search(
        self,
        question: str,
        scopes: frozenset[Scope],
        *,
        only: Collection[DocumentId] = (),
        limit: int = 6,
    ) -> Sequence[Passage]:
        """The passages of `scopes` that answer a question, best first.

        `only` restricts the search to some documents, unless it is empty. Raises StoreError or
        ModelError.
        """
        ...

    async def read(self, document: Document) -> Sequence[Passage]:
        """A whole document as passages in order. Raises StoreError."""
        ...
