"""A conversation in Teams when the connector or Graph refuses, loses or forgets something."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from bots.teams import wiring
from bots.teams.api.quotas import QUOTAS
from bots.teams.outbound.posted import Marks
from bots.teams.outbound.streaming import LONGEST, Streams
from bots.teams.rendering.markup import render
from core.ports.chat import Forbidden, Gone, RateLimited, Stopped, TooLong, Unreachable
from core.ports.rates import Call, Priority
from core.rates.budget import WorkspaceBudget
from core.runtime.settings import load
from core.runtime.tasks import ended
from core.streaming.delivery import Writer
from core.values.answer import Button, Citation, Option, Rendered, Stage
from core.values.conversation import Conversation, Kind, Person
from local.aws import free_port
from local.teams.tenant.people import BOT, HUMANS, TENANT
from tests.support.fakes import own_ledgers
from tests.support.teams_world import CHAT, FINANCE, GENERAL, serving, shown_text, standin
from tests.support.world import until
from tests.test_chat_contract import AWS

ANA = HUMANS[0]
STOP = (Button("stop", "Stop", "run"),)
UP = (Button("up", "👍", "run"),)
STREAM = "403:ContentStreamNotAllowed:Content stream"
RUN = "teams/run"


class Scene:
    """Ana's question in a conversation, and one clock for Teams and us."""

    def __init__(self, room, kind):
        self.room, self.kind = room, kind
        self.now = 1_700_000_000.0

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds
        for taken in self.teams.connector.late:
            taken()
        self.teams.connector.late.clear()

    def chat(self, **more):
        thread = self.asked if self.kind is Kind.CHANNEL else None
        where = Conversation("teams", TENANT, self.room, thread, self.kind)
        extra = {"service_url": self.teams.activities.service_url, "user": ANA.teams}
        return self.platform(where, {**extra, "aad": ANA.aad, "team": GENERAL, **more})[0]

    async def began(self, chat, text="_Thinking…_", stage=Stage.STATUS):
        self.now += 2
        return await chat.post(Rendered(text, STOP, stage=stage), mark=RUN)

    async def grown(self, chat, posted, text):
        self.now += 2
        await chat.edit(posted, Rendered(text, STOP, stage=Stage.GROWING))

    async def done(self, chat, posted, text):
        self.now += 2
        sources = (Citation(1, "a.pdf", "https://x.example/a", "p. 1", "It says"),)
        await chat.edit(posted, Rendered(text, UP, stage=Stage.DONE, citations=sources))

    def meets(self, **faults):
        self.teams.connector.faults = {kind: [fault] for kind, fault in faults.items()}

    def shown(self):
        """Our messages: id, text, and whether Teams still shows them growing."""
        within = self.teams.tenant.messages[self.room].values()
        return [(m["id"], shown_text(m), m["stream"]) for m in within if m["user"] == BOT]

    def calls(self):
        return [(c.kind, c.status) for c in self.teams.connector.calls]


@asynccontextmanager
async def at(room, kind, monkeypatch):
    scene, port = Scene(room, kind), free_port()
    monkeypatch.setattr(wiring, "Streams", lambda _: Streams(scene.clock))
    monkeypatch.setattr(wiring, "Marks", lambda _: Marks(scene.clock, scene.sleep))
    scene.teams = standin(port, 1, retry_delays=(), clock=scene.clock)
    settings = load({**AWS, **scene.teams.settings()})
    async with (
        serving(scene.teams, port),
        wiring.teams_platform(settings, own_ledgers) as scene.platform,
    ):
        scene.asked = scene.teams.tenant.add(room, ANA.id, "What is it?")["id"]
        yield scene


@pytest.fixture
async def personal(monkeypatch):
    async with at(CHAT, Kind.DIRECT, monkeypatch) as scene:
        yield scene


@pytest.fixture
async def channel(monkeypatch):
    async with at(GENERAL, Kind.CHANNEL, monkeypatch) as scene:
        yield scene


@pytest.fixture(params=["channel", "personal"])
async def either(request, monkeypatch):
    place = (GENERAL, Kind.CHANNEL) if request.param == "channel" else (CHAT, Kind.DIRECT)
    async with at(*place, monkeypatch) as scene:
        yield scene


