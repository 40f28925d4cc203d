"""An upload that is cancelled while S3 does not answer ends at once, and is not tried again."""

import asyncio
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from core.aws.s3 import PART, S3Vault
from core.knowledge.files.transfer import Fetcher
from core.ports.store_error import StoreError
from core.runtime.patience import patiently
from core.values.conversation import Attachment, Conversation, Kind
from core.values.documents import Document, DocumentId
from tests.support import virtual
from tests.support.fake_chat import FakeChat

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
FILE = Attachment("F1", "a.bin", "application/octet-stream", 2 * PART, "https://files.example/F1")
ROW = Document(DocumentId(WHERE.place, "F1"), "a.bin", f"{WHERE.place}/F1/a.bin", message="1.0")
REFUSED = ClientError({"Error": {"Code": "InvalidRequest"}}, "AbortMultipartUpload")

OPERATIONS = ("create_multipart_upload", "upload_part", "abort_multipart_upload", "put_object")
S3 = SimpleNamespace(**{each: each for each in OPERATIONS})


class Outage:
    """Calls of S3, which begins an upload and then does not answer. `aborted` is how one ends."""

    def __init__(self, aborted):
        self.made = []
        self._aborted = aborted

    async def __call__(self, operation, **_):
        self.made.append(operation)
        if operation == "create_multipart_upload":
            return {"UploadId": "1"}
        if operation == "abort_multipart_upload" and self._aborted is not None:
            raise self._aborted
        await asyncio.sleep(600)
        raise StoreError("no answer")


class Large(FakeChat):
    """A conversation with a file of two parts."""

    opened = 0

    async def open(self, attachment):
        self.opened += 1
        for _ in range(2):
            yield bytes(PART)


class Rows:
    async def register(self, row):
        pass


@pytest.mark.parametrize("aborted", [None, StoreError("no answer"), REFUSED])
def test_a_cancelled_upload_ends_within_a_second_and_is_not_tried_again(aborted):
    calls = Outage(aborted)

    async def main():
        vault, chat = S3Vault(S3, "bucket", calls), Large(WHERE)
        fetcher = Fetcher(vault, Rows(), limit=9 * PART, clock=virtual.now, sleep=asyncio.sleep)
        turn = asyncio.create_task(patiently(lambda: fetcher.fetch(ROW, FILE, chat)))
        await asyncio.sleep(5)
        turn.cancel()
        await asyncio.wait({turn}, timeout=1)
        assert turn.done()
        assert turn.cancelled()
        await asyncio.sleep(60)
        return chat.opened

    assert virtual.run(main) == 1
    assert calls.made == ["create_multipart_upload", "upload_part", "abort_multipart_upload"]


class Breaks(Outage):
    """An S3 that refuses a part."""

    async def __call__(self, operation, **more):
        if operation == "upload_part":
            raise StoreError("UploadPart: SlowDown")
        return await super().__call__(operation, **more)


def test_an_upload_that_fails_says_why_though_its_parts_cannot_be_discarded():
    async def pieces():
        yield bytes(PART)

    async def main():
        vault = S3Vault(S3, "bucket", Breaks(REFUSED))
        with pytest.raises(StoreError, match="SlowDown"):
            await vault.store("key", pieces(), "text/plain", 9 * PART)

    virtual.run(main)
