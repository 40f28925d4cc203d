"""How an answer is spread over messages."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.mrkdwn import MrkdwnSurface
from core.draft import Edit, Post, parts, plan


@dataclass
class Plain:
    limit: int = 200

    def size(self, markdown):
        return len(markdown)


words = st.text("abcdefg 한국,.!", min_size=1, max_size=60)
block = st.one_of(
    st.lists(words, min_size=1, max_size=8).map(" ".join),
    st.lists(words, min_size=1, max_size=12).map(lambda w: "```py\n" + "\n".join(w) + "\n```"),
    st.lists(words, min_size=1, max_size=12).map(
        lambda w: "| a | b |\n|---|---|\n" + "\n".join(f"| {x} | 1 |" for x in w)
    ),
    st.integers(1, 700).map(lambda n: "w" * n),
)
documents = st.lists(block, min_size=3, max_size=12).map("\n\n".join)


@given(documents)
@settings(max_examples=150, deadline=None)
def test_every_part_fits_and_none_is_blank(text):
    for part in parts(text, Plain()):
        assert len(part) <= 200
        assert part.strip()


@given(documents, st.data())
@settings(max_examples=150, deadline=None)
def test_finished_parts_do_not_change_as_the_text_grows(text, data):
    cut = data.draw(st.integers(0, len(text)))
    before, after = parts(text[:cut], Plain()), parts(text, Plain())
    assert before[:-1] == after[: max(0, len(before) - 1)]


@given(documents)
@settings(max_examples=150, deadline=None)
def test_no_text_is_lost(text):
    joined = "".join(parts(text, Plain()))
    for mark in "abcdefg한국w":
        assert joined.count(mark) >= text.count(mark)


@pytest.mark.parametrize("kind", ["fence", "table"])
def test_what_fits_a_message_is_kept_whole(kind):
    inner = (
        "```\n" + "line\n" * 20 + "```"
        if kind == "fence"
        else "| a | b |\n|---|---|\n" + "\n".join(["| x | y |"] * 15)
    )
    first, second = parts("Some words.\n\n" * 8 + inner, Plain())
    assert first.count("Some words.") == 8
    assert second == inner


def test_a_long_fence_is_closed_and_opened_again():
    split = parts("```py\n" + "print(1)\n" * 100 + "```", Plain())
    assert len(split) > 3
    assert all(p.startswith("```py\n") and p.endswith("\n```") for p in split)
    assert "".join(split).count("print(1)") == 100


def test_a_long_table_repeats_its_head():
    split = parts("| a | b |\n|---|---|\n" + "\n".join(["| x | y |"] * 100), Plain())
    assert all(p.startswith("| a | b |\n|---|---|\n") for p in split)
    assert "".join(split).count("| x | y |") == 100


def test_a_word_of_20000_characters_is_shown_whole_over_messages():
    split = parts("x" * 20_000, MrkdwnSurface())
    assert "".join(split) == "x" * 20_000
    assert all(MrkdwnSurface().size(p) <= 3000 for p in split)


def test_an_endless_table_fits_slack():
    rows = "\n".join(f"| {i} | some value & more | <x> |" for i in range(800))
    surface = MrkdwnSurface()
    split = parts("| n | value | other |\n|---|---|---|\n" + rows, surface)
    assert max(surface.size(p) for p in split) <= 3000
    assert "".join(split).count("some value") == 800


def test_the_plan_edits_what_changed_and_posts_what_is_missing():
    assert plan(["a", "b"], ["a", "c", "d"]) == [Edit(1), Post(2)]
    assert plan(["a"], ["a"]) == []
    assert plan([], ["a"]) == [Post(0)]
