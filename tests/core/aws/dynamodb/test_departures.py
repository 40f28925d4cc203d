"""Places that we left, and what is deleted of workspaces that removed us."""

import pytest
from botocore.exceptions import ClientError

from core.aws.dynamodb.departures import DynamoDepartures
from core.aws.s3 import S3Vault
from core.knowledge.files.file_commands import forget_due
from core.knowledge.presence import Presence
from core.ports.store_error import StoreError
from core.values.conversation import Conversation, Incoming, Kind, Person

DAY = 86_400


@pytest.fixture
def now():
    return [1_000_000.0]


@pytest.fixture
def removals(aws, now):
    dynamodb = aws.client("dynamodb")
    return DynamoDepartures(dynamodb, aws.resources.table, aws.calls, clock=lambda: now[0])


@pytest.fixture
def vault(aws):
    return S3Vault(aws.client("s3"), aws.resources.bucket, aws.calls)


async def pieces():
    yield b"text"


async def test_what_was_left_is_known_until_we_come_back(removals):
    places = [f"slack/T1/C{n}" for n in range(150)]
    assert await removals.among(places) == frozenset()
    for place in places[::50]:
        await removals.note(place)
    assert await removals.among(places) == set(places[::50])
    await removals.undo(places[0])
    assert await removals.among(places) == {places[50], places[100]}
    assert await removals.among([]) == frozenset()


async def test_those_beyond_the_first_page_are_known_as_well(removals, now, monkeypatch):
    for number in range(5):
        await removals.note(f"slack/T{number}")
    query = removals._db.query
    monkeypatch.setattr(removals._db, "query", lambda **asked: query(**asked, Limit=2))
    assert await removals.before(now[0]) == [f"slack/T{n}" for n in range(5)]


async def test_what_was_not_processed_at_once_is_asked_for_again(removals, monkeypatch):
    places = [f"slack/T1/C{number}" for number in range(4)]
    for place in places:
        await removals.note(place)
    whole = removals._db.batch_get_item

    def half(RequestItems):  # noqa: N803 - boto3's name
        ((table, asked),) = RequestItems.items()
        keys = asked["Keys"]
        answer = whole(RequestItems={table: {**asked, "Keys": keys[:1]}})
        return {**answer, "UnprocessedKeys": {table: {"Keys": keys[1:]}} if keys[1:] else {}}

    monkeypatch.setattr(removals._db, "batch_get_item", half)
    assert await removals.among(places) == set(places)


async def test_a_workspaces_files_go_after_the_days_of_grace_and_nobody_elses(removals, vault, now):
    keys = ["slack/T1/C1/F1/a.txt", "slack/T1/D1/F2/b.txt", "slack/T10/C1/F3/c.txt", "library/T1"]
    for key in keys:
        await vault.store(key, pieces(), "text/plain", 100)
    await removals.note("slack/T1")
    now[0] += 3 * DAY
    assert await forget_due(removals, vault, now[0] - 7 * DAY) == 0
    assert [await vault.has(key) for key in keys] == [True] * 4
    now[0] += 4 * DAY
    assert await forget_due(removals, vault, now[0] - 7 * DAY) == 1
    assert [await vault.has(key) for key in keys] == [False, False, True, True]
    assert await forget_due(removals, vault, now[0]) == 0


async def test_a_workspace_whose_files_are_not_all_gone_is_taken_up_again(
    removals, vault, now, monkeypatch
):
    key = "slack/T1/C1/F1/a.txt"
    await vault.store(key, pieces(), "text/plain", 100)
    await removals.note("slack/T1")
    refusal = {"Errors": [{"Key": key, "Code": "InternalError"}]}
    with monkeypatch.context() as patched:
        patched.setattr(vault._s3, "delete_objects", lambda **_: refusal)
        with pytest.raises(StoreError):
            await forget_due(removals, vault, now[0])
    assert await forget_due(removals, vault, now[0]) == 1
    assert not await vault.has(key)


