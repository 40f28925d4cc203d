"""How the core reaches the search index and the embedding model.

Rejected             the index refuses what it was given, now or later
Foreign              the index belongs to another deployment, a StoreError
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ports.store_error import StoreError
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, Locator, Passage


class Rejected(Exception):
    """The index does not take what it was given."""


class Foreign(StoreError):
    """The index is another deployment's. `what` says whose; the message, what to do as well."""

    FIX = (
        "set OPENSEARCH_URL to a domain of its own, since a domain serves one deployment; if the "
        "other one is gone, delete its indices, parley-chunks-*"
    )

    def __init__(self, index: str, owner: str) -> None:
        self.what = f"{index} belongs to another deployment, the one with the table {owner}"
        super().__init__(f"{self.what}: {self.FIX}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a leg of the search found; `score` is that leg's own, `wide` its script's."""

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
    """Both legs, best first. `vector` scores are cosines, `words` BM25: `most` where each word of
    the question stands once in a passage of usual length. `wide` is the question's script."""

    vector: Sequence[Hit]
    words: Sequence[Hit]
    most: float
    wide: bool = False


class Index(Protocol):
    """Where chunks are searched."""

    async def put(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Writes chunks; the same ones again replace themselves. Raises Rejected, StoreError."""
        ...

    async def settle(self) -> None:
        """Returns when all that was put can be found."""
        ...

    async def delete(self, document: DocumentId, *, before: str = "", only: str = "") -> None:
        """Removes a document's chunks: all, those of versions `before` one, or `only` one's."""
        ...

    async def held(self, ids: Collection[DocumentId]) -> Mapping[tuple[str, str], int]:
        """How many chunks there are, by document (`short`) and version. Raises StoreError."""
        ...

    async def versions(
        self, after: str, limit: int
    ) -> tuple[Sequence[tuple[DocumentId, str]], str]:
        """Documents and versions of which there are chunks, and where to go on after them."""
        ...

    async def search(
        self,
        question: str,
        vector: Sequence[float],
        scopes: frozenset[Scope],
        most: float,
        *,
        only: Collection[DocumentId] = (),
    ) -> Found: ...
    async def most(self, question: str) -> float:
        """The BM25 score of a chunk that has each word of a question once."""
        ...

    async def texts(
        self, wanted: Sequence[tuple[DocumentId, str, int, int]]
    ) -> Sequence[Sequence[Chunk]]:
        """The chunks of each (document, version, first, last), in order; missing ones left out."""
        ...


class Embeddings(Protocol):
    async def embed(
        self, texts: Sequence[str], *, query: bool = False
    ) -> Sequence[Sequence[float]]: ...


class Library(Protocol):
    async def search(
        self,
        question: str,
        scopes: frozenset[Scope],
        *,
        only: Collection[DocumentId] = (),
        limit: int = 6,
    ) -> Sequence[Passage]:
        """The passages that answer a question, best first, of the documents `only` if there are
        any. Raises StoreError or ModelError."""
        ...

    async def read(self, document: Document) -> Sequence[Passage]:
        """A whole document, in order. Raises StoreError."""
        ...
