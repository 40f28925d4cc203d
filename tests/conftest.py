"""What tests share.

`opensearch`: one node for the whole run; `index`: an index on it that is this test's alone.
`ministack`: one local AWS for the whole run. `aws`: clients of it, and a bucket, a table and
queues that are this test's alone; the environment is set so that botocore finds them.
"""

import faulthandler
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

import boto3
import hypothesis
import pytest

from core.aws.access.calls import Calls
from core.aws.access.clients import client
from core.aws.provision import Resources, provision
from core.aws.search.opensearch import OpenSearchIndex
from local.aws import LocalAws, free_port
from local.opensearch.node import LocalOpenSearch
from tests.support.fakes import Clock

REGION = "us-east-1"

# the same examples in every run, as a gate must not fail by chance; and no time is asserted
hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("repeatable")


TEARDOWN = 120.0
"""Seconds; a test has as many, but `timeout` in pyproject.toml ends each test once only."""
STDERR = pytest.StashKey[int]()


def pytest_configure(config):
    config.stash[STDERR] = os.dup(2)  # as it is before a test's own is caught


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    """A test that timed out may leave a thread that its loop waits for, which nothing can end: so
    the run ends, and says what every thread was doing."""
    faulthandler.dump_traceback_later(TEARDOWN, exit=True, file=item.config.stash[STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@dataclass
class Aws:
    endpoint: str
    resources: Resources
    session: boto3.Session
    calls: Calls = field(default_factory=Calls)
    clients: dict[tuple[str, int], Any] = field(default_factory=dict)

    def client(self, service):
        """A client of a service, by the environment of the moment; closed after the test."""
        key = (service, len(self.clients))
        self.clients[key] = client(service, REGION, self.session)
        return self.clients[key]


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    with LocalAws(tmp_path_factory.mktemp("aws"), free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory):
    """The address of a real node. `PARLEY_TEST_OPENSEARCH_URL` names one that runs already."""
    if running := os.environ.get("PARLEY_TEST_OPENSEARCH_URL"):
        yield running
        return
    with LocalOpenSearch(tmp_path_factory.mktemp("opensearch"), free_port()) as node:
        yield node.url


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def alias(monkeypatch):
    """A test's own name of the index, so that none sees another's."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    monkeypatch.setattr("core.aws.search.opensearch.ALIAS", name)
    return name


@pytest.fixture
async def index(opensearch, alias):
    index = OpenSearchIndex(opensearch, REGION, model=alias, dims=512)
    yield index
    await index.close()


@pytest.fixture(scope="session")
def aws_session():
    return boto3.Session("test", "test", region_name=REGION)


@pytest.fixture
def aws(ministack, aws_session, monkeypatch):
    for name, value in ministack.env.items():
        monkeypatch.setenv(name, value)
    name = f"t-{uuid.uuid4().hex[:12]}"
    resources = provision(
        REGION,
        bucket=name,
        table=name,
        turns_queue=f"{name}-turns.fifo",
        files_queue=f"{name}-files",
        session=aws_session,
    )
    aws = Aws(ministack.url, resources, aws_session)
    yield aws
    aws.calls.close()
    for each in aws.clients.values():
        each.close()
