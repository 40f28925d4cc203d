"""Blocks become chunks and parents that, joined, are the document."""

import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.values.documents import Block, Locator
from core.values.tokens import estimate
from core.wording.locators import place_in_file
from ingestion.chunks import chunked, joined, written


def chunks(*blocks, **sizes):
    return list(chunked(blocks, **sizes))


def words(count, word="alpha"):
    return " ".join([word] * count)


def heading(text, level=1, **where):
    return Block(text, Locator(**where), "heading", level)


def sentences(count, first=0):
    return " ".join(f"This is sentence number {n} of a text." for n in range(first, first + count))


SENTENCE = st.text(
    st.sampled_from(
        "abcdefg hij .!? 가나다라 회의록。 漢字，！ é\u0301 \U0001f468\u200d\U0001f469 \n"
    ),
    min_size=40,
    max_size=900,
)
LOCATOR = st.builds(
    lambda unit, first, more, sheet, name: Locator(unit, first, first + more, sheet, (), name),
    st.sampled_from(["page", "page", "lines", "slide"]),
    st.integers(1, 9),
    st.integers(0, 3),
    st.sampled_from(["", "", "Sales"]),
    st.sampled_from(["", "", "Class.method"]),
)
BLOCK = st.one_of(
    st.builds(Block, SENTENCE, LOCATOR, st.sampled_from(["text", "table", "code"])),
    st.builds(
        Block, st.text("abc 가나", max_size=60), LOCATOR, st.just("heading"), st.integers(0, 6)
    ),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(BLOCK, min_size=1, max_size=30), st.integers(40, 120), st.integers(3, 6))
def test_chunks_joined_are_the_blocks_and_fit(blocks, child, times):
    parent = child * times
    made = chunks(*blocks, child=child, parent=parent)
    assert joined(made) == "\n\n".join(filter(None, map(written, blocks)))
    assert [each.ordinal for each in made] == list(range(len(made)))
    for each in made:
        assert estimate(each.text) <= child * 1.5
        assert each.text.strip()
        assert not each.glue.strip()
        assert each.first <= each.ordinal <= each.last
    for before, after in pairwise(made):
        same = (before.first, before.last) == (after.first, after.last)
        assert same or (before.last == before.ordinal and after.first == after.ordinal)
    for first in {each.first for each in made}:
        stretch = [each for each in made if each.first == first]
        assert {each.locator.sheet for each in stretch} == {stretch[0].locator.sheet}
        assert estimate(joined(stretch)) <= parent * 1.5


def test_small_paragraphs_share_a_chunk():
    (only,) = chunks(Block("One.", Locator("page", 1, 1)), Block("Two.", Locator("page", 2, 2)))
    assert only.text == "One.\n\nTwo."
    assert only.locator == Locator("page", 1, 2)
    assert (only.first, only.last, only.glue) == (0, 0, "")


def test_blank_blocks_leave_no_trace():
    (only,) = chunks(Block("\n \n"), Block("Text"), heading(" "), Block(""))
    assert only.text == "Text"


def test_no_blocks_make_no_chunks():
    assert chunks() == []


def test_a_heading_reads_as_markdown_and_names_what_is_below():
    made = chunks(
        heading("Report"),
        Block(words(90)),
        heading("Costs\n of 2025", 2),
        Block(words(90)),
        Block(words(90, "beta")),
        heading("Benefits", 2),
        Block(words(90)),
        child=120,
    )
    assert [each.text.split("\n")[0][:20].strip() for each in made] == [
        "# Report",
        "## Costs of 2025",
        "beta beta beta beta",
        "## Benefits",
    ]
    assert [each.locator.headings for each in made] == [
        ("Report",),
        ("Report", "Costs of 2025"),
        ("Report", "Costs of 2025"),
        ("Report", "Benefits"),
    ]


def test_a_long_heading_is_short_in_a_path():
    (only,) = chunks(heading("x" * 150), Block("Text"))
    assert only.locator.headings == ("x" * 100,)
    assert "x" * 150 in only.text


def test_a_fair_amount_ends_before_a_heading_of_the_same_level_but_not_a_lower_one():
    same = chunks(heading("A", 2), Block(words(80)), heading("B", 2), Block(words(80)))
    assert [each.text[:4] for each in same] == ["## A", "## B"]
    lower = chunks(heading("A", 2), Block(words(80)), heading("a", 3), Block(words(80)))
    assert len(lower) == 1
    higher = chunks(heading("a", 3), Block(words(80)), heading("B", 2), Block(words(80)))
    assert len(higher) == 2
    little = chunks(heading("A", 2), Block(words(8)), heading("B", 2), Block(words(8)))
    assert len(little) == 1


def test_a_heading_stays_with_what_it_is_above():
    made = chunks(Block(words(240)), heading("Next", 5), Block(words(200)))
    assert [each.text[:5] for each in made] == ["alpha", "#####"]


def test_a_long_paragraph_is_cut_at_sentences():
    made = chunks(Block(sentences(200), Locator("page", 3, 3)))
    assert len(made) > 3
    for each in made[:-1]:
        assert each.text.endswith(".")
    assert {each.glue for each in made[1:]} == {" "}
    assert all(each.locator == Locator("page", 3, 3) for each in made)


