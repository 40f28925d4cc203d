"""Files in Teams as their store has them, through every process there is."""

import pytest

from tests.ingestion.pdfs import pdf
from tests.support.teams_world import ANA, BEN, GENERAL, both_at
from tests.support.world import reading_files

OLD = pdf(["The grey heron nests in tall trees near water.", "It eats frogs and small fish."])
NEW = pdf(["The grey heron nests in tall trees near water.", "It eats lizards and grey voles."])
ASK = "@Parley what does the grey heron eat?"


@pytest.fixture
async def reading(aws, opensearch):
    async with reading_files(both_at(aws), opensearch) as world:
        await world.serve()
        yield world


async def test_a_replaced_file_is_answered_from_its_new_version_and_a_deleted_one_not_at_all(
    reading,
):
    tenant = reading.teams.tenant
    reading.teams.share(ANA, GENERAL, [("heron.pdf", OLD)])
    await reading.replied()
    file = next(iter(tenant.files))
    tenant.replace_file(file, NEW)
    answer = await reading.asked(GENERAL, ASK)
    assert "lizards and grey voles" in answer
    assert "frogs and small fish" not in answer
    assert "was changed. This answer is from its new version" in everything(reading.said()[-1])


async def test_a_file_that_was_deleted_at_its_store_is_forgotten(reading):
    tenant = reading.teams.tenant
    reading.teams.share(ANA, GENERAL, [("heron.pdf", OLD)])
    await reading.replied()
    file = next(iter(tenant.files))
    tenant.drop_file(file)
    assert "frogs and small fish" not in await reading.asked(GENERAL, ASK)


async def test_somebody_elses_file_is_not_read_for_who_only_knows_its_address(reading):
    tenant = reading.teams.tenant
    file = tenant.store(BEN, "salaries.pdf", OLD)["id"]
    message = tenant.add(GENERAL, ANA, "@Parley what does this say?", files=[file])
    reading.teams.delivery.tell(reading.teams.activities.message(message))
    (answer,) = await reading.replied()
    assert "frogs and small fish" not in answer["text"]
    assert "I could not confirm that whoever shared it may open it" in everything(answer)
    assert reading.teams.downloads == []


def everything(message):
    """All that people read of a message: its text and what its card says."""
    return f"{message['text']} {message['attachments']}"
