"""What `parley inspect search` finds is what an answer to the same person would rest on."""

import asyncio
import json
import sys

import pytest

from local.slack.workspace.people import TEAM
from tests.ingestion.pdfs import pdf
from tests.support.world import ANA, BEN, GENERAL, reading_files, world_at

HERON = pdf(["The grey heron nests in tall trees near water.", "It eats frogs and small fish."])


@pytest.fixture
async def world(aws, opensearch):
    async with reading_files(world_at(aws), opensearch) as world:
        yield world


async def found(world, *arguments):
    command = "from cli.main import main; main()"
    asked = ("inspect", "search", "does the heron eat frogs?", "--json", *arguments)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, *asked, env=world.environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


async def test_it_sees_with_a_persons_eyes_and_shows_both_legs(world):
    await world.serve()
    world.slack.share(ANA, GENERAL, [("heron.pdf", HERON, "application/pdf")])
    await world.answered()
    assert (await found(world))["passages"] == []
    here = f"slack/{TEAM['id']}/{BEN}"
    for more in ((), ("--in", GENERAL)):
        told = await found(world, "--as", here, *more)
        (passage,) = told["passages"]
        assert (passage["file"], passage["passes"]) == ("heron.pdf", True)
        whole = passage["cosine"] + told["weight"] * passage["words"]
        assert passage["score"] == pytest.approx(whole)
        assert passage["score"] >= told["floor"]
        assert passage["words"] > 0
        assert "small fish" in passage["text"]
    world.slack.leave(BEN, GENERAL)
    assert (await found(world, "--as", here))["passages"] == []
