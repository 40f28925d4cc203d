"""How an answer is spread over messages."""

import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.rendering.mrkdwn import MrkdwnSurface, render
from core.streaming.markdown.presentable import Policy, present
from core.streaming.split import Edit, Post, parts, plan


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


POLICY = Policy(hosts=frozenset({"docs.example.com"}))
SURFACE = MrkdwnSurface()
phrase = st.lists(
    st.sampled_from(
        [
            "some words here,",
            "**bold one** and",
            "`code & <x>`",
            "[docs](https://docs.example.com/p)",
            "한국어 문장입니다.",
            "A sentence ends.",
            "_it_",
            "a & b < c",
            "snake_case",
        ]
    ),
    min_size=5,
    max_size=120,
).map(" ".join)
line = st.lists(
    st.sampled_from(["x = 1", "return <y>", "  # & so on", ""]), min_size=5, max_size=200
)
real_block = st.one_of(
    phrase,
    phrase.map(lambda p: "- " + p.replace(" A ", "\n- A ").replace(" _it_ ", "\n  - _it_ ")),
    st.lists(phrase.map(lambda p: p[:200]), min_size=2, max_size=30).map(
        lambda items: "\n".join(f"{n}. {item}" for n, item in enumerate(items, 1))
    ),
    st.just("## A heading"),
    line.map(lambda lines: "\n".join(["```py", *lines, "```"])),
    st.lists(phrase.map(lambda p: p[:80]), min_size=2, max_size=60).map(
        lambda cells: "| a | b |\n|---|---|\n" + "\n".join(f"| {c} | 1 |" for c in cells)
    ),
)
answers = st.lists(real_block, min_size=4, max_size=12).map("\n\n".join)


@given(answers, st.data())
@settings(max_examples=60, deadline=None)
def test_on_slack_every_part_fits_and_finished_parts_stay_while_an_answer_arrives(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6)))
    earlier = ()
    for cut in [*cuts, None]:
        shown = parts(present(text[:cut], POLICY, final=cut is None), SURFACE)
        assert all(0 < SURFACE.size(part) <= 3000 for part in shown)
        assert shown[: max(0, len(earlier) - 1)] == earlier[:-1]
        earlier = shown


@given(st.text("ab *_`~[]()<>|#-\n:/.!@&;1", min_size=100, max_size=900))
@settings(max_examples=100, deadline=None)
def test_any_text_fits_slack(text):
    surface = Small()
    for part in parts(text, surface):
        assert 0 < surface.size(part) <= 120


class Small(MrkdwnSurface):
    limit = 120


def test_a_heading_stays_with_what_it_heads():
    text = "word " * 36 + "\n\n# Head\n\n" + "```\n" + "line\n" * 10 + "```"
    first, second = parts(text, Plain())
    assert "Head" not in first
    assert second.startswith("# Head\n\n```")


def test_short_paragraphs_are_not_cut():
    text = "\n\n".join(["A paragraph of two dozen."] * 40)
    assert all(part.endswith("dozen.") for part in parts(text, Plain()))


def test_a_long_list_goes_on_with_its_numbers_in_the_next_message():
    text = "\n".join(f"{n}. item **{n}**\n    - below" for n in range(1, 61))
    split = parts(text, Plain())
    assert all(part.split(".")[0].isdigit() for part in split)
    assert "".join(render(part) for part in split).count("◦ below") == 60


def test_a_fence_in_a_list_is_closed_and_opened_again():
    text = "- run\n  ```sh\n" + "  make it so\n" * 60 + "  ```\n- then rest"
    split = parts(text, Plain())
    assert all(len(part) <= 200 for part in split)
    assert all(render(part).count("```") % 2 == 0 for part in split)
    assert "".join(split).count("make it so") == 60
    assert render(split[-1]).endswith("• then rest")


def test_a_character_is_never_cut_in_two():
    for text in ("e\u0301" * 400, "👩\u200d💻" * 300, "❤\ufe0f" * 300):
        for part in parts("x" + text, Plain()):
            assert part[0] not in "\u0301\u200d\ufe0f"
            assert part[-1] != "\u200d"


def test_a_cut_falls_outside_code_bold_and_links_where_it_can():
    text = "First words go here. **Bold words. that. go. on** and `code. it. is` so. " * 8
    for part in parts(text, Plain()):
        assert part.count("**") % 2 == 0
        assert part.count("`") % 2 == 0


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 5_000,
        "```\n" + "line\n" * 20_000,
        "- item\n" * 10_000,
        "words and words " * 6_000,
        "para\n\n" * 10_000,
        "&" * 50_000,
        "a\n" * 30_000,
        "| a |\n|---|\n| " + "x" * 50_000 + " |",
        "# h\n" * 10_000,
        "> q\n" * 10_000,
    ],
)
def test_hostile_text_takes_no_time(text):
    started = time.process_time()
    split = parts(text, SURFACE)
    assert time.process_time() - started < 20  # a bound against blow-up, not a measure of speed
    assert all(SURFACE.size(part) <= 3000 for part in split)
