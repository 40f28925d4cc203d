"""The index's definition, and how chunks, queries and results are encoded for OpenSearch. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from core.ports.index import Hit
from core.values.conversation import Scope
from core.values.documents import Chunk, Document, DocumentId, Locator, searched
from core.values.tokens import is_wide

MAPPING = 2
"""The mapping's version. Increase it when the mapping changes, so that a new index is created."""
FIELDS = ("place", "file", "version", "ordinal", "first", "last", "locator", "wide")
"""The fields of a chunk that a search returns."""

TEXT = ("ordinal", "first", "last", "locator", "body", "glue")
"""The fields that a chunk's text is read from."""
CANDIDATES = 50
"""Chunks returned by the vector search, and by the word search."""
TYPICAL = 1 / 2.2
"""The factor by which BM25 weighs a word's rarity if the word occurs once in a passage of average
length: 1 / (1 + k1), with k1 = 1.2."""
VERSIONS = 20
"""Versions counted per document; usually there are two, the old one and the new one."""


def definition(model: str, dims: int, table: str = "") -> dict[str, Any]:
    """The settings and mapping of a new index; `table` names the deployment that owns it."""
    keyword, number = {"type": "keyword"}, {"type": "integer"}
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
    return {
        "settings": {
            "index": {
                "knn": True,
                "number_of_shards": 1,
                "auto_expand_replicas": "0-1",
                "refresh_interval": "1s",
            }
        },
        "mappings": {
            "_meta": {"embedding_model": model, "dims": dims, "mapping": MAPPING, "table": table},
            "_source": {"excludes": ["vector", "text"]},
            "dynamic": "strict",
            "properties": {
                "place": keyword,
                "file": {**keyword, "index": False},
                "document": keyword,
                "version": keyword,
                "ordinal": number,
                "first": {**number, "index": False},
                "last": {**number, "index": False},
                "locator": {"type": "object", "enabled": False},
                "wide": {"type": "boolean"},
                "glue": {**keyword, "index": False, "doc_values": False},
                "body": {"type": "text", "index": False},
                "text": {"type": "text", "analyzer": "cjk"},
                "vector": {"type": "knn_vector", "dimension": dims, "method": method},
            },
        },
    }


def id_of(document: DocumentId, version: str, ordinal: int) -> str:
    """A chunk's id in the index."""
    return f"{document.short}-{version}-{ordinal}"


def item(
    index: str,
    document: Document,
    version: str,
    chunk: Chunk,
    vector: Sequence[float],
    *,
    known: Collection[str] = (),
) -> bytes:
    """A chunk as two lines of a bulk request.

    `known` restricts the fields to those of an older mapping, unless it is empty.
    """
    action = {"_index": index, "_id": id_of(document.id, version, chunk.ordinal)}
    return line(action, fields(document, version, chunk, vector), known)


def line(action: Mapping[str, str], told: Mapping[str, Any], known: Collection[str] = ()) -> bytes:
    """The two lines of a bulk request for a document with these fields. `known` as in `item`."""
    if known:
        told = {name: value for name, value in told.items() if name in known}
    return orjson.dumps({"index": action}) + b"\n" + orjson.dumps(told) + b"\n"


def fields(
    document: Document, version: str, chunk: Chunk, vector: Sequence[float]
) -> dict[str, Any]:
    """A chunk's fields in the index."""
    where = chunk.locator
    locator = {name: getattr(where, name) for name in Locator.__slots__}
    return {
        "place": document.id.place,
        "file": document.id.file,
        "document": document.id.short,
        "version": version,
        "ordinal": chunk.ordinal,
        "first": chunk.first,
        "last": chunk.last,
        "locator": {name: value for name, value in locator.items() if value},
        "wide": is_wide(chunk.text),
        "glue": chunk.glue,
        "body": chunk.text,
        "text": searched(document.name, chunk),
        "vector": vector,
    }


