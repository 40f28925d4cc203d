"""What holds of every conversation, whatever the platform: the fake, Slack and Teams.

The real ones speak over HTTP to the stand-ins.
"""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bots.slack.wiring import slack_platform
from bots.teams.wiring import teams_platform
from core.ports.chat import ChatError, Gone, RateLimited
from core.runtime.settings import load
from core.values.answer import Button, Citation, Message, MessageId, Rendered, Stage
from core.values.conversation import LIBRARY, Conversation, Incoming, Kind, Person
from core.values.documents import Document, DocumentId
from local.aws import free_port
from local.slack.server import SlackStandIn
from local.teams.tenant.people import BOT, HUMANS, TENANT
from tests.support import teams_world
from tests.support.fake_chat import FakeChat
from tests.support.fakes import own_ledgers
from tests.support.world import served

ANA, BEN = HUMANS[:2]
STOP = (Button("stop", "Stop", "run"),)
AWS = {
    "AWS_REGION": "us-east-1",
    "PARLEY_BUCKET": "b",
    "PARLEY_TABLE": "t",
    "PARLEY_TURNS_QUEUE_URL": "https://sqs/turns.fifo",
    "PARLEY_FILES_QUEUE_URL": "https://sqs/files",
}


@dataclass
class Scene:
    """A conversation that Ana began with `asked`. `shown` gives our messages, oldest first."""

    chat: Any
    where: Conversation
    person: Person
    asked: str
    shown: Any
    say: Any
    fault: Any

    @property
    def other(self):
        """Who else writes here."""
        return ANA if self.where.kind is Kind.DIRECT else BEN


@asynccontextmanager
async def fake():
    where = Conversation("fake", "T", "C", "1", Kind.CHANNEL)
    chat = FakeChat(where, names={"ana": ANA.name})

    def say(who, text):
        chat.turns.append(Message("user", text, who.name, f"q{len(chat.turns)}"))

    def fault():
        chat.faults["edit"].append(RateLimited(7))

    say(ANA, "What is it?")
    texts = lambda: [m.markdown for m in chat.messages.values()]  # noqa: E731
    yield Scene(chat, where, Person("ana"), "q0", texts, say, fault)


@asynccontextmanager
async def slack(channel, kind):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    standin = SlackStandIn(
        signing_secret="s", bot_token="xoxb-1", events_url=f"{url}/nowhere", base_url=url
    )
    environ = {**AWS, "SLACK_SIGNING_SECRET": "s", "SLACK_BOT_TOKEN": "xoxb-1"}
    settings = load({**environ, "SLACK_API_URL": f"{url}/slack/api/"})
    async with served(standin.app, port), slack_platform(settings, own_ledgers) as platform:
        root = standin.workspace.add(channel, ANA.id, "What is it?")["ts"]
        thread = None if kind is Kind.DIRECT else root
        where = Conversation("slack", "T0ACME", channel, thread, kind)

        def shown():
            within = standin.workspace.messages[channel].values()
            return ["\n".join(_sections(m)) for m in within if m.get("bot_id")]

        def say(who, text):
            standin.workspace.add(channel, who.id, text, thread_ts=thread)

        def fault():
            standin.api.faults["chat.update"] = ["ratelimited:7"]

        chat, _ = platform(where, {})
        yield Scene(chat, where, Person(ANA.id), root, shown, say, fault)


def _sections(message):
    return [b["text"]["text"] for b in message["blocks"] if b["type"] == "section"]


@asynccontextmanager
async def teams(room, kind):
    port = free_port()
    standin = teams_world.standin(port, 1, retry_delays=())
    settings = load({**AWS, **standin.settings()})
    async with (
        teams_world.serving(standin, port),
        teams_platform(settings, own_ledgers) as platform,
    ):
        root = standin.tenant.add(room, ANA.id, "What is it?")["id"]
        thread = root if kind is Kind.CHANNEL else None
        where = Conversation("teams", TENANT, room, thread, kind)
        extra = {
            "service_url": standin.activities.service_url,
            "user": ANA.teams,
            "aad": ANA.aad,
            "team": teams_world.GENERAL,
        }

        def shown():
            within = standin.tenant.messages[room].values()
            ours = [m for m in within if m["user"] == BOT and not m["to"]]
            return [teams_world.shown_text(m) for m in ours]

        def say(who, text):
            standin.tenant.add(room, who.id, text, root=thread or "")

        def fault():
            for each in ("put", "streaming", "final"):
                standin.connector.faults[each] = ["429:7"]

        chat, _ = platform(where, extra)
        yield Scene(chat, where, Person(ANA.aad), root, shown, say, fault)


KINDS = {
    "fake": fake,
    "slack channel": lambda: slack("C0GENERAL", Kind.CHANNEL),
    "slack direct": lambda: slack("D0ANA", Kind.DIRECT),
    "teams channel": lambda: teams(teams_world.GENERAL, Kind.CHANNEL),
    "teams group": lambda: teams(teams_world.CREW, Kind.GROUP),
    "teams personal": lambda: teams(teams_world.CHAT, Kind.DIRECT),
}


