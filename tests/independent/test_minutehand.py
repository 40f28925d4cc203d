"""Our connector's and Graph's calls against a fake of Microsoft that other people wrote.

It answers 501 to what it does not know; `UNKNOWN` says which of our calls that are.
"""

import asyncio
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bots.teams.graph.shares import SHARE
from bots.teams.wiring import teams_platform
from core.ports.chat import ChatError, Gone, TooLong
from core.runtime.settings import Settings, TeamsSettings
from core.values.answer import Button, Citation, Option, Rendered, Stage
from core.values.conversation import Attachment, Conversation, Kind, Person
from local.aws import free_port
from tests.independent import parts
from tests.support.fakes import own_ledgers

STOP = (Button("stop", "Stop", "run"),)
RETRY = (Button("retry", "Retry", "run", "primary"),)
UNKNOWN = {
    "streams of personal chats": "activities of the type typing",
    "a shared file's bytes": "GET /shares/{url}/driveItem",
}
"""What of ours minutehand 0.3.9 does not know; `tests/independent/README.md` tells it as well."""


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of minutehand, which runs for the whole session."""
    try:
        python = parts.minutehand()
    except parts.Missing as exc:
        pytest.skip(str(exc))
    folder, port = tmp_path_factory.mktemp("minutehand"), free_port()
    script = Path(__file__).with_name("minutehand_server.py")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([python, script, str(port), folder], stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
async def world(server):
    """What the fake says of itself, once it serves."""
    address, process = server
    async with aiohttp.ClientSession() as http:
        while process.poll() is None:
            try:
                async with http.get(f"{address}/_world") as answer:
                    return {**await answer.json(), "address": address}
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise AssertionError("minutehand ended at once")


@asynccontextmanager
async def chats(world):
    """Makes a chat in a conversation of the fake, for a person who asked there."""
    address = world["address"]
    teams = TeamsSettings(
        world["app"],
        world["secret"],
        world["tenant"],
        login_url=f"{address}/login",
        service_hosts=(address.removeprefix("http://"),),
        graph_url=f"{address}/graph/v1.0",
    )
    settings = Settings("us-east-1", "b", "t", "q", "f", ("us-east-1",), "sonnet", None, teams)
    async with teams_platform(settings, own_ledgers) as platform:

        def chat(kind, thread=None, person="ana"):
            aad = world["people"][person]["aad"]
            wanted = {Kind.CHANNEL: "channel", Kind.GROUP: "groupChat", Kind.DIRECT: "personal"}
            (channel,) = [
                each["id"]
                for each in world["conversations"]
                if each["type"] == wanted[kind]
                and (kind is not Kind.DIRECT or aad in each["members"])
            ]
            extra = {
                "service_url": f"{address}/connector/teams",
                "user": world["people"][person]["id"],
                "aad": aad,
                "team": world["general"],
            }
            where = Conversation("teams", world["tenant"], channel, thread, kind)
            return platform(where, extra)[0]

        yield chat


def turns(thread):
    return [(each.role, each.text) for each in thread]


@pytest.mark.parametrize("kind", [Kind.CHANNEL, Kind.GROUP])
async def test_an_answer_grows_and_ends_in_one_message(world, kind):
    async with chats(world) as chat:
        root = await chat(kind).post(Rendered("What the thread is about."))
        talk = chat(kind, root if kind is Kind.CHANNEL else None)
        mark = f"run-{kind}"
        first = await talk.post(Rendered("_Thinking…_", STOP, stage=Stage.STATUS), mark=mark)
        for text in ("One", "One two"):
            await talk.edit(first, Rendered(text, STOP, stage=Stage.GROWING))
        whole = Rendered(
            "One two **three** [1].",
            (Button("regenerate", "Regenerate", "run"), Button("up", "👍", "up run")),
            "Sonnet",
            stage=Stage.DONE,
            citations=(Citation(1, "a.pdf", "https://a.test/a.pdf", "p. 1", "Three."),),
        )
        await talk.edit(first, whole)
        found = [each for each in await talk.thread(50) if each.message_id == first]
    assert len(found) == 1
    assert found[0].role == "assistant"
    assert "three" in found[0].text


@pytest.mark.parametrize("kind", [Kind.CHANNEL, Kind.GROUP, Kind.DIRECT])
async def test_messages_with_controls_can_be_posted_changed_and_deleted(world, kind):
    picker = Rendered(
        "Who answers here?",
        options=(Option("haiku", "Haiku", "quick", selected=True), Option("opus", "Opus", "deep")),
        picker="model",
    )
    async with chats(world) as chat:
        talk = chat(kind)
        for message in (picker, Rendered("It failed.", RETRY, "Small print."), Rendered("Plain.")):
            posted = await talk.post(message)
            assert posted
            await talk.edit(posted, message)
            await talk.delete(posted)
            with pytest.raises(Gone):
                await talk.delete(posted)


async def test_an_activity_that_is_too_large_is_told_apart(world):
    async with chats(world) as chat:
        with pytest.raises(TooLong):
            await chat(Kind.GROUP).post(Rendered("word " * 30_000))


async def test_what_was_said_in_a_thread_is_read_from_graph_the_oldest_first(world):
    async with chats(world) as chat:
        root = await chat(Kind.CHANNEL).post(Rendered("First."))
        thread = chat(Kind.CHANNEL, root)
        await thread.post(Rendered("Second."))
        await thread.post(Rendered("Third."))
        said = turns(await thread.thread(50))
    assert said == [("assistant", text) for text in ("First.", "Second.", "Third.")]


@pytest.mark.parametrize("kind", [Kind.CHANNEL, Kind.GROUP])
async def test_a_lost_answer_is_found_again_by_its_mark(world, kind):
    async with chats(world) as chat:
        root = await chat(kind).post(Rendered("About."))
        where = root if kind is Kind.CHANNEL else None
        talk = chat(kind, where)
        posted = await talk.post(Rendered("_Thinking…_", STOP, stage=Stage.STATUS), mark="lost")
    async with chats(world) as chat:  # another process
        assert await chat(kind, where).find("lost") == [posted]


async def test_who_somebody_is_and_what_they_may_see_are_told(world):
    async with chats(world) as chat:
        assert await chat(Kind.GROUP).name(Person(world["people"]["ana"]["aad"])) == "Ana Ruiz"
        seen = {each.prefix for each in await chat(Kind.DIRECT).audience(Person("ana"))}
    assert f"teams/{world['tenant']}/{world['general']}" in seen


async def test_the_calls_that_it_does_not_know_are_the_known_ones(world):
    """When this fails minutehand has learnt one: then it can be tried here."""
    async with chats(world) as chat:
        file = Attachment("F1", "a.pdf", "", 0, f"{SHARE}https://parley.sharepoint.com/a.pdf")
        with pytest.raises(ChatError):
            await chat(Kind.CHANNEL).described(file)
    async with aiohttp.ClientSession() as http, http.get(f"{world['address']}/_unknown") as answer:
        calls = [each["call"] for each in await answer.json()]
    assert [each for each in calls if "/shares/" not in each] == []
    assert calls