# what the connector refuses


@pytest.mark.parametrize(
    ("fault", "error", "after"),
    [
        ("429:7", RateLimited, 7),
        ("429", RateLimited, 1),
        ("412", RateLimited, 1),
        ("412:3", RateLimited, 3),
        ("502", Unreachable, None),
        ("502:3", RateLimited, 3),
        ("504", Unreachable, None),
        ("504:3", RateLimited, 3),
        ("500", Unreachable, None),
        ("413:MessageSizeTooBig", TooLong, None),
        ("404:ConversationNotFound", Gone, None),
        ("403:BotNotInConversationRoster", Forbidden, None),
    ],
)
async def test_what_the_connector_refuses_has_its_meaning_and_changes_nothing(
    channel, fault, error, after
):
    chat = channel.chat()
    posted = await channel.began(chat, "One", Stage.GROWING)
    channel.meets(put=fault)
    with pytest.raises(error) as refused:
        await channel.done(chat, posted, "One two")
    assert type(refused.value) is error
    assert getattr(refused.value, "retry_after", None) == after
    assert [text for _, text, _ in channel.shown()] == ["One"]
    await channel.done(chat, posted, "One two")
    assert [text for _, text, _ in channel.shown()] == ["One two"]


@pytest.mark.parametrize("fault", ["502:3", "504:3", "503", "drop", "lost"])
async def test_a_post_without_an_answer_may_have_been_taken(channel, fault):
    """So it is no limit to be waited for, but something to be looked up."""
    channel.meets(post=fault)
    with pytest.raises(Unreachable):
        await channel.began(channel.chat())


async def test_a_revoked_token_is_replaced_and_the_call_made_once(channel):
    chat = channel.chat()
    posted = await channel.began(chat)
    channel.teams.issued.revoke()
    await channel.done(chat, posted, "One")
    assert [text for _, text, _ in channel.shown()] == ["One"]
    assert channel.calls() == [("post", 201), ("put", 401), ("put", 200)]


async def test_a_token_that_is_never_taken_is_forbidden_after_two_tries(channel):
    chat = channel.chat()
    posted = await channel.began(chat)
    channel.teams.issued.good = lambda header, scope: False
    with pytest.raises(Forbidden):
        await channel.done(chat, posted, "One")
    assert len(channel.calls()) == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "http://smba.trafficmanager.net/",
        "https://smba.trafficmanager.net@evil.example/",
        "http://127.0.0.1:1/",
        "",
    ],
)
async def test_a_forged_service_address_is_refused_before_a_token_is_asked_for(channel, url):
    chat = channel.chat(service_url=url)
    message = Rendered("x", stage=Stage.DONE)
    for call in (
        lambda: chat.post(message, mark=RUN),
        lambda: chat.edit("1", message),
        lambda: chat.delete("1"),
        lambda: chat.post_ephemeral(Person(ANA.aad), message),
    ):
        with pytest.raises(Forbidden):
            await call()
    assert await chat.name(Person(ANA.aad)) == ""
    assert channel.teams.issued.count == 0


async def test_what_may_be_shown_to_one_person_is_said_in_the_open_where_teams_refuses(channel):
    chat = channel.chat()
    await chat.post_ephemeral(Person(ANA.aad), Rendered("One"))
    channel.teams.connector.targeted = False
    await chat.post_ephemeral(Person(ANA.aad), Rendered("Two"))
    within = channel.teams.tenant.messages[GENERAL].values()
    assert [(m["text"], m["to"]) for m in within if m["user"] == BOT] == [
        ("One", ANA.id),
        ("Two", ""),
    ]


# what is looked up


LONG = "Storks arrive in **March**, as `birds.md` says & [others](https://x.example/a_b) do. " * 8
ANSWERS = [
    Rendered(LONG, stage=Stage.DONE),
    Rendered(
        f"```python\nx = [1]\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n1. {LONG}\n2. Then",
        stage=Stage.DONE,
    ),
    Rendered(LONG, STOP, stage=Stage.GROWING),
]
STATUS = Rendered("_Thinking…_", STOP, stage=Stage.STATUS)


