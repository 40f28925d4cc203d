"""The function that the clock calls, over a real table, bucket and index."""

import asyncio
import importlib
import logging
import sys

import pytest

from core.aws.dynamodb.departures import DynamoDepartures
from core.aws.s3 import S3Vault
from core.ports.store_error import StoreError
from core.values.documents import Chunk, Document, DocumentId, Locator
from tests.conftest import REGION

NAME = "ingestion.reconciler_function"
KEY = "slack/T1/C1/F1/a.txt"


@pytest.fixture
def call(aws, opensearch, monkeypatch):
    """Calls it as Lambda does; what it does to the log as it is loaded is undone."""
    settings = {
        "AWS_REGION": REGION,
        "PARLEY_BUCKET": aws.resources.bucket,
        "PARLEY_TABLE": aws.resources.table,
        "PARLEY_TURNS_QUEUE_URL": aws.resources.turns_queue,
        "PARLEY_FILES_QUEUE_URL": aws.resources.files_queue,
        "OPENSEARCH_URL": opensearch,
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    module = importlib.import_module(NAME)
    yield lambda: asyncio.to_thread(module.handler, {}, None)
    module._warm.close()
    del sys.modules[NAME]
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def left(aws, index):
    """A workspace that removed us long ago, and a passage that no row knows of."""
    aws.client("s3").put_object(Bucket=aws.resources.bucket, Key=KEY, Body=b"text")
    over = (aws.client("dynamodb"), aws.resources.table, aws.calls)
    await DynamoDepartures(*over, clock=lambda: 0.0).note("slack/T1")
    lost = Document(DocumentId("library", "gone.txt"), "gone.txt", "")
    chunk = Chunk(0, "text", Locator(), 0, 0)
    await index.put(lost, "0A", [chunk], [[1.0] * 512])
    await index.refresh()


async def test_files_of_workspaces_that_left_go_and_what_differs_is_mended(call, left, index):
    assert await call() == {"forgotten": 1, "repaired": {"StrayChunks": 1}}
    await index.refresh()
    assert await index.known() == 0


async def test_what_differs_is_mended_though_files_cannot_be_deleted_and_the_failure_is_told(
    call, left, index, monkeypatch
):
    async def refused(self, prefix, *, keep=""):
        raise StoreError("DeleteObjects: InternalError, 1 times")

    monkeypatch.setattr(S3Vault, "forget", refused)
    with pytest.raises(StoreError, match="DeleteObjects"):
        await call()
    await index.refresh()
    assert await index.known() == 0
