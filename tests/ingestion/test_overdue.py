"""A shared file whose reader died, or that none ever took: those who wait for it have it read."""

import asyncio
import time
from dataclasses import replace

import pytest

from core.aws.access.sequencers import WIDTH
from core.aws.dynamodb.manifest import DynamoManifest
from core.aws.sqs.file_queue import SqsNotices
from core.aws.sqs.s3_events import jobs
from core.knowledge.files.intake import Sharing
from core.knowledge.files.overdue import TRIES, UNMOVED, UNTAKEN
from core.values.conversation import Attachment, Conversation, Incoming, Kind, Person
from core.values.documents import DocumentId
from tests.ingestion.shelf import Shelf
from tests.support.fake_chat import FakeChat

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
FILE = Attachment("F1", "heron.txt", "text/plain", 27, "https://files.example/F1")
POST = Incoming(f"{WHERE.place}/1.0", WHERE, Person("U1", "Ana"), "", "1.0", (FILE,))
DOCUMENT = DocumentId(WHERE.place, "F1")
TEXT = "The heron nests in reeds."
STEP = 60.0


class Chat(FakeChat):
    async def open(self, attachment):
        yield TEXT.encode()


class Waiting:
    """People who wait for a file, a minute with each look; `told` is when its queue was told again.

    The bucket's own messages are taken by readers that die: `dies` says what they did before. Who
    reads what comes later is `reader`. `meanwhile` is what else happens in a minute.
    """

    def __init__(self, aws, index):
        self.shelf = Shelf(aws, index)
        self.ahead = 0.0
        self.told = []
        db, resources = aws.client("dynamodb"), aws.resources
        self.manifest = DynamoManifest(db, resources.table, aws.calls, clock=self.now)
        file_events = SqsNotices(
            self.shelf.sqs, self.shelf.queue, aws.calls, bucket=resources.bucket, clock=self.now
        )
        self.sharing = Sharing(
            self.shelf.vault, self.manifest, file_events,
            limit=100, clock=time.monotonic, now=self.now,
        )  # fmt: skip
        self.first = []
        self.reading = asyncio.Lock()
        self.reader = self.shelf.handle

    def now(self):
        return time.time() + self.ahead

    async def dies(self, job):
        pass

    async def meanwhile(self):
        pass

    async def minute(self):
        self.ahead += STEP
        for body in self.shelf.events(0 if self.first else 1):
            (job,) = jobs(body)
            if len(job.seen) > WIDTH:
                self.told.append(self.ahead)
                await self.reader(body)
            else:
                self.first.append(body)
                await self.dies(job)
        await self.meanwhile()

    async def take(self):
        """As the schedule has a worker look while the question waits."""
        shared = await self.sharing.take(POST, Chat(WHERE), lambda _: None)
        while shared.waiting:
            async with self.reading:  # what somebody reads takes no time
                await self.minute()
            waited = replace(POST, waited=True)
            shared = await self.sharing.take(waited, Chat(WHERE), lambda _: None)
        return shared


@pytest.fixture
async def waiting(aws, index):
    await index.ensure()
    return Waiting(aws, index)


async def test_a_file_that_nobody_takes_is_read_by_another_after_minutes(waiting):
    shared = await waiting.take()
    assert [each.name for each in shared.documents] == ["heron.txt"]
    assert UNTAKEN <= waiting.told[0] <= UNTAKEN + 2 * STEP
    await waiting.shelf.index.refresh()
    assert await waiting.shelf.search("Where does the heron nest?", WHERE.place) == [TEXT]


async def test_one_that_was_begun_has_the_time_of_an_invocation(waiting):
    async def begun(job):
        assert await waiting.manifest.begin_version(
            DOCUMENT, job.key, "heron.txt", job.seen, job.size
        )

    waiting.dies = begun
    shared = await waiting.take()
    assert [each.name for each in shared.documents] == ["heron.txt"]
    assert UNMOVED <= waiting.told[0] <= UNMOVED + 2 * STEP


async def test_the_late_message_of_a_file_that_was_read_meanwhile_brings_it_up_once_more(waiting):
    await waiting.take()
    assert await waiting.shelf.handle(*waiting.first) == []
    await waiting.shelf.index.refresh()
    assert await waiting.shelf.search("Where does the heron nest?", WHERE.place) == [TEXT]
    assert await waiting.shelf.chunks() == 1


async def test_what_kills_each_reader_is_not_tried_for_ever(waiting):
    async def killed(body):
        pass

    async def given_up():
        if waiting.ahead > 7_200:
            await waiting.manifest.refuse(DOCUMENT, "trouble")

    waiting.reader, waiting.meanwhile = killed, given_up
    shared = await waiting.take()
    assert len(waiting.told) == TRIES
    assert len(shared.unread) == 1


async def test_of_those_who_wait_for_one_file_one_has_it_read(waiting):
    both = await asyncio.gather(waiting.take(), waiting.take())
    assert [len(each.documents) for each in both] == [1, 1]
    assert len(waiting.told) == 1