@pytest.fixture(params=KINDS)
async def scene(request):
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(KINDS[request.param]())


async def test_an_answer_grows_in_one_message_and_ends_whole(scene):
    chat = scene.chat
    posted = await chat.post(Rendered("_Thinking…_", STOP, stage=Stage.STATUS), mark="run")
    for text in ("The", "The answer", "The answer is"):
        await pause(scene)
        await chat.edit(posted, Rendered(text, STOP, stage=Stage.GROWING))
    await pause(scene)
    sources = (Citation(1, "a.pdf", "https://x.example/a", "p. 1", "It says"),)
    done = Rendered("The answer is here [1].", (Button("up", "👍", "up run"),), "Claude")
    await chat.edit(posted, Rendered(**vars_of(done), stage=Stage.DONE, citations=sources))
    (shown,) = scene.shown()
    assert shown.startswith("The answer is here [1]")


def vars_of(message):
    names = ("markdown", "buttons", "footer")
    return {name: getattr(message, name) for name in names}


async def pause(scene):
    """A native stream takes one call a second."""
    if scene.where.platform == "teams" and scene.where.kind is Kind.DIRECT:
        await asyncio.sleep(1.0)


async def test_messages_stand_in_the_order_of_their_posts(scene):
    for text in ("one", "two", "three"):
        await scene.chat.post(Rendered(text, stage=Stage.DONE), mark="run")
    assert scene.shown() == ["one", "two", "three"]


async def test_what_was_deleted_is_gone(scene):
    posted = await scene.chat.post(Rendered("one", stage=Stage.DONE), mark="run")
    await scene.chat.delete(posted)
    assert scene.shown() == []
    with pytest.raises(Gone):
        await scene.chat.edit(posted, Rendered("two", stage=Stage.DONE))


async def test_our_messages_are_found_by_their_mark(scene):
    first = await scene.chat.post(Rendered("one", STOP, stage=Stage.DONE), mark="run~2")
    await scene.chat.post(Rendered("two", STOP, stage=Stage.DONE), mark="other")
    scene.say(scene.other, "run~2")
    assert [*await scene.chat.find("run~2")] == [first]
    assert [*await scene.chat.find("run")] == []


async def test_the_conversation_so_far_tells_who_said_what(scene):
    scene.say(scene.other, "Perhaps this?")
    posted = await scene.chat.post(Rendered("It is **that**.", stage=Stage.DONE), mark="run")
    turns = await scene.chat.thread(50)
    said = [(t.role, t.person, t.text) for t in turns]
    assert said[:2] == [
        ("user", ANA.name, "What is it?"),
        ("user", scene.other.name, "Perhaps this?"),
    ]
    assert said[2][0] == "assistant"
    assert "that" in said[2][2]
    assert turns[0].message_id == scene.asked
    assert turns[2].message_id == posted
    assert len(await scene.chat.nearby(1)) == 1


async def test_here_and_the_library_may_always_be_seen(scene):
    audience = await scene.chat.audience(scene.person)
    assert {scene.where.scope, LIBRARY} <= audience
    if scene.where.kind is not Kind.DIRECT:
        assert audience == {scene.where.scope, LIBRARY}


async def test_people_have_names(scene):
    assert await scene.chat.name(scene.person) == ANA.name


async def test_a_question_without_more_files_is_complete_as_it_is(scene):
    question = Incoming(
        f"{scene.where.place}/{scene.asked}", scene.where, scene.person, "x", scene.asked
    )
    assert await scene.chat.completed(question) == question


async def test_a_limit_is_told_with_its_seconds(scene):
    posted = await scene.chat.post(Rendered("one", stage=Stage.DONE), mark="run")
    scene.fault()
    with pytest.raises(RateLimited) as refused:
        await scene.chat.edit(posted, Rendered("two", stage=Stage.DONE))
    assert refused.value.retry_after == 7
    await scene.chat.edit(posted, Rendered("two", stage=Stage.DONE))
    assert scene.shown() == ["two"]


async def test_what_fits_the_surface_is_taken(scene):
    surface = scene.chat.surface
    text = "Fünf Störche & <klappern> `laut` 🦩 " * 400
    while surface.size(text) > surface.limit:
        text = text[: len(text) * 9 // 10]
    await scene.chat.post(Rendered(text, STOP, "Claude", stage=Stage.DONE), mark="run")
    (shown,) = scene.shown()
    assert "Störche" in shown


async def test_a_message_that_never_was_is_gone(scene):
    with pytest.raises(ChatError):
        await scene.chat.edit(MessageId("1700000000000"), Rendered("x", stage=Stage.DONE))


async def test_of_files_that_nobody_shared_here_a_store_says_nothing(scene):
    library = Document(DocumentId("library", "a.pdf"), "a.pdf", "library/a.pdf", version="1")
    assert await scene.chat.freshness([library]) == {}
    assert await scene.chat.freshness([]) == {}


async def test_a_file_that_is_not_there_cannot_be_read_anew(scene):
    missing = Document(DocumentId(scene.where.place, "F0NONE"), "a.pdf", "key", version="1")
    with pytest.raises(ChatError):
        await scene.chat.current(missing)
