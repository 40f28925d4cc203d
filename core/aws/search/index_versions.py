"""The versions of the search index, each with the embedding model of its vectors.

1. The alias says which version is searched, and the index itself says which model it has. Processes
   follow the alias within `FOLLOW` seconds, whatever model their settings name: that one is used
   for a new index only.
2. A vector knows its version, so that it is never searched for or written among another model's.
3. While a new version is filled, writes go to both versions, and deletions to all.
4. A version belongs to one deployment (`core.aws.search.owner`), and no other one touches it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import boto3
from opensearchpy.exceptions import NotFoundError

from core.aws.search import opensearch, owner
from core.aws.search.edition import IndexVersion, Pool, Vector, foreign, next_alias
from core.aws.search.opensearch import OpenSearchIndex, connect, name_of
from core.aws.search.requests import asked
from core.aws.search.serverless import maker
from core.ports.documents import Missing
from core.ports.index import Found, IndexRejected
from core.ports.model import ModelError
from core.ports.store_error import StoreError
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, searched

log = logging.getLogger(__name__)

FOLLOW = 5.0
"""Seconds for which a process uses the versions that it has read."""

T = TypeVar("T")


class IndexVersions:
    """All versions as one `core.ports.index.Index` and `core.ports.index.Embeddings`.

    `pool` builds a model's embeddings, `table` is the deployment's table. Every call raises
    StoreError, and Foreign if the index belongs to another deployment.
    """

    def __init__(
        self,
        url: str,
        region: str,
        *,
        model: str,
        dims: int,
        pool: Callable[[str, int], Pool],
        table: str,
        session: boto3.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = connect(url, region, session)
        self.model = model
        self.dims = dims
        self.table = table
        self._where = (url, region)
        self._make = maker(url)
        self._pool = pool
        self._pools = {(model, dims): pool(model, dims)}
        self._clock = clock
        self._known: tuple[IndexVersion, ...] = ()
        self._nameless: dict[str, dict[str, Any]] = {}
        self._indices: dict[str, OpenSearchIndex] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()
        for each in self._pools.values():
            await each.close()

    @property
    def wanted(self) -> str:
        """The name of the version that the settings call for."""
        return name_of(self.model, self.dims)

    def embeddings(self, edition: IndexVersion) -> Pool:
        """The embedding model of a version."""
        key = (edition.model, edition.dims)
        if key not in self._pools:
            self._pools[key] = self._pool(*key)
        return self._pools[key]

    async def all(self, *, anew: bool = False) -> Sequence[IndexVersion]:
        """The existing versions, empty if nothing was ever indexed; `anew` reads them again."""
        async with self._reading:
            if anew or self._clock() - self._read_at >= FOLLOW:
                began = self._clock()
                self._known = tuple(await self._read())
                self._read_at = began
        return self._known

    async def live(self, *, anew: bool = False) -> IndexVersion:
        """The version that is searched, or if there is none, the one that would be created."""
        found = [each for each in await self.all(anew=anew) if each.live]
        if not found:
            return self.unmade()
        # an earlier release gave the alias to a second version beside the first
        return next((each for each in found if each.name == self.wanted), found[0])

    def unmade(self) -> IndexVersion:
        """The version that the settings call for, assuming that it does not exist yet."""
        return self._edition(self.wanted, self.model, self.dims, there=False)

    async def claim(self) -> None:
        """Take ownership of indices from a release that did not record the owner."""
        await self.all()
        if not self._nameless or not self.table:
            return
        for name, meta in self._nameless.items():
            await owner.take(self.client, name, meta, self.table)
        await self.all(anew=True)

    async def known(self) -> int | None:
        """The number of searched chunks, None if nothing was ever indexed. Raises StoreError."""
        return await (await self.live(anew=True)).index.known()

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[Vector]:
        """Embed texts with the live version's model. Raises StoreError, ModelError."""
        edition = await self.live()
        vectors = await self.embeddings(edition).embed(texts, query=query)
        return [Vector(each, edition.name) for each in vectors]

    async def put(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Write chunks to the live version and the one being filled. Raises IndexRejected,
        ModelError."""
        await self.claim()
        live = await self.live()
        if any(foreign(each, live) for each in vectors):
            vectors = await self._embedded(live, document, chunks)
        try:
            await live.index.put(document, version, chunks, vectors)
        except Missing as exc:
            await self.all(anew=True)
            raise StoreError("the index went") from exc
        if not any(each.live for each in self._known):
            await self.all(anew=True)  # it was created just now
        for each in self._known:
            if each.filling and each.name != live.name:
                await self._put_too(each, document, version, chunks)

    async def _put_too(
        self, edition: IndexVersion, document: Document, version: str, chunks: Sequence[Chunk]
    ) -> None:
        """Write to the version being filled; the process that fills it makes up for failures."""
        try:
            vectors = await self._embedded(edition, document, chunks)
            await edition.index.put(document, version, chunks, vectors)
        except (Missing, StoreError, ModelError, IndexRejected) as exc:
            log.warning("not written to the next index: %s", type(exc).__name__)

    async def _embedded(
        self, edition: IndexVersion, document: Document, chunks: Sequence[Chunk]
    ) -> Sequence[Sequence[float]]:
        texts = [searched(document.name, each) for each in chunks]
        return await self.embeddings(edition).embed(texts)

    async def refresh(self) -> None:
        """Return once all that was put is searchable, in the version being filled as well."""
        live = await self.live()
        for each in (live, *(each for each in self._known if each.filling)):
            try:
                await each.index.refresh()
            except NotFoundError:
                log.info("a version of the index went")

    async def delete(self, document: DocumentId, *, before: str = "", only: str = "") -> None:
        """Delete a document's chunks from every version, since any of them may go live."""
        await self.claim()
        known = await self.all()
        for each in known or await self.all(anew=True):
            await each.index.delete(document, before=before, only=only)

    async def search(
        self,
        question: str,
        vector: Sequence[float],
        scopes: frozenset[Scope],
        most: float,
        *,
        only: Collection[DocumentId] = (),
    ) -> Found:
        """Search the live version, embedding the question again if `vector` is another model's."""

        async def search(edition: IndexVersion) -> Found:
            asked_for = vector
            if foreign(vector, edition):
                (asked_for,) = await self.embeddings(edition).embed([question], query=True)
            return await edition.index.search(question, asked_for, scopes, most, only=only)

        return await self._followed(search)

    async def reference_score(self, question: str) -> float:
        """The BM25 score of a chunk that contains each word of a question once."""
        return await self._followed(lambda edition: edition.index.reference_score(question))

    async def texts(
        self, wanted: Sequence[tuple[DocumentId, str, int, int]]
    ) -> Sequence[Sequence[Chunk]]:
        """The chunks of each wanted (document, version, first, last)."""
        return await self._followed(lambda edition: edition.index.texts(wanted))

    async def held(self, ids: Collection[DocumentId]) -> Mapping[tuple[str, str], int]:
        """The number of chunks by document (`DocumentId.short`) and version."""
        return await self._followed(lambda edition: edition.index.held(ids))

    async def versions(
        self, after: str, limit: int
    ) -> tuple[Sequence[tuple[DocumentId, str]], str]:
        """A page of the (document, version) pairs that have chunks, and the next page's cursor.

        The index is claimed first: the caller deletes chunks that the table does not know, so they
        have to be ours.
        """
        await self.claim()
        return await self._followed(lambda edition: edition.index.versions(after, limit))

    async def _followed(self, call: Callable[[IndexVersion], Awaitable[T]]) -> T:
        """Call the live version, and if that fails because another one replaced it, that one."""
        first = await self.live()
        try:
            return await call(first)
        except (Missing, StoreError, IndexRejected) as exc:
            # a version that is being deleted fails in many ways
            second = await self.live(anew=True)
            if second.name == first.name:
                if isinstance(exc, Missing):
                    raise StoreError("the index went") from exc
                raise
        try:
            return await call(second)
        except Missing as exc:
            raise StoreError("the index went") from exc

    async def _read(self) -> list[IndexVersion]:
        answer = await asked(
            self.client.indices.get, index=f"{opensearch.ALIAS}-*", ignore_unavailable="true"
        )
        self._nameless = {}
        found = [self._described(name, each) for name, each in sorted(answer.items())]
        return [each for each in found if each is not None]

    def _described(self, name: str, told: dict[str, Any]) -> IndexVersion | None:
        """The version that an index is, None for an index that was not created by Parley."""
        mappings, aliases = told["mappings"], told["aliases"]
        meta = mappings.get("_meta", {})
        if "embedding_model" not in meta or "dims" not in meta:
            return None
        if not owner.named(name, meta, self.table):
            self._nameless[name] = meta
        return self._edition(
            name,
            str(meta["embedding_model"]),
            int(meta["dims"]),
            there=True,
            fields=frozenset(mappings.get("properties", {})),
            live=opensearch.ALIAS in aliases,
            filling=next_alias() in aliases,
        )

    def _edition(
        self,
        name: str,
        model: str,
        dims: int,
        *,
        there: bool,
        fields: frozenset[str] = frozenset(),
        live: bool = False,
        filling: bool = False,
    ) -> IndexVersion:
        key = f"{name}/{there}"
        if key not in self._indices:
            url, region = self._where
            self._indices[key] = self._make(
                url,
                region,
                model=model,
                dims=dims,
                client=self.client,
                name=name,
                fields=fields,
                there=there,
                table=self.table,
            )
        return IndexVersion(name, model, dims, self._indices[key], live, filling)
