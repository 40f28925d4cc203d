"""Items by their keys, of a table that answers for some of them, or for none, for a while."""

import pytest

from core.aws.access.calls import LONGEST_PAUSE
from core.aws.access.items import decode
from core.aws.dynamodb.departures import PK, DynamoDepartures
from core.aws.dynamodb.reads import RETRIES, by_keys
from core.ports.store_error import StoreError

PLACES = [f"slack/T1/C{number}" for number in range(4)]
KEYS = [{"pk": PK, "sk": each} for each in PLACES]


class Busy:
    """A real table's client that leaves keys unprocessed: answer for answer, how many it reads."""

    def __init__(self, dynamodb, table, *reads):
        self._dynamodb, self._table, self._reads = dynamodb, table, list(reads)
        self.asked = 0

    def batch_get_item(self, RequestItems):  # noqa: N803 - boto3's name
        self.asked += 1
        keys = RequestItems[self._table]["Keys"]
        number = self._reads.pop(0) if self._reads else len(keys)
        left = {self._table: {"Keys": keys[number:]}} if keys[number:] else {}
        if not number:
            return {"Responses": {}, "UnprocessedKeys": left}
        asked = {self._table: {"Keys": keys[:number], "ConsistentRead": True}}
        return {**self._dynamodb.batch_get_item(RequestItems=asked), "UnprocessedKeys": left}


@pytest.fixture
def naps():
    return []


@pytest.fixture
async def read(aws, naps):
    dynamodb, table = aws.client("dynamodb"), aws.resources.table
    removals = DynamoDepartures(dynamodb, table, aws.calls, clock=lambda: 0.0)
    for each in PLACES:
        await removals.note(each)

    async def nap(seconds):
        naps.append(seconds)

    async def read(*reads):
        busy = Busy(dynamodb, table, *reads)
        try:
            found = await by_keys(busy, table, aws.calls, KEYS, sleep=nap)
        finally:
            assert busy.asked == len(naps) + 1, "a pause before every call but the first"
        return {decode(each)["sk"] for each in found}

    return read


async def test_what_was_left_is_asked_for_again_after_longer_and_longer_pauses(read, naps):
    assert await read(2, 0, 0, 0, 1) == set(PLACES)
    assert len(naps) == 5
    assert naps == sorted(naps)
    assert 0 < naps[0] < naps[-1] <= LONGEST_PAUSE


async def test_a_table_that_is_busy_for_good_is_one_that_does_not_answer(read, naps):
    with pytest.raises(StoreError, match="busy"):
        await read(*[0] * 100)
    assert len(naps) == RETRIES


async def test_a_table_with_nothing_to_do_is_not_waited_for(read, naps):
    assert await read() == set(PLACES)
    assert naps == []
