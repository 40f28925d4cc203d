"""Rows of questions that wait for files are somebody's, and somewhere."""

import pytest

from core.knowledge.erasure import Target, Wanted, kind_of
from core.values.conversation import Conversation, Incoming, Kind, Person, dumps

WHERE = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
POST = Incoming(f"{WHERE.place}/1.0", WHERE, Person("ana"), "what?", "1.0")
CLAIM = {"pk": f"claim#{POST.event_id}", "sk": "claim", "incoming": dumps(POST), "settled": False}
ROW = {"pk": f"waiting#{WHERE.place}/F1", "sk": f"{POST.event_id}~2"}


@pytest.mark.parametrize(
    ("target", "goes"),
    [
        (Target("slack/T1"), True),
        (Target("slack/T1/C1"), True),
        (Target("slack/T1/C2"), False),
        (Target("slack/T1", "ana"), True),
        (Target("slack/T1", "ben"), False),
    ],
)
def test_that_a_question_waits_is_forgotten_with_it(target, goes):
    wanted = Wanted(target)
    for each in (CLAIM, ROW):
        wanted.learn(each)
    assert wanted.takes(ROW) is goes
    assert kind_of(ROW) == "claims"
