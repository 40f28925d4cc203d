"""Calls that must be made, when it is not known whether one was."""

import pytest

from core.ports.chat import RateLimited, Unreachable
from core.ports.rates import Call, Priority
from core.streaming.delivery import Writer
from core.values.answer import Rendered
from core.values.conversation import Conversation, Kind
from tests.support import virtual
from tests.support.fake_chat import FakeChat

WHERE = Conversation("fake", "T", "C", "1", Kind.CHANNEL)


class Loses(FakeChat):
    """Takes the first post, and says nothing."""

    async def post(self, message, *, mark=""):
        posted = await super().post(message, mark=mark)
        if len(self.messages) == 1:
            raise Unreachable("no answer")
        return posted


class Paused:
    """A budget that grants everything, and keeps what was paused."""

    def __init__(self):
        self.calls = []

    async def spend(self, call, priority):
        pass

    def pause(self, call, seconds):
        self.calls.append((call, seconds))


@pytest.mark.parametrize("refusals", [[], [RateLimited(30.0)], [RateLimited(30.0)] * 2])
def test_a_lost_post_is_looked_for_as_often_as_one_may_and_holds_up_no_other_post(refusals):
    async def main():
        chat, budget = Loses(WHERE), Paused()
        chat.faults["find"] = list(refusals)
        posted = await Writer(chat, budget, "run").post(Rendered("text"), Priority.FINAL, ())
        assert [*chat.messages] == [posted]
        assert budget.calls == []
        assert virtual.now() >= sum(each.retry_after for each in refusals)

    virtual.run(main)


def test_a_refused_post_pauses_posts():
    async def main():
        chat, budget = FakeChat(WHERE), Paused()
        chat.faults["post"] = [RateLimited(7.0)]
        await Writer(chat, budget, "run").post(Rendered("text"), Priority.FINAL, ())
        assert budget.calls == [(Call.POST, 7.0)]

    virtual.run(main)
