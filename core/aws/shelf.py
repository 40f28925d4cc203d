"""What documents are kept in: bucket, manifest, index, and the pool that embeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from core.aws.calls import Calls
from core.aws.clients import client
from core.aws.embeddings import EmbeddingPool
from core.aws.manifest import DynamoManifest
from core.aws.opensearch import OpenSearchIndex
from core.aws.s3 import S3Vault
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Shelf:
    vault: S3Vault
    manifest: DynamoManifest
    index: OpenSearchIndex
    embeddings: EmbeddingPool

    async def close(self) -> None:
        """Lets go of connections and threads."""
        await self.embeddings.close()
        await self.index.close()


def shelf_of(
    settings: Settings,
    session: boto3.Session,
    dynamodb: Any,
    calls: Calls,
    clock: Callable[[], float],
) -> Shelf | None:
    """The configured one; None where there is no index."""
    if not settings.opensearch_url:
        return None
    embeddings = EmbeddingPool(settings.embedding_regions, settings.embedding_model, session)
    index = OpenSearchIndex(
        settings.opensearch_url,
        settings.aws_region,
        model=embeddings.model,
        dims=embeddings.dims,
        session=session,
    )
    vault = S3Vault(client("s3", settings.aws_region, session), settings.bucket, calls)
    manifest = DynamoManifest(dynamodb, settings.table, calls, clock=clock)
    return Shelf(vault, manifest, index, embeddings)
