"""Build what reads files, for a Lambda function and for `parley serve`."""

from __future__ import annotations

import time

from core.aws.document_stores import DocumentStores
from core.ports.model import Model
from core.ports.turns import TurnQueue
from core.runtime.settings import Settings
from core.turn.continuation import Continuations
from core.turn.prompt.metering import MeteredModel
from ingestion.announcements import Announcements
from ingestion.app import Ingester
from ingestion.pictures import READS, Eyes
from ingestion.pipeline import Pipeline


def ingester(settings: Settings, shelf: DocumentStores, model: Model, turns: TurnQueue) -> Ingester:
    """Build the ingester of the queue of files; `model` reads images."""
    continuations = Continuations(shelf.waits, shelf.manifest, turns, time.time)
    announcements = Announcements(continuations, time.monotonic)
    return Ingester(
        Pipeline(
            shelf.vault,
            shelf.manifest,
            shelf.index,
            shelf.embeddings,
            Eyes(MeteredModel(model), READS),
            limit=settings.max_file_mb * 1024**2,
            progressed=announcements.progressed,
        ),
        announcements,
    )