async def lose(scene, message, mark=RUN):
    """The message's id: it is posted, but nobody tells us so."""
    before = scene.shown()
    scene.meets(post="lost", informative="lost", streaming="lost")
    with pytest.raises(Unreachable):
        await scene.chat().post(message, mark=mark)
    (lost,) = (each[0] for each in scene.shown() if each not in before)
    return lost


@pytest.mark.parametrize("message", ANSWERS)
async def test_a_post_whose_answer_was_lost_is_found(either, message):
    scene = either
    await scene.chat().post(Rendered("Something else", STOP), mark="teams/other")
    scene.now += 2
    posted = await lose(scene, message)
    assert await scene.chat().find(RUN) == [posted]
    assert await scene.chat().find("teams/other") != [posted]
    # also when it has changed since
    await scene.chat().edit(posted, Rendered("Another text", stage=Stage.DONE))
    assert await scene.chat().find(RUN) == [posted]


async def test_a_placeholder_whose_answer_was_lost_is_found_by_its_card(channel):
    posted = await lose(channel, STATUS)
    assert await channel.chat().find(RUN) == [posted]


@pytest.mark.parametrize(
    "message",
    [
        STATUS,
        Rendered("I cannot answer now."),
        Rendered("Storks.", stage=Stage.DONE),
        Rendered(LONG),
    ],
)
async def test_what_any_answer_might_say_is_not_taken_for_a_lost_post(personal, message):
    """A message of another process, which it will change, and no card tells that."""
    personal.teams.tenant.add(CHAT, BOT, render(message.markdown))
    personal.meets(post="drop", informative="drop")
    with pytest.raises(Unreachable):
        await personal.chat().post(message, mark=RUN)
    assert await personal.chat().find(RUN) == []


@pytest.mark.parametrize("seconds", [-7, 7])
async def test_what_was_posted_at_another_time_is_not_taken_for_a_lost_post(either, seconds):
    scene = either
    scene.now += 60
    scene.meets(post="drop")
    with pytest.raises(Unreachable):
        await scene.chat().post(ANSWERS[0], mark=RUN)
    scene.now += seconds
    root = scene.asked if scene.kind is Kind.CHANNEL else ""
    scene.teams.tenant.add(scene.room, BOT, LONG, root=root)
    assert await scene.chat().find(RUN) == []


async def test_of_two_that_may_be_the_lost_post_none_is_taken(either):
    scene = either
    root = scene.asked if scene.kind is Kind.CHANNEL else ""
    scene.teams.tenant.add(scene.room, BOT, LONG, root=root)
    await lose(scene, ANSWERS[0])
    assert await scene.chat().find(RUN) == []


async def test_what_two_answers_have_lost_is_neithers(either):
    scene = either
    await lose(scene, ANSWERS[0], "teams/other")
    scene.meets(post="drop")
    with pytest.raises(Unreachable):
        await scene.chat().post(ANSWERS[0], mark=RUN)
    assert await scene.chat().find(RUN) == []
    assert await scene.chat().find("teams/other") == []


async def test_what_another_answer_has_posted_is_not_taken_for_a_lost_post(either):
    scene = either
    await scene.chat().post(ANSWERS[0], mark="teams/other")
    scene.meets(post="drop")
    with pytest.raises(Unreachable):
        await scene.chat().post(ANSWERS[0], mark=RUN)
    assert await scene.chat().find(RUN) == []


@pytest.mark.parametrize("message", ANSWERS)
async def test_an_answers_part_is_posted_once_though_its_answer_was_lost(either, message):
    scene = either
    scene.meets(post="lost", streaming="lost")
    budget = WorkspaceBudget(QUOTAS, asyncio.get_running_loop().time).of("x")
    posted = await Writer(scene.chat(), budget, RUN).post(message, Priority.FINAL, ())
    assert [each[0] for each in scene.shown()] == [posted]


@pytest.mark.parametrize("message", [STATUS, *ANSWERS])
async def test_a_post_that_teams_takes_a_little_later_is_not_made_again(channel, message):
    earlier = await channel.chat().post(Rendered("One", STOP), mark=RUN)
    channel.now += 2
    channel.meets(post="late")
    budget = WorkspaceBudget(QUOTAS, asyncio.get_running_loop().time).of("x")
    posted = await Writer(channel.chat(), budget, RUN).post(message, Priority.FINAL, {earlier})
    await channel.sleep(2)
    assert [each[0] for each in channel.shown()] == [earlier, posted]


