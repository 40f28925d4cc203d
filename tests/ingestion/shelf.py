"""A bucket, table and index with everything that works on them, for tests."""

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.s3 import S3Vault
from core.aws.search.opensearch import OpenSearchIndex
from core.knowledge.library import IndexedLibrary
from core.values.answer import Delta
from core.values.conversation import Scope
from core.values.documents import document_of
from ingestion.app import Ingester
from ingestion.pictures import Eyes
from ingestion.pipeline import Pipeline

LIMIT = 100 * 2**20


class Words:
    """Embeddings that are near where words are the same; `fails` are raised first."""

    dims = 512

    def __init__(self):
        self.calls = 0
        self.fails = []
        self.hook = None

    async def embed(self, texts, *, query=False):
        self.calls += 1
        if self.hook is not None:
            await self.hook()
        if self.fails:
            raise self.fails.pop(0)
        return [self.vector(text) for text in texts]

    def vector(self, text):
        found = [0.0] * self.dims
        for word in re.findall(r"\w+", text.lower()):
            found[int(hashlib.sha256(word.encode()).hexdigest(), 16) % self.dims] += 1.0
        size = sum(each * each for each in found) ** 0.5 or 1.0
        return [each / size for each in found] if any(found) else [1.0, *found[1:]]


class Reads:
    """A model that says what it was told to, and keeps what it was asked."""

    def __init__(self, text="an image of a cat"):
        self.text = text
        self.asked = []

    async def stream(self, prompt):
        self.asked.append(prompt)
        yield Delta(self.text, "end_turn")


@dataclass
class Shelf:
    aws: Any
    index: OpenSearchIndex
    words: Words = field(default_factory=Words)
    eyes: Reads = field(default_factory=Reads)
    naps: list = field(default_factory=list)

    def __post_init__(self):
        resources, calls = self.aws.resources, self.aws.calls
        self.s3, self.sqs = self.aws.client("s3"), self.aws.client("sqs")
        self.bucket, self.queue = resources.bucket, resources.files_queue
        self.vault = S3Vault(self.s3, self.bucket, calls)
        self.manifest = DynamoManifest(
            self.aws.client("dynamodb"), resources.table, calls, clock=time.time
        )
        self.library = IndexedLibrary(self.index, self.manifest, self.words)
        self.pipeline = self.made()
        self.app = Ingester(self.pipeline)

    def made(self, **changes):
        async def nap(seconds):
            self.naps.append(seconds)

        return Pipeline(
            self.vault,
            self.manifest,
            self.index,
            self.words,
            Eyes(self.eyes, "haiku"),
            **{"limit": LIMIT, "sleep": nap, **changes},
        )

    def put(self, key, data):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def remove(self, key):
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def events(self, least=0):
        """The bodies of what the bucket has told its queue, oldest first."""
        found = []
        for _ in range(20):
            answer = self.sqs.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0
            )
            for each in answer.get("Messages", ()):
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=each["ReceiptHandle"])
                if "Records" in json.loads(each["Body"]):
                    found.append(each["Body"])
            if len(found) >= least and not answer.get("Messages"):
                break
            if not answer.get("Messages"):
                time.sleep(0.05)
        return found

    async def handle(self, *bodies, received=1):
        """Hands events over as a queue does; those that are to come again."""
        attributes = {"ApproximateReceiveCount": str(received)}
        records = [
            {"messageId": str(n), "body": body, "attributes": attributes, "receiptHandle": "r"}
            for n, body in enumerate(bodies)
        ]
        answer = await self.app.handle({"Records": records})
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    async def document(self, key):
        found = document_of(key)
        return (await self.manifest.get([found[0]])).get(found[0])

    async def search(self, question, *places):
        scopes = frozenset(Scope(place) for place in places or ("library",))
        return [each.text for each in await self.library.search(question, scopes)]

    async def chunks(self):
        """How many are in the index, whatever counts."""
        await self.index.ensure()
        await self.index.refresh()
        client = self.index._client
        return (await client.count(index=self.index.name))["count"]
