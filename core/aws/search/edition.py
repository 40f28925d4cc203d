"""One version of the search index, and the embedding model of its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.aws.search import opensearch
from core.aws.search.opensearch import OpenSearchIndex
from core.ports.index import Embeddings


class Pool(Embeddings, Protocol):
    """One embedding model, which can be closed."""

    async def close(self) -> None:
        """Close connections and threads."""
        ...


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """A version of the index. `live`: it is searched; `filling`: it is being filled to go live."""

    name: str
    model: str
    dims: int
    index: OpenSearchIndex
    live: bool = False
    filling: bool = False


class Vector(list[float]):
    """An embedding, with the name of the index version whose model made it."""

    __slots__ = ("edition",)

    def __init__(self, numbers: Sequence[float], edition: str) -> None:
        super().__init__(numbers)
        self.edition = edition


def next_alias() -> str:
    """The alias of the version that is being filled."""
    return f"{opensearch.ALIAS}-next"


def foreign(vector: Sequence[float], edition: IndexVersion) -> bool:
    """Whether a vector is known to belong to another version of the index."""
    return isinstance(vector, Vector) and vector.edition != edition.name
