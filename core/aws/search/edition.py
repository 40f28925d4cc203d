"""One version of the index, and which model its vectors come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.aws.search import opensearch
from core.aws.search.opensearch import OpenSearchIndex
from core.ports.index import Embeddings


class Pool(Embeddings, Protocol):
    """Embeddings of one model."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Edition:
    """`live`: it is searched; `filling`: it is being filled, to be searched next."""

    name: str
    model: str
    dims: int
    index: OpenSearchIndex
    live: bool = False
    filling: bool = False


class Vector(list[float]):
    """Numbers, and the name of the version of the index whose model made them."""

    __slots__ = ("edition",)

    def __init__(self, numbers: Sequence[float], edition: str) -> None:
        super().__init__(numbers)
        self.edition = edition


def next_alias() -> str:
    """What points to the version that is being filled."""
    return f"{opensearch.ALIAS}-next"


def foreign(vector: Sequence[float], edition: Edition) -> bool:
    return isinstance(vector, Vector) and vector.edition != edition.name