async def test_whoever_goes_on_with_anothers_answer_makes_no_late_post_again_either(channel):
    earlier = await channel.chat().post(Rendered("One", STOP), mark=RUN)
    channel.now += 60
    channel.meets(post="late")
    settings = load({**AWS, **channel.teams.settings()})
    budget = WorkspaceBudget(QUOTAS, asyncio.get_running_loop().time).of("x")
    async with wiring.teams_platform(settings, own_ledgers) as channel.platform:
        writer = Writer(channel.chat(), budget, RUN)
        posted = await writer.post(Rendered("Two", STOP), Priority.FINAL, {earlier})
        await channel.sleep(2)
    assert [each[0] for each in channel.shown()] == [earlier, posted]


async def test_a_post_without_an_id_is_looked_up(channel):
    channel.meets(post="unnamed")
    budget = WorkspaceBudget(QUOTAS, asyncio.get_running_loop().time).of("x")
    posted = await Writer(channel.chat(), budget, RUN).post(STATUS, Priority.FIRST, ())
    assert [each[0] for each in channel.shown()] == [posted]


async def test_every_part_of_an_answer_that_is_posted_without_an_id_is_looked_up(channel):
    channel.teams.connector.faults = {"post": ["unnamed"] * 3}
    budget = WorkspaceBudget(QUOTAS, asyncio.get_running_loop().time).of("x")
    writer, posted = Writer(channel.chat(), budget, RUN), []
    for number in range(3):
        channel.now += 20
        part = Rendered(f"Part {number}", STOP, stage=Stage.GROWING)
        posted.append(await writer.post(part, Priority.FINAL, posted))
    assert [each[0] for each in channel.shown()] == posted


@pytest.mark.parametrize("stage", [Stage.NOTICE, Stage.STATUS, Stage.GROWING, Stage.DONE])
async def test_a_post_without_an_id_is_delivered_and_never_made_again(channel, stage):
    channel.teams.graph.granted = frozenset()
    channel.teams.connector.faults = {"post": ["unnamed"] * 99}
    budget = WorkspaceBudget(QUOTAS, asyncio.get_running_loop().time).of("x")
    await Writer(channel.chat(), budget, RUN).post(Rendered("Hi", stage=stage), Priority.FINAL, ())
    assert len(channel.shown()) == 1


async def test_an_answer_whose_placeholder_has_no_id_goes_on_in_a_new_message(channel):
    channel.teams.graph.granted = frozenset()
    channel.meets(post="unnamed")
    chat = channel.chat()
    posted = await channel.began(chat)
    for text in ("One", "One two"):
        await channel.grown(chat, posted, text)
    await channel.done(chat, posted, "One two three.")
    texts = [text for _, text, _ in channel.shown()]
    assert texts == ["*Thinking…*", "One two three."]


async def test_an_answer_of_which_no_message_has_an_id_grows_once_and_ends(channel):
    channel.teams.graph.granted = frozenset()
    channel.teams.connector.faults = {"post": ["unnamed"] * 99}
    chat = channel.chat()
    posted = await channel.began(chat)
    for number in range(20):
        await channel.grown(chat, posted, "One" + " more" * number)
    await channel.done(chat, posted, "One, and whole.")
    texts = [text for _, text, _ in channel.shown()]
    assert texts == ["*Thinking…*", "One", "One, and whole."]
    await chat.delete(posted)


BAD = "400:BadSyntax:Activity resulted into multiple skype activities"


async def test_a_change_to_text_that_is_refused_is_made_as_a_card(channel):
    chat = channel.chat()
    posted = await channel.began(chat, "One", Stage.GROWING)
    channel.meets(put=BAD)
    await channel.done(chat, posted, "One two")
    assert [text for _, text, _ in channel.shown()] == ["One two"]
    assert channel.calls() == [("post", 201), ("put", 400), ("put", 200)]
    (shown,) = (m for m in channel.teams.tenant.messages[GENERAL].values() if m["user"] == BOT)
    assert shown["attachments"]
    assert shown["text"] == ""


