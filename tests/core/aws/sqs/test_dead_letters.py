"""Dead letters that are looked through, of a real queue whose answers come late, or not at all."""

import pytest
from botocore.exceptions import ClientError

from core.aws.sqs import dead_letters as module
from core.aws.sqs.admin import depth
from core.aws.sqs.dead_letters import DeadLetterQueue, Looked

KEPT, GONE = [f"kept {n}" for n in range(4)], [f"gone {n}" for n in range(3)]


def refused(code, operation):
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)


class Slow:
    """The queue's client, for one who needs longer than `LOOK` for the first answers: what was in
    them is to be seen again by then, and their handles are no good any more."""

    def __init__(self, sqs, late):
        self._sqs, self._late = sqs, late
        self.expired = set()

    def __getattr__(self, name):
        return getattr(self._sqs, name)

    def receive_message(self, **asked):
        answer = self._sqs.receive_message(**asked)
        if self._late:
            self._late -= 1
            for each in answer.get("Messages", ()):
                handle = each["ReceiptHandle"]
                self._sqs.change_message_visibility(
                    QueueUrl=asked["QueueUrl"], ReceiptHandle=handle, VisibilityTimeout=0
                )
                self.expired.add(handle)
        return answer

    def delete_message(self, *, QueueUrl, ReceiptHandle):  # noqa: N803 - boto3's names
        if ReceiptHandle in self.expired:
            raise refused("ReceiptHandleIsInvalid", "DeleteMessage")
        return self._sqs.delete_message(QueueUrl=QueueUrl, ReceiptHandle=ReceiptHandle)

    def change_message_visibility(self, **asked):
        if asked["ReceiptHandle"] in self.expired:
            raise refused("MessageNotInflight", "ChangeMessageVisibility")
        return self._sqs.change_message_visibility(**asked)


@pytest.fixture
def sqs(aws):
    return aws.client("sqs")


@pytest.fixture
def url(aws, sqs):
    url = aws.resources.files_dead_queue
    for each in (*KEPT, *GONE):
        sqs.send_message(QueueUrl=url, MessageBody=each)
    return url


@pytest.fixture
def delete(aws, url):
    async def delete(client):
        return await DeadLetterQueue(client, url, aws.calls).delete(lambda body: body in GONE)

    return delete


def bodies(sqs, url):
    """Of all that can be had at once."""
    found = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60
    ).get("Messages"):
        found += [each["Body"] for each in messages]
    return sorted(found)


@pytest.mark.parametrize("late", [0, 1, 3])
async def test_what_comes_again_meanwhile_is_deleted_or_given_back_by_its_newest_handle(
    delete, sqs, url, late
):
    assert await delete(Slow(sqs, late)) == Looked(3, 0, 0)
    assert bodies(sqs, url) == KEPT


async def test_one_that_cannot_be_given_back_keeps_no_other_from_it(delete, sqs, url):
    class Refusing(Slow):
        def change_message_visibility(self, **asked):
            if not self.expired:
                self.expired.add(asked["ReceiptHandle"])
            return super().change_message_visibility(**asked)

    assert await delete(Refusing(sqs, 0)) == Looked(3, 0, 0)
    assert len(bodies(sqs, url)) == len(KEPT) - 1
    assert depth(sqs, url).in_flight == len(KEPT)


async def test_one_that_may_not_be_deleted_is_told_and_given_back(delete, sqs, url):
    class Refusing(Slow):
        def delete_message(self, **asked):
            raise refused("AccessDenied", "DeleteMessage")

    assert await delete(Refusing(sqs, 0)) == Looked(0, 3, 0)
    assert bodies(sqs, url) == sorted([*KEPT, *GONE])


async def test_it_ends_where_the_same_ones_come_for_ever(delete, sqs, monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0)
    assert await delete(sqs) == Looked(3, 0, 0)
