"""Chunks as OpenSearch keeps them: the index's definition, a chunk as a document, and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from core.documents import Chunk, Document, DocumentId, Locator, searched
from core.stores import Hit
from core.tokens import is_wide

MAPPING = 2
"""Raised when the mapping changes: a new index is made then."""
FIELDS = ("place", "file", "version", "ordinal", "first", "last", "locator", "wide")
"""What a search gives back of a chunk."""

VERSIONS = 20
"""Versions of one document that are counted: two as a rule, the old one and the new."""


def definition(model: str, dims: int, table: str = "") -> dict[str, Any]:
    """`table` is that of the deployment whose index it is."""
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
    """A chunk for `_bulk`; with `known`, of the fields that an older mapping has."""
    action = {"index": {"_index": index, "_id": id_of(document.id, version, chunk.ordinal)}}
    where = chunk.locator
    locator = {name: getattr(where, name) for name in Locator.__slots__}
    fields = {
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
    if known:
        fields = {name: value for name, value in fields.items() if name in known}
    return orjson.dumps(action) + b"\n" + orjson.dumps(fields) + b"\n"


def hit(found: Mapping[str, Any]) -> Hit:
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
    """Lucene's score of a vector is (1 + cosine) / 2."""
    return replace(hit, score=2 * hit.score - 1)


def chunk(found: Mapping[str, Any]) -> Chunk:
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
    """A request for how many chunks there are of each version of these documents."""
    versions = {"terms": {"field": "version", "size": VERSIONS}}
    by_document = {"field": "document", "size": max(1, len(documents))}
    return {
        "size": 0,
        "query": {"terms": {"document": [*documents]}},
        "aggs": {"documents": {"terms": by_document, "aggs": {"versions": versions}}},
    }


def counts(found: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Its answer, by document and version."""
    return {
        (document["key"], version["key"]): version["doc_count"]
        for document in found.get("documents", {}).get("buckets", ())
        for version in document["versions"]["buckets"]
    }


def grouped(after: str, limit: int) -> dict[str, Any]:
    """A request for the documents and versions that there are chunks of."""
    sources = [{name: {"terms": {"field": name}}} for name in ("place", "file", "version")]
    told = {"after": json.loads(after)} if after else {}
    return {
        "size": 0,
        "aggs": {"versions": {"composite": {"size": limit, "sources": sources, **told}}},
    }


def versions(found: Mapping[str, Any]) -> tuple[list[tuple[DocumentId, str]], str]:
    """Its answer, and where the next request goes on: empty at the end."""
    group = found.get("versions", {})
    keys = [each["key"] for each in group.get("buckets", ())]
    last = group.get("after_key") if keys else None
    there = [(DocumentId(each["place"], each["file"]), each["version"]) for each in keys]
    return there, json.dumps(last) if last else ""


def _locator(stored: Mapping[str, Any]) -> Locator:
    values = dict(stored)
    if "headings" in values:
        values["headings"] = tuple(values["headings"])
    return Locator(**values)