async def test_an_end_that_no_change_can_show_takes_the_place_of_what_stood(channel):
    chat = channel.chat()
    posted = await channel.began(chat)
    channel.teams.connector.faults["put"] = [BAD] * 99
    for number in range(9):
        await channel.grown(chat, posted, "One" + " more" * number)
    await channel.done(chat, posted, "One two")
    assert [text for _, text, _ in channel.shown()] == ["One two"]
    assert [kind for kind, _ in channel.calls()] == ["post", "put", "put", "post", "delete"]


async def test_no_activity_of_ours_becomes_two_messages(either):
    """Whatever the stage, and whether it is posted, changed or shown to one person."""
    scene, chat = either, either.chat()
    retry = (Button("retry", "Retry", "run"),)
    options = (Option("opus", "Opus", "Good"),)
    messages = [
        Rendered("x", each, footer, picked, "model", stage)
        for each in ((), STOP, UP, retry)
        for footer in ("", "small")
        for picked in ((), options)
        for stage in Stage
    ]
    for message in messages:
        scene.now += 5
        posted = await chat.post(message, mark=RUN)
        scene.now += 5
        await chat.edit(posted, message)
        if scene.kind is not Kind.DIRECT:
            scene.now += 5
            await chat.post_ephemeral(Person(ANA.aad), message)
    assert {status for _, status in scene.calls()} <= {200, 201, 202}
    for call in scene.teams.connector.calls:
        both = call.activity.get("text", "").strip() and call.activity.get("attachments")
        assert not both
        assert len(call.activity.get("attachments", ())) <= 1


async def test_a_post_that_was_not_taken_is_not_found(either):
    scene = either
    chat = scene.chat()
    await chat.post(Rendered("Something else", STOP), mark="teams/other")
    scene.now += 2
    scene.meets(post="drop", informative="drop")
    with pytest.raises(Unreachable):
        await chat.post(Rendered("_Thinking…_", STOP, stage=Stage.STATUS), mark=RUN)
    assert await chat.find(RUN) == []


@pytest.mark.parametrize("graph", [True, False])
async def test_a_later_turn_finds_what_this_process_posted(either, graph):
    """Also what has no card that could tell, and where Graph may not be asked."""
    scene = either
    first = await scene.began(scene.chat())
    scene.now += 2
    second = await scene.chat().post(Rendered("I cannot answer now."), mark=RUN)
    if not graph:
        scene.teams.graph.granted = frozenset()
    assert await scene.chat().find(RUN) == [first, second]
    assert await scene.chat().find("teams/other") == []
    await scene.chat().delete(second)
    assert await scene.chat().find(RUN) == [first]


async def test_a_message_that_somebody_deleted_is_not_found(channel):
    posted = await channel.began(channel.chat())
    channel.teams.tenant.remove(channel.teams.tenant.get(GENERAL, posted))
    assert await channel.chat().find(RUN) == []


@pytest.mark.parametrize("fault", ["403", "404"])
async def test_where_graph_does_not_know_the_conversation_nothing_is_found(personal, fault):
    personal.teams.graph.faults = [fault]
    assert await personal.chat().find(RUN) == []


@pytest.mark.parametrize(("fault", "error"), [("429:9", RateLimited), ("503", Unreachable)])
async def test_where_graph_does_not_answer_it_is_not_said_that_nothing_is_there(
    channel, fault, error
):
    channel.teams.graph.faults = [fault, fault]
    with pytest.raises(error):
        await channel.chat().find(RUN)


# how much may be sent


async def test_a_refusal_in_one_conversation_holds_up_no_other_unless_that_is_refused_too(channel):
    """A bot has a count in each conversation, and one in its tenant for them all."""

    def budget(tenant, room, kind):
        return channel.platform(Conversation("teams", tenant, room, None, kind), {})[1]

    def waits(tenant, room, kind):
        return budget(tenant, room, kind).wait_for(Call.EDIT, Priority.FINAL)

    channel.meets(post="429:30")
    in_channel = budget(TENANT, GENERAL, Kind.CHANNEL)
    writing = Writer(channel.chat(), in_channel, RUN).post(STATUS, Priority.FIRST, ())
    waiting = asyncio.create_task(writing)
    await until(lambda: waits(TENANT, GENERAL, Kind.CHANNEL) > 29)
    assert waits(TENANT, CHAT, Kind.DIRECT) == 0
    budget(TENANT, CHAT, Kind.DIRECT).pause(Call.POST, 20)
    assert waits(TENANT, FINANCE, Kind.CHANNEL) > 19
    assert waits("elsewhere", CHAT, Kind.DIRECT) == 0
    await ended([waiting])


