"""What people are reminded of: what they may see now, and nothing of what is gone."""

from dataclasses import replace

import pytest

from core.turn.prompt.prompt import merge
from core.turn.prompt.recall import documents_of, recalled
from core.values.answer import Exchange, Message
from core.values.conversation import LIBRARY, Conversation, Kind, Quoted, Scope
from core.values.documents import Document, DocumentId, State

DM = Conversation("slack", "T", "D1", None, Kind.DIRECT)
CHANNEL = Conversation("slack", "T", "C1", "1.0", Kind.CHANNEL)
FILE = DocumentId("slack/T/C1", "F1")
ROW = Document(FILE, "a.pdf", "key", State.READY, version="1")
QUOTED = Quoted(frozenset({FILE.place}), frozenset({(FILE.place, FILE.file)}))
ALL = frozenset({DM.scope, LIBRARY, CHANNEL.scope})


def exchange(number, quoted):
    asked = Message("user", f"q{number}", "Ana", f"{number}.0")
    return Exchange(asked, Message("assistant", f"a{number}"), quoted)


def texts(found):
    return [turn.text for turn in found.turns]


def test_who_sees_all_that_an_answer_was_made_from_is_reminded_of_it():
    kept = [exchange(1, Quoted()), exchange(2, QUOTED)]
    assert documents_of(kept) == {FILE}
    found = recalled(kept, DM, ALL, {FILE: ROW})
    assert texts(found) == ["q1", "a1", "q2", "a2"]
    assert found.quoted == QUOTED
    assert not found.withheld


@pytest.mark.parametrize(
    ("scopes", "rows"),
    [
        (ALL - {CHANNEL.scope}, {FILE: ROW}),
        (ALL, {}),
        (ALL, {FILE: replace(ROW, state=State.DELETED)}),
        (ALL, {FILE: replace(ROW, origins=("slack/T/C9",))}),
    ],
    ids=["left the channel", "row gone", "deleted", "left the origin"],
)
def test_an_exchange_is_left_out_whole_where_one_source_may_not_be_seen(scopes, rows):
    found = recalled([exchange(1, Quoted()), exchange(2, QUOTED)], DM, scopes, rows)
    assert texts(found) == ["q1", "a1"]
    assert found.withheld == {"2.0"}
    assert found.quoted == Quoted()


def test_what_a_version_kept_that_named_no_sources_counts_in_channels_only():
    kept = [exchange(1, None)]
    assert texts(recalled(kept, DM, ALL, {})) == []
    assert texts(recalled(kept, CHANNEL, ALL, {})) == ["q1", "a1"]
    assert texts(recalled(kept, CHANNEL, {CHANNEL.scope}, {})) == []


def test_what_was_linked_to_is_seen_by_who_is_in_one_of_its_places():
    row = replace(ROW, id=DocumentId(DM.place, "F1"), origins=("slack/T/C1", "slack/T/C2"))
    assert row.seen_by(ALL)
    assert row.seen_by({DM.scope, Scope("slack/T/C2")})
    assert not row.seen_by({DM.scope, LIBRARY})


def test_the_platforms_copies_of_answers_do_not_bring_back_what_is_withheld():
    thread = [
        Message("user", "q1", "Ana", "1.0"),
        Message("assistant", "a1", "", "2.0"),
        Message("user", "hm", "Ben", "3.0"),
    ]
    assert [t.text for t in merge("9.0", (), thread)] == ["q1", "a1", "hm"]
    assert [t.text for t in merge("9.0", (), thread, {"1.0"})] == ["hm"]
