"""People's names: asked for once, however many questions name them at the same time."""

import asyncio

from bots.slack.api import web
from bots.slack.api.membership import Membership
from bots.slack.api.web import NAMELESS, NAMES_AT_ONCE, NAMES_GOOD, People
from core.ports.chat import Unreachable
from tests.support.fakes import Clock


class Slack:
    """In place of `read`: counts who is asked for, and how many at a time."""

    def __init__(self):
        self.asked, self.running, self.most = [], 0, 0
        self.down = False

    async def __call__(self, client, method, **arguments):
        self.asked.append(arguments.get("user", ""))
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if self.down:
            raise Unreachable("away")
        if method == "users.conversations":
            return {"channels": [{"id": "C1"}]}
        return {"user": {"name": arguments["user"].lower()}}


async def test_unknown_names_are_asked_for_once_and_few_at_a_time(monkeypatch):
    slack, clock = Slack(), Clock()
    monkeypatch.setattr(web, "read", slack)
    people = People(None, clock)
    crowd = [f"U{n}" for n in range(30)]
    found = await asyncio.gather(*(people.names(crowd) for _ in range(10)))
    assert all(each == {name: name.lower() for name in crowd} for each in found)
    assert sorted(slack.asked) == sorted(crowd)
    assert slack.most <= NAMES_AT_ONCE
    clock.now += NAMES_GOOD
    await people.names(["U1"])
    assert len(slack.asked) == 31


async def test_a_name_that_is_not_told_is_not_asked_for_at_every_question(monkeypatch):
    slack, clock = Slack(), Clock()
    monkeypatch.setattr(web, "read", slack)
    people = People(None, clock)
    slack.down = True
    for _ in range(5):
        assert await people.names(["U1"]) == {}
    assert slack.asked == ["U1"]
    slack.down = False
    clock.now += NAMELESS
    assert await people.names(["U1"]) == {"U1": "u1"}


async def test_our_own_channels_are_asked_for_once_by_all_who_want_them(monkeypatch):
    slack = Slack()
    monkeypatch.setattr("bots.slack.api.membership.read", slack)
    membership = Membership(None, Clock())
    await asyncio.gather(*(membership.of(f"U{n}") for n in range(20)))
    assert slack.asked.count("") == 1
    assert len(slack.asked) == 21
