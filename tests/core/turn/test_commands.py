"""What `/model` and the buttons do, wherever they are pressed."""

import asyncio
from dataclasses import replace

import pytest

from core.people.audience import Audience
from core.ports.turns import Withdrawn
from core.turn.commands import Commands
from core.values import runs
from core.values.answer import Message, MessageId, Usage
from core.values.conversation import Command, Conversation, Incoming, Kind, Outsiders, Person, dumps
from core.wording.catalogue import phrase
from tests.support.fake_chat import FakeChat
from tests.support.fakes import FakeClaims, FakeFeedback, FakeHistory, FakePlaceSettings, FakeTurns

WHERE = Conversation("any", "T", "C", "1", Kind.CHANNEL)
ANA = Person("ana", "Ana")
RUN = f"{WHERE.place}/1"


class Scene:
    def __init__(self):
        self.now = 1000.0
        self.claims = FakeClaims(lambda: self.now)
        self.places, self.feedback, self.turns = FakePlaceSettings(), FakeFeedback(), FakeTurns()
        self.history = FakeHistory()
        self.chat = FakeChat(WHERE)
        self.commands = Commands(
            self.claims,
            self.places,
            self.feedback,
            self.turns,
            self.history,
            dead=self.turns,
            files=None,
            erasing=None,
            audience=Audience(None, Outsiders.CHANNEL),
            default_model="sonnet",
        )

    async def give(self, name, argument="", where=WHERE, target=None):
        """Carries out a command; what its giver alone was told, empty if nothing."""
        before = len(self.chat.whispered)
        command = Command(f"{where.place}/action/{before}", where, ANA, name, argument, target)
        await self.commands.handle(command, self.chat)
        told = self.chat.whispered[before:]
        assert all(person == ANA for person, _ in told)
        return told[0][1] if told else None

    async def answered(self, run=RUN, *, settled=True):
        question = Incoming(run, WHERE, ANA, "What is it?", "1", extra={"a": "b"})
        claim = await self.claims.take(run, dumps(question))
        await self.claims.posted(claim, [MessageId("m1"), MessageId("m2")])
        if settled:
            await self.claims.complete(claim)


@pytest.fixture
def scene():
    return Scene()


async def test_the_picker_marks_what_answers_here_and_a_choice_is_kept(scene):
    picker = await scene.give("model")
    assert [o.value for o in picker.options if o.selected] == ["sonnet"]
    assert "From now on" in (await scene.give("model", "Claude Opus")).markdown
    assert await scene.places.model(WHERE.place) == "opus"
    picker = await scene.give("model")
    assert [o.value for o in picker.options if o.selected] == ["opus"]


async def test_all_of_a_channel_are_told_of_a_new_model_once(scene):
    for _ in range(2):
        await scene.give("model", "opus")
    (told,) = scene.chat.messages.values()
    assert told.markdown.startswith("Ana chose **Claude Opus 5.5** to answer in this channel")
    await scene.give("model", "haiku", where=replace(WHERE, kind=Kind.DIRECT))
    assert len(scene.chat.messages) == 1


async def test_a_chat_of_two_is_greeted_without_a_word_on_mentions(scene):
    await scene.give("joined", where=replace(WHERE, kind=Kind.DIRECT))
    await scene.give("joined")
    direct, channel = (each.markdown for each in scene.chat.messages.values())
    assert "Write your question here" in direct
    assert "Mention me" in channel


async def test_an_unknown_model_gets_the_list(scene):
    picker = await scene.give("model", "gpt")
    assert picker.options
    assert await scene.places.model(WHERE.place) is None


@pytest.mark.parametrize("name", ["retry", "regenerate"])
async def test_an_answer_is_made_again_in_its_own_messages_and_once_however_often_pressed(
    scene, name
):
    await scene.answered()
    await asyncio.gather(*(scene.give(name, RUN) for _ in range(3)))
    (again,) = scene.turns.items
    assert again.event_id == f"{RUN}~2"
    assert again.replaces == ("m1", "m2")
    assert (again.text, again.extra) == ("What is it?", {"a": "b"})


@pytest.mark.parametrize(
    ("name", "argument", "said"),
    [
        ("retry", "any/T/OTHER/1", "another conversation"),
        ("regenerate", "any/OTHER/C/1", "another conversation"),
        ("stop", "any/T/C2/1", "another conversation"),
        ("feedback", "up any/T/OTHER/1", "another conversation"),
        ("feedback", f"sideways {RUN}", "another conversation"),
        ("retry", f"{WHERE.place}/7", "no longer have"),
        ("stop", RUN, "already ended"),
    ],
)
async def test_a_button_of_elsewhere_or_long_ago_does_nothing_but_say_so(
    scene, name, argument, said
):
    await scene.answered()
    assert said in (await scene.give(name, argument)).markdown
    assert scene.turns.items == []
    assert scene.feedback.ratings == {}


