"""Puts together what reads files: for a Lambda function as for `parley serve`."""

from __future__ import annotations

from core.aws.document_stores import DocumentStores
from core.ports.model import Model
from core.runtime.settings import Settings
from core.turn.prompt.metering import MeteredModel
from ingestion.app import Ingester
from ingestion.pictures import READS, Eyes
from ingestion.pipeline import Pipeline


def ingester(settings: Settings, shelf: DocumentStores, model: Model) -> Ingester:
    """Reads the files of the queue; `model` reads images."""
    return Ingester(
        Pipeline(
            shelf.vault,
            shelf.manifest,
            shelf.index,
            shelf.embeddings,
            Eyes(MeteredModel(model), READS),
            limit=settings.max_file_mb * 1024**2,
        )
    )
