"""What the model is asked."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from core.turn.prompt.cache_points import newest
from core.turn.prompt.prompt import GO_ON, WINDOW, build, merge
from core.values.answer import CachePoints, Message
from core.values.conversation import Conversation, Incoming, Kind, Person
from core.values.effort import Task

CHANNEL = Conversation("slack", "T1", "C1", "1.0", Kind.CHANNEL)
DIRECT = Conversation("slack", "T1", "D1", None, Kind.DIRECT)
TODAY = date(2026, 11, 24)


def question(text="And now?", where=CHANNEL, message_id="9.0"):
    return Incoming(f"{where.place}/{message_id}", where, Person("U1", "Ana"), text, message_id)


def said(text, message_id, person="Ben"):
    return Message("user", text, person, message_id)


def answered(text, message_id="b"):
    return Message("assistant", text, "", message_id)


def test_a_first_question_is_the_only_turn():
    prompt = build(question("Hello?"), "sonnet", (), TODAY)
    assert [(t.role, t.text) for t in prompt.turns] == [("user", "Ana: Hello?")]
    assert prompt.model == "sonnet"
    assert prompt.max_tokens == 4096


def test_an_answer_that_was_handed_on_is_asked_to_go_on_where_it_ended():
    half = replace(question("Hello?"), answer_so_far="It is a ")
    prompt = build(half, "sonnet", (), TODAY, block="<files/>")
    assert [(t.role, t.text) for t in prompt.turns] == [
        ("user", "<files/>\n\nAna: Hello?"),
        ("assistant", "It is a "),
        ("user", GO_ON),
    ]


def test_the_prefix_is_the_same_for_every_question_of_a_day():
    one = build(question("a"), "sonnet", (), TODAY)
    two = build(question("b", DIRECT), "opus", (said("x", "1.0"),), TODAY)
    assert one.system == two.system


def test_what_changes_with_every_question_comes_after_what_stays():
    one = build(question("a"), "sonnet", (), TODAY)
    two = build(question("a"), "sonnet", (), TODAY + timedelta(days=1))
    assert one.system == two.system
    assert (one.today, two.today) == ("Tuesday, 24 November 2026", "Wednesday, 25 November 2026")


LONG = "word " * 1_000


def exchange(number, text=LONG):
    return said(text, f"{1_700_000_000 + 60 * number}.000100"), answered(text)


def talk(count, text=LONG):
    return [turn for number in range(count) for turn in exchange(number, text)]


def follow_up(number, wait=60.0):
    return replace(question("And?"), message_id=f"{1_700_000_000 + 60 * (number - 1) + wait:.6f}")


def test_a_conversation_that_goes_on_is_cached_up_to_where_the_last_one_was():
    prompt = build(follow_up(3), "sonnet", talk(3), TODAY, documents="A report.")
    assert [turn.role for turn in prompt.turns] == ["user", "assistant"] * 3 + ["user"]
    assert prompt.cached == CachePoints(documents=False, turns=(3, 5))
    longer = build(follow_up(4), "sonnet", talk(4), TODAY, documents=LONG)
    assert longer.cached == CachePoints(documents=True, turns=(5, 7))
    assert longer.turns[:6] == prompt.turns[:6]


@pytest.mark.parametrize(
    "asked",
    [
        question("Hello?"),
        follow_up(3, wait=301.0),
        replace(question("Hello?"), message_id="f:1234"),
    ],
    ids=["nothing before", "too late", "untimed"],
)
def test_what_may_not_be_read_again_is_not_cached(asked):
    before = talk(3) if asked.message_id != "9.0" else ()
    assert build(asked, "sonnet", before, TODAY, documents=LONG).cached == CachePoints()


def test_less_than_a_model_caches_is_not_marked():
    short = talk(4, "word " * 100)
    assert build(follow_up(4), "sonnet", short, TODAY).cached.turns == (5, 7)
    assert build(follow_up(4), "haiku-4.5", short, TODAY).cached == CachePoints()


def test_a_summary_is_asked_for_with_its_own_effort():
    assert build(question(""), "sonnet", (), TODAY, request="Sum up.").task is Task.SUMMARY
    assert build(question("a"), "sonnet", (), TODAY).task is Task.ANSWER


def test_a_long_conversation_keeps_its_beginning_for_many_questions():
    begins = []
    for number in range(30, 60):
        before = newest(talk(number), WINDOW)
        assert WINDOW // 2 <= sum(len(turn.text) // 4 for turn in before) <= WINDOW
        begins.append(before[0].message_id)
    changes = sum(a != b for a, b in pairwise(begins))
    assert changes <= len(begins) // 2


def test_in_a_direct_chat_nobody_is_named():
    prompt = build(
        question("Hello?", DIRECT), "sonnet", (said("Hi", "1.0"), answered("Yes?")), TODAY
    )
    assert [t.text for t in prompt.turns] == ["Hi", "Yes?", "Hello?"]


def test_what_people_said_among_themselves_comes_with_our_answers_as_they_were_kept():
    history = (Message("user", "What is it?", "", "1.0"), answered("**It**"))
    thread = (
        said("What is it?", "1.0"),
        answered("*It*", "1.1"),
        said("I disagree", "2.0", "Chae-won"),
    )
    merged = merge("9.0", history, thread)
    assert [(t.person, t.text) for t in merged] == [
        ("Ben", "What is it?"),
        ("", "**It**"),
        ("Chae-won", "I disagree"),
    ]


def test_history_older_than_the_thread_shows_comes_first():
    history = (
        said("old", "0.5"),
        answered("older answer"),
        said("new", "2.0"),
        answered("new answer"),
    )
    merged = merge("9.0", history, (said("new", "2.0"), said("more", "3.0")))
    assert [t.text for t in merged] == ["old", "older answer", "new", "new answer", "more"]


def test_the_question_and_what_came_after_it_are_left_out():
    thread = (said("before", "1.0"), said("And now?", "9.0"), said("after", "10.0"))
    history = (
        said("before", "1.0"),
        answered("a"),
        said("And now?", "9.0"),
        answered("old answer"),
    )
    assert [t.text for t in merge("9.0", history, thread)] == ["before", "a"]


def test_turns_alternate_and_begin_with_a_person():
    thread = (answered("hello", "0.1"), said("one", "1.0"), said("two", "2.0", "Chae-won"))
    prompt = build(question("three"), "sonnet", thread, TODAY)
    assert [(t.role, t.text) for t in prompt.turns] == [
        ("user", "Ben: one\n\nChae-won: two\n\nAna: three")
    ]


def test_the_oldest_turns_give_way_but_never_the_question():
    long = "word " * WINDOW
    prompt = build(question(long), "sonnet", (said(long, "1.0"), answered("x")), TODAY)
    assert prompt.turns[-1].text.endswith(long)
    assert len(prompt.turns) == 1