@pytest.mark.parametrize("name", ["model", "stop", "retry", "regenerate", "feedback"])
@pytest.mark.parametrize(
    "argument",
    ["", " ", "9" * 5000, f"{RUN}~{'9' * 5000}", f"{RUN}~²", "x" * 2000, f"up {RUN}/{'가' * 1900}"],
)
async def test_whatever_a_command_is_given_somebody_is_told(scene, name, argument):
    await scene.answered()
    if not argument and name in ("retry", "regenerate"):
        return  # a word: about the newest answer
    assert await scene.give(name, argument) is not None
    assert len(scene.claims.events) == 1


async def test_what_still_runs_is_stopped_and_not_repeated(scene):
    await scene.answered(settled=False)
    assert "still answering" in (await scene.give("regenerate", RUN)).markdown
    assert await scene.give("stop", RUN) is None
    assert scene.claims.events[RUN].stop


async def test_a_rating_belongs_to_the_post_and_the_last_one_counts(scene):
    await scene.give("feedback", f"up {RUN}")
    await scene.give("feedback", f"down {RUN}~2")
    assert scene.feedback.ratings == {(RUN, ANA.id): "down"}


async def test_without_an_index_files_are_said_to_be_off_and_joining_is_greeted_all_the_same(scene):
    assert "OPENSEARCH_URL" in (await scene.give("files")).markdown
    assert await scene.give("gone", "F1") is None
    await scene.give("joined")
    (hello,) = scene.chat.messages.values()
    assert hello.markdown == "Hi, I'm Parley. Mention me to ask something."
    for name in ("left", "restored", "uninstalled", "unheard-of"):
        assert await scene.give(name) is None
    assert len(scene.chat.messages) == 1


async def test_a_deleted_question_is_forgotten_without_an_index_as_well(scene):
    exchange = (Message("user", "what?", "Ana", "1"), Message("assistant", "that"), Usage())
    await scene.history.append(WHERE.key, RUN, *exchange)
    assert await scene.history.recent(WHERE.key, 100)
    assert await scene.give("gone", target="1") is None
    (kept,) = await scene.history.recent(WHERE.key, 100)
    assert (kept.forgotten, kept.question.text, kept.answer.text) == (True, "", "")


async def test_a_deleted_question_is_answered_by_nobody_again_and_its_answers_go(scene):
    await scene.answered()
    await scene.answered(f"{RUN}~2")
    command = Command("e", WHERE, ANA, "gone", target="1")
    assert await scene.commands.handle(command, scene.chat) == ["m1", "m2"]
    assert "What is it?" not in str(scene.claims.events)
    assert (await scene.give("regenerate", RUN)).markdown == phrase("reply.too_old")
    assert scene.turns.items == []
    assert await scene.claims.take(RUN, "again") is None
    assert await scene.claims.take(f"{RUN}~3", "again") is None


async def test_whoever_answers_a_deleted_question_is_told_that_it_is_withdrawn(scene):
    claim = await scene.claims.take(RUN, "What is it?")
    await scene.commands.handle(Command("e", WHERE, ANA, "gone", target="1"), scene.chat)
    with pytest.raises(Withdrawn):
        await scene.claims.posted(claim, [MessageId("m1")])


async def test_a_private_answer_is_made_again_for_its_asker_only(scene):
    question = Incoming(RUN, WHERE, Person("ben"), "my salary?", "1", private=True)
    await scene.claims.complete(await scene.claims.take(RUN, dumps(question)))
    assert (await scene.give("regenerate", RUN)).markdown == phrase("reply.other_conversation")
    assert scene.turns.items == []


@pytest.mark.parametrize("word", ["retry", "regenerate"])
async def test_a_word_is_about_the_newest_answer_of_its_conversation(scene, word):
    await scene.answered()
    await scene.answered(runs.next_run(RUN))
    scene.chat.turns.append(Message("user", "What is it?", "Ana", RUN.rpartition("/")[2]))
    assert await scene.give(word) is None
    (anew,) = scene.turns.items
    assert anew.event_id == runs.next_run(runs.next_run(RUN))


async def test_the_word_stop_ends_what_still_runs(scene):
    await scene.answered(settled=False)
    scene.chat.turns.append(Message("user", "What is it?", "Ana", RUN.rpartition("/")[2]))
    assert await scene.give("stop") is None


async def test_a_word_where_nothing_was_answered_says_so(scene):
    for word in ("stop", "retry", "regenerate"):
        assert await scene.give(word) is not None


async def test_a_platforms_own_thumb_is_about_the_answer_that_has_it_and_thanks_for_itself(scene):
    await scene.answered()
    scene.chat.turns.append(Message("user", "What is it?", "Ana", RUN.rpartition("/")[2]))
    assert await scene.give("feedback", "up", target="m2") is None
    assert await scene.give("feedback", "down", target="m9") is None
    assert {key[0] for key in scene.feedback.ratings} == {RUN, f"{WHERE.place}/m9"}