def legs(
    question: str, vector: Sequence[float], scopes: Collection[Scope], only: Collection[DocumentId]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The requests of the vector search and of the word search for a question."""
    where = [{"terms": {"place": sorted(scope.prefix for scope in scopes)}}]
    if only:
        where.append({"terms": {"document": sorted(each.short for each in only)}})
    near = {"vector": vector, "k": CANDIDATES, "filter": {"bool": {"filter": where}}}
    words = {"bool": {"filter": where, "must": [{"match": {"text": {"query": question}}}]}}
    told = {"size": CANDIDATES, "_source": [*FIELDS]}
    return {**told, "query": {"knn": {"vector": near}}}, {**told, "query": words}


def of_versions(document: DocumentId, before: str, only: str) -> dict[str, Any]:
    """A query for a document's chunks: all, those of versions older than `before`, or of `only`."""
    wanted: list[dict[str, Any]] = [{"term": {"document": document.short}}]
    if before:
        wanted.append({"range": {"version": {"lt": before}}})
    if only:
        wanted.append({"term": {"version": only}})
    return {"bool": {"filter": wanted}}


def hit(found: Mapping[str, Any]) -> Hit:
    """The hit in an element of a search response."""
    source = found["_source"]
    return Hit(
        DocumentId(source["place"], source["file"]),
        source["version"],
        source["ordinal"],
        source["first"],
        source["last"],
        _locator(source.get("locator", {})),
        float(found["_score"]),
        bool(source.get("wide")),
    )


def cosine(hit: Hit) -> Hit:
    """The hit with its cosine as score: Lucene scores a vector as (1 + cosine) / 2."""
    return replace(hit, score=2 * hit.score - 1)


def product(hit: Hit) -> Hit:
    """The hit with its inner product d as score: Faiss scores 1 + d, or 1 / (1 - d) if d < 0.

    https://docs.opensearch.org/latest/mappings/supported-field-types/knn-spaces/
    """
    score = hit.score - 1 if hit.score >= 1 else 1 - 1 / hit.score
    return replace(hit, score=score)


def chunk(found: Mapping[str, Any]) -> Chunk:
    """The chunk in an element of a search or multi-get response."""
    source = found["_source"]
    return Chunk(
        source["ordinal"],
        source["body"],
        _locator(source.get("locator", {})),
        source["first"],
        source["last"],
        source["glue"],
    )


def counted(documents: Sequence[str]) -> dict[str, Any]:
    """A request for the number of chunks by version of these documents (`DocumentId.short`)."""
    versions = {"terms": {"field": "version", "size": VERSIONS}}
    by_document = {"field": "document", "size": max(1, len(documents))}
    return {
        "size": 0,
        "query": {"terms": {"document": [*documents]}},
        "aggs": {"documents": {"terms": by_document, "aggs": {"versions": versions}}},
    }


def counts(found: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """The response to `counted`, by document and version."""
    return {
        (document["key"], version["key"]): version["doc_count"]
        for document in found.get("documents", {}).get("buckets", ())
        for version in document["versions"]["buckets"]
    }


def grouped(after: str, limit: int) -> dict[str, Any]:
    """A request for a page of the documents and versions that have chunks."""
    sources = [{name: {"terms": {"field": name}}} for name in ("place", "file", "version")]
    told = {"after": json.loads(after)} if after else {}
    return {
        "size": 0,
        "aggs": {"versions": {"composite": {"size": limit, "sources": sources, **told}}},
    }


def versions(found: Mapping[str, Any]) -> tuple[list[tuple[DocumentId, str]], str]:
    """The response to `grouped`: the page, and the next page's cursor, empty at the end."""
    group = found.get("versions", {})
    keys = [each["key"] for each in group.get("buckets", ())]
    last = group.get("after_key") if keys else None
    there = [(DocumentId(each["place"], each["file"]), each["version"]) for each in keys]
    return there, json.dumps(last) if last else ""


def typical(documents: int, having: Iterable[int]) -> float:
    """The BM25 score of a chunk of average length that contains each word of a question once.

    `documents` is the number of all chunks, `having` that of the chunks with each word.
    """
    return TYPICAL * sum(
        math.log(1 + (documents - seen + 0.5) / (seen + 0.5))
        for each in having
        for seen in [min(each, documents)]
    )


def _locator(stored: Mapping[str, Any]) -> Locator:
    values = dict(stored)
    if "headings" in values:
        values["headings"] = tuple(values["headings"])
    return Locator(**values)