async def test_a_channels_threads_count_together(channel):
    roots = [channel.teams.tenant.add(GENERAL, ANA.id, "x")["id"] for _ in range(3)]
    threads = [Conversation("teams", TENANT, GENERAL, root, Kind.CHANNEL) for root in roots]
    budgets = [channel.platform(each, {})[1] for each in threads]
    for number in range(7):
        await budgets[number % 2].spend(Call.POST, Priority.FINAL)
    assert budgets[2].wait_for(Call.POST, Priority.FINAL) > 0


# native streams


async def test_a_stream_that_takes_too_long_goes_on_in_the_same_message(personal):
    chat = personal.chat()
    posted = await personal.began(chat)
    await personal.grown(chat, posted, "One")
    personal.now += LONGEST
    await personal.grown(chat, posted, "One two")
    assert personal.shown() == [(posted, "One two", "")]
    await personal.grown(chat, posted, "One two three")
    await personal.done(chat, posted, "One two three four [1].")
    assert personal.shown() == [(posted, "One two three four [1].", "")]
    kinds = ["informative", "streaming", "final", "put", "put", "put"]
    assert [kind for kind, _ in personal.calls()] == kinds
    ended = personal.teams.connector.calls[-1].activity["entities"]
    assert [each["type"] for each in ended] == ["https://schema.org/Message"]


@pytest.mark.parametrize("kind", ["streaming", "final"])
@pytest.mark.parametrize(
    "fault",
    [
        f"{STREAM} is not allowed",
        f"{STREAM} is not allowed on an already completed streamed message",
        f"{STREAM} finished due to exceeded streaming time.",
        "400:BadRequest:streamId is not known",
        "404:ActivityNotFound",
    ],
)
async def test_what_a_stream_does_not_take_is_changed_in_place(personal, kind, fault):
    chat = personal.chat()
    posted = await personal.began(chat)
    await personal.grown(chat, posted, "One")
    personal.meets(**{kind: fault})
    await personal.grown(chat, posted, "One two")
    await personal.done(chat, posted, "One two three.")
    assert personal.shown() == [(posted, "One two three.", "")]


@pytest.mark.parametrize("kind", ["streaming", "final"])
@pytest.mark.parametrize("fault", [f"{STREAM} message too large", "413:MessageSizeTooBig"])
async def test_a_stream_that_finds_a_text_too_large_is_asked_once(personal, kind, fault):
    chat = personal.chat()
    posted = await personal.began(chat)
    personal.teams.connector.faults[kind] = [fault] * 9
    await (personal.grown if kind == "streaming" else personal.done)(chat, posted, "One two")
    await personal.done(chat, posted, "One two three.")
    assert personal.shown() == [(posted, "One two three.", "")]
    asked = [each for each in personal.calls() if each[0] == kind]
    assert len(asked) == 1


async def test_readers_stop_ends_the_stream_and_the_message_can_still_be_changed(personal):
    chat = personal.chat()
    posted = await personal.began(chat)
    await personal.grown(chat, posted, "One")
    assert personal.teams.stop_stream(ANA.id, CHAT)
    with pytest.raises(Stopped):
        await personal.grown(chat, posted, "One two")
    await chat.edit(posted, Rendered("One", footer="Stopped.", stage=Stage.DONE))
    assert personal.shown() == [(posted, "One", "")]


async def test_dropped_chunks_are_made_good_by_the_next(personal):
    chat = personal.chat()
    posted = await personal.began(chat)
    personal.meets(streaming="202:ContentStreamSequenceOrderPreConditionFailed:Failed")
    await personal.grown(chat, posted, "One")
    await personal.grown(chat, posted, "One two")
    assert personal.shown() == [(posted, "One two", "streaming")]
    await personal.done(chat, posted, "One two.")
    assert personal.shown() == [(posted, "One two.", "")]


