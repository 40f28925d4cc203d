"""docs/operate.md, "Restore": its steps, on what `parley serve` keeps between the stand-ins."""

import json
import os
from datetime import UTC, datetime

import pytest

from local.bedrock.server import Script
from tests.deploy.restoring import bring_back, lose, rows, settled
from tests.ingestion.pdfs import pdf
from tests.support.teams_world import ANA as TEAMS_ANA
from tests.support.teams_world import GENERAL as TEAMS_GENERAL
from tests.support.teams_world import both_at
from tests.support.world import ANA, GENERAL, until, without_index

KEY = "library/heron.pdf"
HERON = pdf(["The grey heron nests in tall trees near water.", "It eats frogs and small fish."])
NEWER = pdf(["The grey heron nests on rocks.", "What it eats is not said any more."])
ASK = "@Parley does the heron eat frogs or fish?"
FOUND = "frogs and small fish"
QUOTING = Script(size=200, pace=0.001)


@pytest.fixture
async def both(aws, opensearch):
    without_index(opensearch)
    async with both_at(aws) as world:
        world.environ["OPENSEARCH_URL"] = opensearch
        world.bedrock.script = QUOTING
        await world.serve()
        yield world
    without_index(opensearch)


@pytest.fixture
async def library(both, aws):
    """The bucket's client, with a document that is searched."""
    s3 = aws.client("s3")
    s3.put_object(Bucket=aws.resources.bucket, Key=KEY, Body=HERON)
    await until(lambda: state(aws) == "ready", 60)
    assert FOUND in await asked(both, ASK)
    return s3


def of_library(aws):
    kept = rows(aws.client("dynamodb"), aws.resources.table)
    return next((e for (pk, _), e in kept.items() if pk == "files#library"), {})


def state(aws):
    return of_library(aws).get("state", {}).get("S", "")


def version(aws):
    """Of what is searched."""
    return state(aws) == "ready" and of_library(aws)["version"]["S"]


async def asked(both, text, thread=None):
    """What Slack shows in answer."""
    number = len(both.answers()) + 1
    both.slack.say(ANA, GENERAL, text, thread)
    return both.text((await both.answered(number=number))[-1])


async def test_a_deleted_document_is_back_without_its_marker(both, aws, library):
    library.delete_object(Bucket=aws.resources.bucket, Key=KEY)
    await until(lambda: state(aws) == "deleted")
    assert FOUND not in await asked(both, ASK)
    listed = library.list_object_versions(Bucket=aws.resources.bucket, Prefix=KEY)
    (marker,) = listed["DeleteMarkers"]
    library.delete_object(Bucket=aws.resources.bucket, Key=KEY, VersionId=marker["VersionId"])
    await until(lambda: state(aws) == "ready")
    assert FOUND in await asked(both, ASK)


async def test_an_overwritten_document_is_as_it_was_once_its_old_version_is_copied(
    both, aws, library
):
    bucket, first = aws.resources.bucket, version(aws)
    library.put_object(Bucket=bucket, Key=KEY, Body=NEWER)
    second = await until(lambda: (now := version(aws)) != first and now)
    assert FOUND not in await asked(both, ASK)
    listed = library.list_object_versions(Bucket=bucket, Prefix=KEY)["Versions"]
    (old,) = [each["VersionId"] for each in listed if not each["IsLatest"]]
    library.copy_object(Bucket=bucket, Key=KEY, CopySource=f"{bucket}/{KEY}?versionId={old}")
    await until(lambda: version(aws) not in (False, second))
    assert FOUND in await asked(both, ASK)


async def test_an_index_that_is_gone_is_filled_by_copying_every_object_onto_itself(
    both, aws, library
):
    bucket, first = aws.resources.bucket, version(aws)
    without_index(both.environ["OPENSEARCH_URL"])
    library.copy_object(
        Bucket=bucket, Key=KEY, CopySource=f"{bucket}/{KEY}", MetadataDirective="REPLACE"
    )
    await until(lambda: version(aws) not in (False, first))
    assert FOUND in await asked(both, ASK)


async def test_rows_that_were_lost_are_back_and_what_was_written_since_is_kept(both, aws, library):
    dynamodb, table = aws.client("dynamodb"), aws.resources.table

    async def carried(word):
        """Both platforms' follow-ups: whether they carry the first answer to the model."""
        both.bedrock.script = Script(text=f"The __{word}__ answer.", pace=0.001)
        await asked(both, "@Parley and then?", slack)
        found = [both.bedrock.calls[-1]["body"]]
        await both.asked(TEAMS_GENERAL, "@Parley and then?", TEAMS_ANA, teams)
        found.append(both.bedrock.calls[-1]["body"])
        both.bedrock.script = QUOTING
        await until(lambda: settled(dynamodb, table))
        return ["__first__ answer" in json.dumps(each) for each in found]

    # what the platforms show of it has other marks
    both.bedrock.script = Script(text="The __first__ answer.", pace=0.001)
    slack = both.slack.say(ANA, GENERAL, "@Parley hello")
    await both.answered(number=2)
    teams = both.teams.say(TEAMS_ANA, TEAMS_GENERAL, "@Parley hello")
    await both.replied(TEAMS_GENERAL)
    assert await carried("second") == [True, True]

    backup, lost = lose(dynamodb, table)
    assert await carried("third") == [False, False]
    assert FOUND not in await asked(both, ASK)
    await until(lambda: settled(dynamodb, table))
    since = rows(dynamodb, table)
    bring_back(dynamodb, table, backup, dict(os.environ))
    assert lost | since == rows(dynamodb, table)
    assert await carried("fourth") == [True, True]
    assert FOUND in await asked(both, ASK)


def test_the_call_for_a_time_is_understood(aws):
    dynamodb, table = aws.client("dynamodb"), aws.resources.table
    row = {"pk": {"S": "turn#a"}, "sk": {"S": "1"}}
    dynamodb.put_item(TableName=table, Item=row)
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table,
        TargetTableName=f"{table}-restored",
        RestoreDateTime=datetime.now(UTC),
    )
    assert rows(dynamodb, f"{table}-restored") == {("turn#a", "1"): row}