@pytest.mark.parametrize(
    "text",
    ["회의에서 예산을 다시 검토하기로 했다. " * 200, "我们今天讨论了预算问题。" * 200],
)
def test_sentences_end_in_korean_and_chinese(text):
    made = chunks(Block(text))
    assert len(made) > 4
    for each in made:
        assert each.text[-1] in ".。"
        assert estimate(each.text) >= 200


def test_text_without_spaces_is_cut_between_whole_characters():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    for cluster in (family, "e\u0301\u0302", "\U0001f1f0\U0001f1f7", "\u1112\u1161\u11ab"):
        made = chunks(Block(cluster * 2000))
        assert len(made) > 1
        assert joined(made) == cluster * 2000
        for each in made:
            assert each.text[0] == cluster[0]
            assert not unicodedata.category(each.text[0]).startswith("M")
            assert len(each.text) % len(cluster) == 0


def test_a_table_or_function_that_fits_stays_whole():
    rows = "\n".join(f"| {n} | some value |" for n in range(90))
    assert 400 < estimate(rows) <= 480
    made = chunks(Block(words(150)), Block(rows, kind="table"))
    assert [each.text for each in made][-1] == rows


def test_a_long_table_is_cut_between_rows_and_each_part_knows_its_own():
    rows = "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | some value |" for n in range(2, 402))
    made = chunks(Block(rows, Locator("rows", 2, 401, "Sales"), "table"))
    assert joined(made) == rows
    assert {each.glue for each in made[1:]} == {"\n"}
    for each in made:
        numbers = [int(row.split()[1]) for row in each.text.split("\n") if row[2].isdigit()]
        assert each.locator == Locator("rows", numbers[0], numbers[-1], "Sales")


def test_a_long_function_keeps_indentation_and_lines():
    code = "def f():\n" + "\n".join(f"    call({n})  # and a remark" for n in range(11, 411))
    made = chunks(Block(code, Locator("lines", 10, 410, name="f"), "code"))
    assert joined(made) == code
    assert made[1].text.startswith("    call(")
    for each in made:
        assert each.locator.name == "f"
        assert f"({each.locator.last})" in each.text.split("\n")[-1]
    assert [each.locator.first for each in made[1:]] == [e.locator.last + 1 for e in made[:-1]]


def test_a_name_is_kept_only_if_all_share_it():
    made = chunks(
        Block("def f(): ...", Locator("lines", 1, 1, name="f"), "code"),
        Block("def g(): ...", Locator("lines", 2, 2, name="g"), "code"),
    )
    assert [each.locator for each in made] == [Locator("lines", 1, 2)]


def test_functions_of_a_fair_size_have_a_chunk_each():
    made = chunks(
        Block(words(90), Locator("lines", 1, 1, name="f"), "code"),
        Block(words(90), Locator("lines", 2, 2, name="g"), "code"),
    )
    assert [each.locator.name for each in made] == ["f", "g"]


def test_sheets_share_neither_chunk_nor_parent():
    made = chunks(
        Block("a", Locator("rows", 1, 1, "One")), Block("b", Locator("rows", 1, 1, "Two"))
    )
    assert [(each.text, each.first, each.last) for each in made] == [("a", 0, 0), ("b", 1, 1)]


def test_a_page_or_slide_of_a_fair_size_has_a_chunk_of_its_own():
    for unit in ("page", "slide"):
        made = chunks(*(Block(words(90), Locator(unit, n, n)) for n in (1, 2, 3)))
        assert [place_in_file(each.locator) for each in made] == [
            place_in_file(Locator(unit, n, n)) for n in (1, 2, 3)
        ]


def test_parents_end_before_chapters_and_slides():
    chapters = [(heading(f"Chapter {n}"), Block(sentences(70))) for n in range(3)]
    made = chunks(*(block for chapter in chapters for block in chapter))
    firsts = sorted({each.first for each in made})
    assert [made[first].text[:11] for first in firsts] == [
        "# Chapter 0",
        "# Chapter 1",
        "# Chapter 2",
    ]
    slides = chunks(*(Block(sentences(30), Locator("slide", n, n)) for n in range(1, 9)))
    for before, after in pairwise(slides):
        if after.first != before.first:
            assert after.locator.first > before.locator.last


def test_a_parent_comes_before_the_next_one_is_read():
    read = 0

    def blocks():
        nonlocal read
        for _ in range(1000):
            read += 1
            yield Block(words(300))

    stream = chunked(blocks())
    next(stream)
    assert read < 12


def test_white_space_without_end_makes_no_blank_chunk():
    made = chunks(Block("a" + " " * 9000 + "b" + "\n" * 9000 + " " * 5000 + "c"))
    assert joined(made) == "a" + " " * 9000 + "b" + "\n" * 9000 + " " * 5000 + "c"
    assert all(each.text.strip() for each in made)


@pytest.mark.parametrize(
    "block", [sentences(250_000), "회의에서 예산을 다시 검토했다. " * 250_000, "x" * 10_000_000]
)
def test_ten_megabytes_take_seconds_even_in_one_line(block):
    start = time.process_time()
    assert sum(1 for _ in chunked([Block(block)])) > 5000
    took = time.process_time() - start
    assert took < 10


def test_ten_megabytes_of_small_paragraphs_take_seconds():
    start = time.process_time()
    paragraph = Block(sentences(2), Locator("page", 1, 1))
    assert sum(1 for _ in chunked(paragraph for _ in range(130_000))) > 5000
    took = time.process_time() - start
    assert took < 10
