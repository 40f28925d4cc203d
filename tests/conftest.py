"""What tests share: one local AWS for the run, fresh resources in it for each test."""

import asyncio
import uuid
from dataclasses import dataclass

import boto3
import pytest

from core.aws.calls import Calls
from core.aws.clients import client
from core.aws.provision import Resources, provision
from local.aws import CREDENTIALS, LocalAws


@dataclass
class Aws:
    """Clients and fresh resources at the local AWS."""

    endpoint: str
    resources: Resources
    calls: Calls

    def client(self, service):
        return client(service, "us-east-1", boto3.Session("test", "test"))


@pytest.fixture(scope="session")
def local_aws():
    server = LocalAws()
    server.start()
    asyncio.run(server.ready())
    yield server
    server.stop()


@pytest.fixture
def aws(local_aws, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.endpoint)
    resources = provision("us-east-1", name=f"t-{uuid.uuid4().hex[:12]}")
    calls = Calls()
    yield Aws(local_aws.endpoint, resources, calls)
    calls.close()
