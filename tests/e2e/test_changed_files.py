"""Files that are edited, shared again, deleted or moved at Slack after they were read."""

import json

import pytest

from tests.e2e.test_files import ASK, FOUND, HERON, PDF, asked, shared
from tests.support.world import ANA, DM, GENERAL, reading_files, until, world_at

FINANCE = "C0FINANCE"
OLD, NEW = b"The depot opens at seven in the morning.", b"The depot opens at nine in the morning."
NOTES = (("notes.txt", OLD, "text/plain"),)
DEPOT = "@Parley when does the depot open?"
SUMMARY = "heron nests"


@pytest.fixture
async def world(aws, opensearch):
    async with reading_files(world_at(aws), opensearch) as world:
        yield world


def prompts(parley):
    return json.dumps(parley.bedrock.calls[-1])


async def read_anew(parley, text, channel=GENERAL, question=DEPOT):
    """Returns once an answer says so: the new version is being read."""
    for _ in range(20):
        if text in await asked(parley, channel, question):
            return
    raise AssertionError(parley.answers(channel))


async def test_an_edited_snippet_is_read_anew_and_its_thread_is_told(parley):
    ts = await shared(parley, files=NOTES)
    (file,) = parley.slack.files(GENERAL, ts)
    parley.slack.edit_file(ANA, file["id"], NEW)
    answers = await parley.answered(GENERAL, 2)
    assert "“notes.txt” was changed" in parley.text(answers[-1])
    assert answers[-1]["thread_ts"] == ts
    await read_anew(parley, "opens at nine")


async def test_a_change_that_leaves_the_content_as_it_is_says_nothing(parley):
    ts = await shared(parley, files=NOTES)
    (file,) = parley.slack.files(GENERAL, ts)
    parley.slack.edit_file(ANA, file["id"], OLD)
    await until(lambda: parley.slack.downloads.counts[file["id"]] >= 2)
    await asked(parley, GENERAL, DEPOT)
    assert len(parley.answers()) == 2


async def test_a_file_that_is_shared_again_is_fetched_anew(parley):
    """Also where no event told of the change."""
    ts = await shared(parley, files=NOTES)
    (file,) = parley.slack.files(GENERAL, ts)
    parley.slack.workspace.files.edit(file["id"], NEW, "")
    parley.slack.reshare(ANA, GENERAL, file["id"])
    answers = await parley.answered(GENERAL, 2)
    assert "opens at nine" in parley.text(answers[-1])


async def test_a_file_that_is_shared_again_unchanged_is_not_read_again(parley, aws):
    ts = await shared(parley)
    (file,) = parley.slack.files(GENERAL, ts)
    before = aws.client("s3").list_object_versions(Bucket=aws.resources.bucket)["Versions"]
    parley.slack.reshare(ANA, GENERAL, file["id"], text=ASK)
    answers = await parley.answered(GENERAL, 2)
    assert FOUND in parley.text(answers[-1])
    assert aws.client("s3").list_object_versions(Bucket=aws.resources.bucket)["Versions"] == before


async def test_a_file_that_is_shared_in_another_channel_is_known_there_too(parley):
    ts = await shared(parley)
    (file,) = parley.slack.files(GENERAL, ts)
    parley.slack.reshare(ANA, FINANCE, file["id"])
    await parley.answered(FINANCE)
    assert FOUND in await asked(parley, FINANCE, ASK)


async def test_a_file_deleted_from_a_direct_chat_is_in_no_later_prompt(parley, aws):
    ts = await shared(parley, DM)
    assert SUMMARY in parley.text(parley.answers(DM)[0])
    (file,) = parley.slack.files(DM, ts)
    await asked(parley, DM, "what did you just say?")
    assert SUMMARY in prompts(parley)
    parley.slack.delete_file(ANA, file["id"])
    await emptied(aws)
    await asked(parley, DM, "what did you say first of all?")
    assert SUMMARY not in prompts(parley)


async def test_a_file_deleted_from_a_thread_is_in_no_later_prompt(parley, aws):
    root = parley.slack.say(ANA, GENERAL, "see below")
    ts = await shared(parley, thread_ts=root)
    (file,) = parley.slack.files(GENERAL, ts)
    await asked(parley, GENERAL, "@Parley what did you just say?", thread_ts=root)
    assert SUMMARY in prompts(parley)
    parley.slack.delete_file(ANA, file["id"])
    await emptied(aws)
    await asked(parley, GENERAL, "@Parley what did you say first of all?", thread_ts=root)
    assert SUMMARY not in prompts(parley)


async def test_nor_does_the_threads_copy_of_its_summary_come_back(parley, aws):
    """Also where nothing else was said there."""
    root = parley.slack.say(ANA, GENERAL, "see below")
    ts = await shared(parley, thread_ts=root)
    (file,) = parley.slack.files(GENERAL, ts)
    parley.slack.delete_file(ANA, file["id"])
    await emptied(aws)
    await asked(parley, GENERAL, "@Parley what did you just say?", thread_ts=root)
    assert SUMMARY not in prompts(parley)


async def test_a_deleted_channels_files_are_gone(parley, aws):
    await shared(parley)
    parley.slack.delete_channel(GENERAL)
    await emptied(aws)


async def test_a_channels_files_go_along_to_its_new_id(parley):
    await shared(parley, FINANCE, [("heron.pdf", HERON, PDF)])
    parley.slack.change_channel_id(FINANCE, "C1SHARED")
    await read_anew(parley, FOUND, "C1SHARED", ASK)


async def emptied(aws):
    """Returns once nothing is left in the bucket."""
    s3 = aws.client("s3")
    await until(
        lambda: not s3.list_object_versions(Bucket=aws.resources.bucket).get("Versions"), 30
    )
