"""One version of the search index, on an OpenSearch domain: `core.ports.index.Index`.

There is one index for each embedding model, and an alias over the live one. A chunk's id consists
of its document, version and ordinal: writing it again replaces it, and the ids of its neighbours
are known. Ids contain only letters, digits, `-` and `_`, since other characters break request
signatures. The vector engine, Lucene, filters while it searches and is in every distribution.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import boto3
import orjson
from opensearchpy import AsyncHttpConnection, AsyncOpenSearch, AWSV4SignerAsyncAuth
from opensearchpy.exceptions import NotFoundError

from core.aws.search import mapping
from core.aws.search.requests import asked, sent
from core.ports.documents import Missing
from core.ports.index import Found, Hit, IndexRejected
from core.ports.store_error import StoreError
from core.runtime.tasks import Background
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId
from core.values.tokens import is_wide

ALIAS = "parley-chunks"


class OpenSearchIndex:
    """One version of the index, for the embedding model `model` with `dims` dimensions.

    `there`: the index exists; if it is deleted, calls raise Missing instead of finding nothing.
    `name` and `fields` describe a version that another release created. A `client` that is passed
    in is closed by its owner. `table` names the deployment that owns a new index. Methods raise
    StoreError.
    """

    latency = 0.0
    """Seconds until writes of other processes are searchable, after they called `refresh`."""
    cosine = staticmethod(mapping.cosine)
    """Converts a hit's score from the engine's scale to a cosine."""

    def __init__(
        self,
        url: str,
        region: str,
        *,
        model: str,
        dims: int,
        session: boto3.Session | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        client: AsyncOpenSearch | None = None,
        name: str = "",
        fields: frozenset[str] = frozenset(),
        there: bool = False,
        table: str = "",
    ) -> None:
        self._client = client or connect(url, region, session)
        self._model = model
        self._dims = dims
        self._table = table
        self._sleep = sleep
        self._fields = fields
        self.name = name or name_of(model, dims)
        self._expected = there
        self._there = there
        self._background = Background(heard=True)
        self._refresh: asyncio.Task[None] | None = None
        self._refreshing = asyncio.Lock()

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    def definition(self) -> dict[str, Any]:
        """The settings and mapping that a new index is created with."""
        return mapping.definition(self._model, self._dims, self._table)

    def directed(self, vector: Sequence[float]) -> Sequence[float]:
        """A vector in the form that the engine expects."""
        return vector

    async def ensure(self) -> None:
        """Create the index and its alias if they do not exist. Raises Missing if a version that
        existed was deleted: a write would create an index in which nothing is found."""
        answer = await self._asked(self._client.indices.exists, index=self.name)
        if self._expected and not answer:
            raise Missing(self.name)
        if self._there and answer:
            return
        body = self.definition()
        if not answer:
            try:
                await self._asked(self._client.indices.create, index=self.name, body=body)
            except IndexRejected as exc:
                if "resource_already_exists" not in str(exc):
                    raise
        await self._asked(self._client.indices.put_alias, index=self.name, name=ALIAS)
        self._there = True

    async def known(self) -> int | None:
        """The number of chunks, None if the index does not exist."""
        try:
            answer = await self._asked(self._client.count, index=self.name)
        except NotFoundError:
            return None
        return int(answer["count"])

    async def put(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Write chunks with their vectors; idempotent. Raises IndexRejected, Missing."""
        await self.ensure()
        items = [
            mapping.item(self.name, document, version, chunk, vector, known=self._fields)
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        await sent(self._client, items, self._sleep)

    async def refresh(self) -> None:
        """Return once all that was put is searchable.

        One refresh serves all callers that wait when it begins, as it costs as much as many writes.
        """
        if self._refresh is None:
            self._refresh = self._background.begin(self._refreshed())
        await asyncio.shield(self._refresh)

    async def _refreshed(self) -> None:
        async with self._refreshing:
            self._refresh = None
            await self._asked(self._client.indices.refresh, index=self.name)

    async def delete(self, document: DocumentId, *, before: str = "", only: str = "") -> None:
        """Delete a document's chunks: all, those of versions older than `before`, or of `only`."""
        try:
            # so that chunks are deleted that were put a moment ago
            await self.refresh()
            await self._asked(
                self._client.delete_by_query,
                index=self.name,
                # a domain ignores the query string of a signed POST
                body={"query": mapping.of_versions(document, before, only), "conflicts": "proceed"},
                request_timeout=60,
            )
            await self.refresh()
        except NotFoundError:
            return

    async def held(self, ids: Collection[DocumentId]) -> Mapping[tuple[str, str], int]:
        """The number of chunks by document (`DocumentId.short`) and version."""
        body = mapping.counted(sorted(each.short for each in ids))
        return mapping.counts(await self._aggregated(body))

    async def versions(
        self, after: str, limit: int
    ) -> tuple[Sequence[tuple[DocumentId, str]], str]:
        """A page of the (document, version) pairs that have chunks, and the next page's cursor."""
        return mapping.versions(await self._aggregated(mapping.grouped(after, limit)))

    async def _aggregated(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer = await self._asked(
                self._client.search, index=self.name, body=body, request_timeout=60
            )
        except NotFoundError:
            self._absent()
            return {}
        return dict(answer["aggregations"])

    async def search(
        self,
        question: str,
        vector: Sequence[float],
        scopes: frozenset[Scope],
        most: float,
        *,
        only: Collection[DocumentId] = (),
    ) -> Found:
        """Search the documents of `scopes` by words and by vector, in one request."""
        legs = mapping.legs(question, self.directed(vector), scopes, only)
        try:
            near, words = await self._hits(legs)
        except NotFoundError:
            self._absent()
            return Found((), (), most)
        return Found([self.cosine(each) for each in near], words, most, is_wide(question))

    async def _hits(self, legs: Sequence[Mapping[str, Any]]) -> list[list[Hit]]:
        """The hits of each request, best first. Raises NotFoundError, StoreError, IndexRejected."""
        lines = [line for leg in legs for line in ({"index": self.name}, leg)]
        body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        answer = await self._asked(self._client.msearch, body=body, request_timeout=20)
        found: list[list[Hit]] = []
        for response in answer["responses"]:
            if "error" in response:
                kind = str(response["error"].get("type"))
                if response.get("status") == 404:
                    raise NotFoundError(404, kind)
                raise StoreError(kind)
            found.append([mapping.hit(each) for each in response["hits"]["hits"]])
        return found

    async def reference_score(self, question: str) -> float:
        """The BM25 score of a chunk that contains each word of a question once."""
        body = {"doc": {"text": question[:10_000]}, "fields": ["text"]}
        try:
            answer = await self._asked(
                self._client.termvectors,
                index=self.name,
                body={**body, "term_statistics": True, "positions": False, "offsets": False},
            )
        except NotFoundError:
            self._absent()
            return 0.0
        field = answer.get("term_vectors", {}).get("text", {})
        documents = field.get("field_statistics", {}).get("doc_count", 0)
        terms = field.get("terms", {}).values()
        return mapping.typical(documents, (term.get("doc_freq", 0) for term in terms))

    async def texts(
        self, wanted: Sequence[tuple[DocumentId, str, int, int]]
    ) -> Sequence[Sequence[Chunk]]:
        """The chunks of each wanted (document, version, first, last), without missing ones."""
        ids = [
            [mapping.id_of(document, version, n) for n in range(first, last + 1)]
            for document, version, first, last in wanted
        ]
        flat = sorted({each for some in ids for each in some})
        known: dict[str, Chunk] = {}
        for start in range(0, len(flat), 1000):
            answer = await self._asked(
                self._client.mget,
                index=self.name,
                body={"ids": flat[start : start + 1000]},
                _source=[*mapping.TEXT],
                request_timeout=20,
            )
            if any("error" in each for each in answer["docs"]):
                self._absent()
            known |= {
                each["_id"]: mapping.chunk(each) for each in answer["docs"] if each.get("found")
            }
        return [[known[each] for each in some if each in known] for some in ids]

    def _absent(self) -> None:
        """Raise Missing if the index was deleted; otherwise nothing was ever indexed."""
        if self._expected:
            raise Missing(self.name)

    async def _asked(self, call: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        return await asked(call, **arguments)


def name_of(model: str, dims: int) -> str:
    """The name of the index version for an embedding model and the current mapping."""
    digest = hashlib.sha256(f"{model}/{dims}/{mapping.MAPPING}".encode()).hexdigest()[:8]
    return f"{ALIAS}-{digest}"


def serverless(url: str) -> bool:
    """Whether a URL is that of an OpenSearch Serverless collection, not of a domain.

    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-clients.html
    """
    return ".aoss." in (urlsplit(url).hostname or "")


def connect(url: str, region: str, session: boto3.Session | None) -> AsyncOpenSearch:
    """A client that signs requests to Amazon's hosts; other URLs may contain user and password.

    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/request-signing.html
    """
    # the client logs its requests with their contents
    logging.getLogger("opensearch").setLevel(logging.CRITICAL)
    host = urlsplit(url).hostname or ""
    signing: dict[str, Any] = {}
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".on.aws")):
        credentials = (session or boto3.Session()).get_credentials()
        service = "aoss" if serverless(url) else "es"
        signing["http_auth"] = AWSV4SignerAsyncAuth(credentials, region, service)
    return AsyncOpenSearch(
        url,
        connection_class=AsyncHttpConnection,
        max_retries=0,
        pool_maxsize=32,
        timeout=10,
        **signing,
    )