async def test_a_workspace_whose_files_cannot_be_deleted_keeps_no_other_ones(
    removals, vault, now, monkeypatch
):
    keys = ["slack/T1/C1/F1/a.txt", "slack/T2/C1/F2/b.txt", "teams/T3/C1/F3/c.txt"]
    for key in keys:
        await vault.store(key, pieces(), "text/plain", 100)
        await removals.note(key.rpartition("/C1/")[0])
    forget = vault.forget

    async def refused(prefix, **more):
        if prefix == "slack/T1/":
            raise StoreError("S3: InternalError")
        return await forget(prefix, **more)

    monkeypatch.setattr(vault, "forget", refused)
    with pytest.raises(StoreError, match="InternalError"):
        await forget_due(removals, vault, now[0])
    assert [await vault.has(key) for key in keys] == [True, False, False]


async def test_a_bucket_that_may_not_be_looked_into_is_no_empty_one(vault, monkeypatch):
    def denied(**_):
        error = {"Error": {"Code": "403", "Message": "Forbidden"}}
        raise ClientError({**error, "ResponseMetadata": {"HTTPStatusCode": 403}}, "HeadObject")

    monkeypatch.setattr(vault._s3, "head_object", denied)
    with pytest.raises(StoreError):
        await vault.has("library/a.txt")


async def test_a_workspace_that_takes_us_back_keeps_its_files(removals, vault, now):
    await vault.store("slack/T1/C1/F1/a.txt", pieces(), "text/plain", 100)
    await removals.note("slack/T1")
    await removals.undo("slack/T1")
    assert await forget_due(removals, vault, now[0]) == 0
    assert await vault.has("slack/T1/C1/F1/a.txt")


async def test_a_channel_that_was_left_stays_hidden_and_its_files_go_after_the_same_days(
    removals, vault, now
):
    await vault.store("slack/T1/C1/F1/a.txt", pieces(), "text/plain", 100)
    await removals.note("slack/T1/C1")
    assert await forget_due(removals, vault, now[0] - 7 * DAY) == 0
    now[0] += 7 * DAY
    assert await forget_due(removals, vault, now[0] - 7 * DAY) == 1
    assert not await vault.has("slack/T1/C1/F1/a.txt")
    assert await removals.among(["slack/T1/C1"]) == {"slack/T1/C1"}
    assert await forget_due(removals, vault, now[0] - 7 * DAY) == 0


async def test_events_of_leaving_and_coming_back_count_by_when_they_happened(removals):
    place = "slack/T1/C1"
    await removals.undo(place, 20.0)
    await removals.note(place, 10.0)  # told late
    assert await removals.among([place]) == frozenset()
    await removals.note(place, 30.0)
    await removals.undo(place, 25.0)
    assert await removals.among([place]) == {place}
    await removals.undo(place, 40.0)
    assert await removals.among([place]) == frozenset()


async def test_a_word_from_a_workspace_that_removed_us_keeps_its_files(removals, vault, now):
    key = "slack/T1/D1/F1/a.txt"
    await vault.store(key, pieces(), "text/plain", 100)
    await removals.note("slack/T1", 1_000.5)
    where = Conversation("slack", "T1", "D1", None, Kind.DIRECT)
    ticks = [0.0]
    presence = Presence(removals, lambda: ticks[0])
    for ts in ("1000.000100", "odd"):  # said before, or nobody knows when
        await presence.seen(Incoming(f"{where.place}/{ts}", where, Person("U1"), "hi", ts))
        assert await removals.among(["slack/T1"])
    await presence.seen(Incoming(f"{where.place}/2000.1", where, Person("U1"), "hi", "2000.1"))
    assert not await removals.among(["slack/T1"])
    now[0] += 30 * DAY
    assert await forget_due(removals, vault, now[0]) == 0
    assert await vault.has(key)