@pytest.mark.parametrize("fault", ["429:1", "502", "504:1", "drop", "lost"])
@pytest.mark.parametrize("kind", ["streaming", "final"])
async def test_a_chunk_without_an_answer_costs_nothing(personal, kind, fault):
    chat = personal.chat()
    posted = await personal.began(chat)
    await personal.grown(chat, posted, "One")
    personal.meets(**{kind: fault})
    step = personal.grown if kind == "streaming" else personal.done
    with pytest.raises((RateLimited, Unreachable)):
        await step(chat, posted, "One two")
    await step(chat, posted, "One two")
    assert personal.shown()[0][:2] == (posted, "One two")
    # whatever became of the chunk, text that goes on otherwise is shown in the end
    await personal.done(chat, posted, "One else.")
    assert personal.shown() == [(posted, "One else.", "")]


async def test_a_start_whose_answer_was_lost_does_not_end_streams_for_long(personal):
    chat = personal.chat()
    personal.meets(informative="lost")
    with pytest.raises(Unreachable):
        await personal.began(chat)
    second = await personal.began(chat, "One", Stage.GROWING)  # Teams has the first one open
    assert personal.calls()[-2:] == [("streaming", 403), ("post", 201)]
    await personal.done(chat, second, "One two")
    personal.now += 150
    await personal.began(chat)
    assert personal.calls()[-1] == ("informative", 201)


@pytest.mark.parametrize("fault", ["400:BadRequest:No streams here", "404"])
async def test_a_stream_that_cannot_begin_is_an_ordinary_message(personal, fault):
    personal.meets(informative=fault)
    posted = await personal.began(personal.chat())
    assert personal.shown() == [(posted, "*Thinking…*", "")]


async def test_another_process_changes_what_it_does_not_stream(personal, monkeypatch):
    posted = await personal.began(personal.chat())
    monkeypatch.setattr(wiring, "Streams", lambda _: Streams(personal.clock))
    settings = load({**AWS, **personal.teams.settings()})
    async with wiring.teams_platform(settings, own_ledgers) as personal.platform:
        chat = personal.chat()
        await personal.grown(chat, posted, "One")
        await personal.done(chat, posted, "One two")
    assert personal.shown() == [(posted, "One two", "")]
    assert [kind for kind, _ in personal.calls()] == ["informative", "put", "put"]


@pytest.mark.parametrize(
    ("why", "error"), [("was canceled by user.", Stopped), ("is not allowed", Unreachable)]
)
async def test_a_change_that_a_stream_stands_in_the_way_of(personal, why, error):
    chat = personal.chat()
    personal.meets(put=f"{STREAM} {why}")
    with pytest.raises(error):
        await chat.edit("1", Rendered("One", stage=Stage.DONE))


async def test_a_second_answer_in_the_same_chat_grows_beside_a_stream(personal):
    chat, other = personal.chat(), personal.chat()
    first = await personal.began(chat)
    second = await personal.began(other)
    await personal.grown(chat, first, "One")
    await personal.grown(other, second, "Two")
    await personal.done(other, second, "Two.")
    await personal.done(chat, first, "One.")
    assert personal.shown() == [(first, "One.", ""), (second, "Two.", "")]
    kinds = ["informative", "post", "streaming", "put", "put", "final"]
    assert [kind for kind, _ in personal.calls()] == kinds


async def test_nothing_that_was_said_or_asked_for_is_logged(personal, caplog):
    caplog.set_level(logging.DEBUG)
    chat = personal.chat()
    personal.teams.connector.targeted = False
    posted = await personal.began(chat)
    for fault in (f"{STREAM} is not allowed", "400:BadRequest:secret reason"):
        personal.meets(streaming=fault, put="503")
        with pytest.raises(Unreachable):
            await personal.grown(chat, posted, "secret answer")
    await chat.post_ephemeral(Person(ANA.aad), Rendered("secret answer"))
    personal.teams.graph.granted = frozenset()
    await chat.audience(Person(ANA.aad))
    await chat.name(Person(ANA.aad))
    with pytest.raises(Forbidden):
        await chat.thread(5)
    ours = [r for r in caplog.records if r.name.startswith(("bots", "core"))]
    said = " ".join(record.getMessage() for record in ours)
    assert ours
    for secret in ("secret", ANA.name, ANA.aad, "Bearer", "eyJ"):
        assert secret not in said
