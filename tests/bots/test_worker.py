"""What a worker gives back to the queue, and what it keeps of what was not said to us."""

import json

import pytest

from bots.worker import Worker
from core.knowledge.lookup import Knowledge
from core.people.audience import Audience
from core.ports.turns import Busy, DeadlineReached
from core.streaming.markdown.presentable import Policy
from core.turn.assistant import Assistant
from core.turn.briefing import Briefing
from core.values.conversation import (
    Attachment,
    Conversation,
    Incoming,
    Kind,
    Outsiders,
    Person,
    dumps,
    loads,
)
from tests.support.fake_chat import FakeChat
from tests.support.fakes import FakeClaims, FakeHistory, FakePlaceSettings, FakeTurns

WHERE = Conversation("any", "T", "C", "1", Kind.CHANNEL)
SECRET = "the secret plan"


def question(number=1, **more):
    return Incoming(f"{WHERE.place}/{number}", WHERE, Person("ana"), SECRET, str(number), **more)


def event(*questions):
    records = [
        {"messageId": each.message_id, "body": dumps(each), "attributes": {"MessageGroupId": "g"}}
        for each in questions
    ]
    return {"Records": records}


class Free:
    """A budget that refuses nothing."""

    async def published(self):
        return None


class Ends:
    """An assistant each of whose answers ends in its own way."""

    def __init__(self, *ends):
        self.ends = list(ends)
        self.asked = []

    async def answer(self, question, chat, budget, *, redelivered=False, until=None):
        self.asked.append(question.message_id)
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return ()


def worker_of(assistant, claims=None, turns=None):
    reach = {"any": lambda where, extra: (FakeChat(where), Free())}
    return Worker(assistant, None, claims, turns, reach)


async def test_what_is_handed_on_stays_first_of_its_conversation():
    turns, assistant = FakeTurns(), Ends((), DeadlineReached(), ())
    answer = await worker_of(assistant, turns=turns).handle(event(*map(question, (1, 2, 3))))
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["2", "3"]
    assert answer["handedOn"] == ["2"]
    assert assistant.asked == ["1", "2"]
    assert turns.items == []


async def test_what_another_worker_holds_keeps_its_place():
    assistant = Ends(Busy(7.0))
    answer = await worker_of(assistant).handle(event(question(1), question(2)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}


@pytest.fixture
def claims():
    return FakeClaims(lambda: 1000.0)


def assistant_of(claims, *, auto):
    settings = FakePlaceSettings()
    settings.autos = {WHERE.place: auto}
    briefing = Briefing(
        None,
        FakeHistory(),
        settings,
        Knowledge(None, None, None),
        Audience(None, Outsiders.CHANNEL),
        default_model="haiku",
        today=lambda: None,
    )
    return Assistant(None, claims, FakeHistory(), briefing, policy=Policy())


@pytest.mark.parametrize(
    ("auto", "post"),
    [
        (True, question(addressed=False, files_unresolved=True)),
        (False, question(addressed=False, files_unresolved=True)),
        (False, question(addressed=False, attachments=(Attachment("F1", "a", "", 1, "u"),))),
    ],
)
async def test_a_post_that_is_not_for_us_is_over_at_once_and_its_text_kept_nowhere(
    claims, auto, post
):
    worker = worker_of(assistant_of(claims, auto=auto), claims, FakeTurns())
    assert await worker.handle(event(post)) == {"batchItemFailures": []}
    assert claims.events == {}
    assert await worker.sweep() == 0


async def test_a_post_that_is_not_for_us_any_more_leaves_no_claim_open(claims):
    """A worker died over a file; since then somebody refused that files are read."""
    post = question(addressed=False, attachments=(Attachment("F1", "a", "", 1, "u"),))
    claim = await claims.take(post.event_id, dumps(post))
    await claims.release(claim, dumps(post), anew=False)
    worker = worker_of(assistant_of(claims, auto=False), claims, FakeTurns())
    await worker.handle(event(post))
    (kept,) = claims.events.values()
    assert kept.settled
    assert SECRET not in kept.incoming
    assert not isinstance(loads(kept.incoming), Incoming)
    assert json.loads(kept.incoming)["type"] == "Command"
