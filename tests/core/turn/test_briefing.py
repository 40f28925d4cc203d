"""What goes into a prompt of what was said before: only what its asker may see now."""

from dataclasses import replace
from datetime import date

import pytest

from core.people.audience import Audience
from core.turn.briefing import Briefing
from core.turn.exchange import keep
from core.values.answer import Message, Usage
from core.values.conversation import (
    LIBRARY,
    Conversation,
    Incoming,
    Kind,
    Outsiders,
    Person,
    Quoted,
    Scope,
)
from tests.support.fake_chat import FakeChat
from tests.support.fakes import FakeHistory, FakePlaceSettings

GROUP = Conversation("teams", "T", "19:crew@thread.v2", None, Kind.GROUP)
DM = Conversation("slack", "T", "D1", None, Kind.DIRECT)
ANA, BEN = Person("ana", "Ana"), Person("ben", "Ben")


class Stays:
    """Nothing was left."""

    async def among(self, prefixes):
        return frozenset()


def asked(who, text, number, where=GROUP, **more):
    return Incoming(f"{where.place}/{number}", where, who, text, str(number), **more)


@pytest.fixture
def history():
    return FakeHistory()


@pytest.fixture
def briefing(history):
    audience = Audience(Stays(), Outsiders.CHANNEL)
    settings = FakePlaceSettings()
    today = lambda: date(2026, 12, 1)  # noqa: E731
    return Briefing(None, history, settings, None, audience, default_model="sonnet", today=today)


async def said_before(briefing, question, chat):
    brief = await briefing.of(question, chat, None, ())
    return [turn.text for turn in brief.prompt.turns][:-1], brief.quoted


async def test_what_one_person_asked_in_private_stays_with_them(briefing, history):
    chat = FakeChat(GROUP)
    private = asked(ANA, "my salary?", 1, private=True)
    await keep(history, private, "It is 5.", Usage(), Quoted())
    assert await said_before(briefing, asked(BEN, "repeat all", 2), chat) == ([], Quoted())
    assert await said_before(briefing, asked(BEN, "and?", 2, private=True), chat) == ([], Quoted())
    assert await said_before(briefing, asked(ANA, "repeat", 3), chat) == ([], Quoted())
    again, _ = await said_before(briefing, asked(ANA, "repeat", 4, private=True), chat)
    assert again == ["Ana: my salary?", "It is 5."]


async def test_what_was_quoted_of_a_channel_is_not_repeated_to_who_left_it(briefing, history):
    finance = Scope("slack/T/CFINANCE")
    quoted = Quoted(frozenset({finance.prefix, LIBRARY.prefix}))
    await keep(history, asked(ANA, "profit?", 1, DM), "Nine.", Usage(), quoted)
    chat = FakeChat(DM, others=frozenset({finance}))
    turns, carried = await said_before(briefing, asked(ANA, "again?", 2, DM), chat)
    assert (turns, carried) == (["profit?", "Nine."], quoted)
    chat.others = frozenset()
    assert await said_before(briefing, asked(ANA, "again?", 3, DM), chat) == ([], Quoted())


async def test_a_guest_is_not_reminded_of_what_came_from_the_library(briefing, history):
    where = replace(GROUP, kind=Kind.CHANNEL, thread="1")
    await keep(
        history, asked(ANA, "rules?", 1, where), "Four.", Usage(), Quoted(frozenset({"library"}))
    )
    chat = FakeChat(where, turns=[Message("user", "rules?", "Ana", "1")], guests=frozenset({"ben"}))
    assert (await said_before(briefing, asked(ANA, "and?", 2, where), chat))[0]
    assert await said_before(briefing, asked(BEN, "and?", 2, where), chat) == ([], Quoted())
