"""Who sees what where they ask: members, and people from outside."""

import pytest

from core.people.audience import Audience
from core.ports.chat import Unreachable
from core.values.conversation import (
    LIBRARY,
    Attachment,
    Conversation,
    Incoming,
    Kind,
    Outsiders,
    Person,
    Quoted,
    Scope,
    dumps,
    loads,
)
from tests.support.fake_chat import FakeChat

DM = Conversation("slack", "T", "D1", None, Kind.DIRECT)
OTHER = Scope("slack/T/C2")


class NeverLeft:
    async def among(self, prefixes):
        return frozenset()


def audience(policy=Outsiders.CHANNEL):
    return Audience(NeverLeft(), policy)


@pytest.fixture
def chat():
    return FakeChat(DM, others=frozenset({OTHER}), guests=frozenset({"gus"}))


async def test_a_member_sees_the_library_and_their_channels(chat):
    assert await audience().of(Person("ana"), DM, chat) == {DM.scope, LIBRARY, OTHER}


@pytest.mark.parametrize("person", [Person("gus"), Person("eve", outsider=True)])
async def test_who_is_from_outside_sees_the_place_alone_unless_the_operator_widens_it(chat, person):
    assert await audience().of(person, DM, chat) == {DM.scope}
    assert await audience(Outsiders.LIBRARY).of(person, DM, chat) == {DM.scope, LIBRARY}
    assert not await audience().refuses(person, chat)
    assert await audience(Outsiders.NONE).refuses(person, chat)
    assert not await audience(Outsiders.NONE).refuses(Person("ana"), chat)


async def test_whom_the_platform_does_not_tell_of_is_from_outside(chat):
    chat.faults["outsider"] = [Unreachable("503")]
    assert await audience().of(Person("ana"), DM, chat) == {DM.scope}


def test_the_queue_keeps_who_is_from_outside_where_the_version_before_can_read_it():
    quoted = Quoted(frozenset({"library"}), frozenset({("library", "a.pdf")}))
    file = Attachment("F1", "a", "", 0, "u", origins=("slack/T/C1",))
    asked = Incoming(
        f"{DM.place}/1.0",
        DM,
        Person("eve", "Eve", outsider=True),
        "hi",
        "1.0",
        (file,),
        extra={"user": "eve"},
        private=True,
        quoted=quoted,
    )
    text = dumps(asked)
    assert loads(text) == asked
    assert '"person": {"id": "eve", "name": "Eve"}' in text
    assert '"private":' not in text.replace('\\"', "")
    assert asked.history == f"{DM.key}~eve"
