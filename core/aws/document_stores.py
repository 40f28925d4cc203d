"""Builds the stores of documents: bucket, manifest, search index and embedding models."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.bedrock.client import BedrockModel
from core.aws.bedrock.embeddings import EmbeddingPool
from core.aws.dynamodb.cursors import DynamoCursors
from core.aws.dynamodb.departures import DynamoDepartures
from core.aws.dynamodb.erasures import DynamoErasures
from core.aws.dynamodb.history import DynamoHistory
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.dynamodb.waits import DynamoWaits
from core.aws.s3 import S3Vault
from core.aws.search.index_versions import IndexVersions
from core.aws.sqs.file_queue import SqsNotices
from core.knowledge.files.undoable_erasure import Erasing
from core.ports.documents import FileEvents
from core.runtime.settings import Settings, SettingsError

DIMS = 512
"""Dimensions of a vector, which every supported embedding model offers."""


@dataclass(frozen=True, slots=True)
class DocumentStores:
    """The stores of documents, of which `close` has to be called."""

    vault: S3Vault
    manifest: DynamoManifest
    erasures: DynamoErasures
    history: DynamoHistory
    index: IndexVersions
    embeddings: IndexVersions
    removals: DynamoDepartures
    cursors: DynamoCursors
    waits: DynamoWaits

    async def close(self) -> None:
        """Close connections and threads."""
        await self.index.close()


def editions_of(settings: Settings, session: boto3.Session | None = None) -> IndexVersions:
    """The versions of the search index, each with its own embedding model."""

    def pool(model: str, dims: int) -> EmbeddingPool:
        return EmbeddingPool(settings.embedding_regions, model, session, dims=dims)

    return IndexVersions(
        settings.opensearch_url,
        settings.aws_region,
        model=settings.embedding_model,
        dims=DIMS,
        pool=pool,
        table=settings.table,
        session=session,
    )


def shelf_of(
    settings: Settings,
    session: boto3.Session,
    dynamodb: Any,
    calls: Calls,
    clock: Callable[[], float],
) -> DocumentStores | None:
    """The configured stores, None without a search index."""
    if not settings.opensearch_url:
        return None
    index = editions_of(settings, session)
    vault = S3Vault(client("s3", settings.aws_region, session), settings.bucket, calls)
    manifest = DynamoManifest(dynamodb, settings.table, calls, clock=clock)
    removals = DynamoDepartures(dynamodb, settings.table, calls, clock=clock)
    cursors = DynamoCursors(dynamodb, settings.table, calls)
    erasures = DynamoErasures(dynamodb, settings.table, calls, manifest)
    history = DynamoHistory(dynamodb, settings.table, calls, clock=clock)
    waits = DynamoWaits(dynamodb, settings.table, calls)
    return DocumentStores(
        vault, manifest, erasures, history, index, index, removals, cursors, waits
    )


def notices_of(settings: Settings, sqs: Any, calls: Calls) -> SqsNotices:
    """The queue of file events, for events of our own about the bucket's objects."""
    return SqsNotices(sqs, settings.files_queue_url, calls, bucket=settings.bucket, clock=time.time)


def erasing_of(
    settings: Settings, shelf: DocumentStores, file_events: FileEvents, clock: Callable[[], float]
) -> Erasing:
    """The use case in which people erase files."""
    return Erasing(
        shelf.manifest,
        shelf.erasures,
        shelf.vault,
        shelf.history,
        file_events,
        hours=settings.undo_hours,
        admins=frozenset(settings.admins),
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process needs that reads files but answers no questions."""

    shelf: DocumentStores
    model: BedrockModel
    calls: Calls


@asynccontextmanager
async def reading(
    settings: Settings, clock: Callable[[], float] = time.time
) -> AsyncIterator[Reading]:
    """Builds a process's clients for reading files, and closes them with the context.

    Raises SettingsError.
    """
    session = boto3.Session(region_name=settings.aws_region)
    calls = Calls()
    dynamodb = client("dynamodb", settings.aws_region, session)
    shelf = shelf_of(settings, session, dynamodb, calls, clock)
    if shelf is None:
        raise SettingsError(["OPENSEARCH_URL is not set: files are searched there."])
    model = BedrockModel(settings.model_regions, session)
    try:
        yield Reading(shelf, model, calls)
    finally:
        await model.close()
        await shelf.close()
        calls.close()
