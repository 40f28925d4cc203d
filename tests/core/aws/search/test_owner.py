"""Two deployments on one search domain: the second is refused, the first one's index stays."""

import time

import pytest

from cli.doctor.models import _search
from core.aws.dynamodb.cursors import DynamoCursors
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.search import opensearch as module
from core.aws.search.index_versions import IndexVersions
from core.aws.search.reindex import Reindex
from core.aws.sqs.file_queue import SqsNotices
from core.ports.index import ForeignIndex
from core.runtime.settings import load
from ingestion.reconciliation.reconciler import Reconciler, Shelves
from tests.conftest import REGION
from tests.ingestion.shelf import Shelf, Words


class Model(Words):
    async def close(self):
        pass


class Domain:
    def __init__(self, aws, url):
        self.aws, self.url, self.made = aws, url, []

    def editions(self, table=None):
        """A deployment's, by its table; as of an earlier release, which names none, with ""."""
        made = IndexVersions(
            self.url, REGION, model="a-model", dims=512, pool=lambda model, dims: Model(),
            table=self.aws.resources.table if table is None else table, clock=lambda: 0.0,
        )  # fmt: skip
        self.made.append(made)
        return made

    async def filled(self, editions):
        shelf = Shelf(self.aws, editions, words=editions)
        shelf.put("library/heron.txt", "The heron nests in reeds.")
        assert await shelf.handle(*shelf.events(1)) == []
        await editions.refresh()
        return shelf

    async def owners(self):
        found = await self.made[0].client.indices.get(index=f"{module.ALIAS}-*")
        return [each["mappings"]["_meta"].get("table", "") for each in found.values()]


@pytest.fixture
async def domain(aws, opensearch, alias):
    domain = Domain(aws, opensearch)
    yield domain
    for each in domain.made:
        await each.close()


class NoRows(DynamoManifest):
    async def get(self, ids):
        return {}


def reconciler(domain, shelf, index):
    """That of a deployment whose table knows nothing."""
    db = domain.aws.client("dynamodb")
    table, calls = domain.aws.resources.table, domain.aws.calls
    shelves = Shelves(
        shelf.vault, NoRows(db, table, calls, clock=time.time), index,
        SqsNotices(shelf.sqs, shelf.queue, calls, bucket=shelf.bucket, clock=time.time),
        DynamoCursors(db, table, calls),
    )  # fmt: skip
    return Reconciler(shelves, clock=time.time, monotonic=time.monotonic)


async def test_another_deployments_comparison_and_reindex_leave_an_index_alone(domain):
    first, second = domain.editions(), domain.editions("another-table")
    shelf = await domain.filled(first)
    with pytest.raises(ForeignIndex, match=domain.aws.resources.table):
        await reconciler(domain, shelf, second).run()
    with pytest.raises(ForeignIndex, match="set OPENSEARCH_URL to a domain of its own"):
        await Reindex(second, shelf.manifest, say=lambda text: None).run()
    assert await domain.editions().known() == 1


async def test_nothing_is_written_searched_or_deleted_there_either(domain):
    shelf = await domain.filled(domain.editions())
    (known,), _ = await shelf.manifest.rows("", 10)
    second = domain.editions("another-table")
    for call in (
        second.put(known, known.version, [], []),
        second.delete(known.id),
        second.embed(["heron"]),
        second.known(),
    ):
        with pytest.raises(ForeignIndex):
            await call
    assert await domain.editions().known() == 1


async def test_an_index_without_a_name_is_whose_comparison_finds_it_first(domain):
    shelf = await domain.filled(domain.editions(""))
    assert await domain.owners() == [""]
    first = domain.editions()
    await first.known()
    assert await domain.owners() == [""], "whoever only looks takes nothing over"
    await first.versions("", 10)
    assert await domain.owners() == [domain.aws.resources.table]
    with pytest.raises(ForeignIndex):
        await reconciler(domain, shelf, domain.editions("another-table")).run()
    assert await domain.editions().known() == 1


async def test_the_doctor_says_whose_index_it_is_and_what_to_do(domain, monkeypatch):
    await domain.filled(domain.editions())
    settings = load(
        {
            "AWS_REGION": REGION, "PARLEY_BUCKET": "b", "PARLEY_TABLE": "another-table",
            "PARLEY_TURNS_QUEUE_URL": "http://q/t.fifo", "PARLEY_FILES_QUEUE_URL": "http://q/f",
            "OPENSEARCH_URL": domain.url,
        },
        talks=False,
    )  # fmt: skip
    found = await _search(settings, domain.aws.session)
    assert f"the one with the table {domain.aws.resources.table}" in found.problem
    assert "a domain of its own" in found.fix
