"""Numbers in an answer are those of passages that were given; the list names them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.streaming.citations import Citations, citations, link, sources, within
from core.values.documents import Document, DocumentId, Locator, Passage


def passed(text, given_, step=1000):
    citations = Citations(given_)
    out = "".join(citations.feed(text[n : n + step]) for n in range(0, len(text), step))
    return out + citations.end(), citations.cited


@pytest.mark.parametrize(
    ("text", "shown", "cited"),
    [
        ("Sales rose [^1]. Costs fell [^9].", "Sales rose [1]. Costs fell.", [1]),
        ("매출이 늘었다[^2]. 비용은 줄었다[^7].", "매출이 늘었다[2]. 비용은 줄었다.", [2]),
        ("Both [^2, ^1, 8].", "Both [2][1].", [2, 1]),
        ("One [^1][^2] two[^9][^1]", "One [1][2] two[1]", [1, 2]),
        ("`r[^1]`\n```\na[^9]\n```\nthen [^9] [^1]", "`r[^1]`\n```\na[^9]\n```\nthen [1]", [1]),
        ("- ~~~\n  [^1]\n  ~~~\n  so [^2]", "- ~~~\n  [^1]\n  ~~~\n  so [2]", [2]),
        ("[^9](https://x.example) [^abc] [^0]", "[^9](https://x.example) [^abc] [^0]", []),
        ("unfinished [^1", "unfinished [^1", []),
    ],
)  # fmt: skip
def test_only_what_was_given_is_cited(text, shown, cited):
    assert passed(text, 2) == (shown, cited)


@pytest.mark.parametrize(
    "text",
    [
        "the interval [1, 3], closed",
        "sorted() gives [1, 2, 3].",
        "a[1] and a[9], [x, y] and [2024]",
        "The standard says so in its own references [12].",
        "- [3, 1]\n- [1]: one\n[1](https://x.example)",
        "a set such as [7; 8] or [^0-9]+ or [^a]",
    ],
)
@pytest.mark.parametrize("given_", [0, 5])
def test_prose_is_left_as_it_is(text, given_):
    assert passed(text, given_) == (text, [])


def test_a_plain_number_after_a_statement_counts_where_there_is_such_a_passage():
    text = "Sales rose [1]. Costs fell[2] by a tenth [9]."
    assert passed(text, 2) == (text, [1, 2])


def test_without_passages_nothing_is_touched_nor_held_back():
    text = "As they say [^1]. `[1]` [2, 3]"
    assert passed(text, 0) == (text, [])
    assert Citations(0).feed("so [") == "so ["


@given(st.text("ab [^1]9,`\n(:~", max_size=60), st.integers(1, 7))
def test_it_does_not_matter_how_the_text_comes(text, step):
    assert passed(text, 2, step) == passed(text, 2)


def passage(name="report.pdf", address="https://acme.slack.com/f/F1"):
    document = Document(
        DocumentId("slack/T1/C1", "F1"), name, "k", sharer="Ana", shared_at=86400, link=address
    )
    return Passage(document, "text", Locator("page", 12, 12))


def test_a_source_reads_name_place_sharer_and_date():
    listed = sources([passage()], [1])
    assert listed == (
        "**Sources**\n\n[1] [report.pdf](https://acme.slack.com/f/F1#page=12), p. 12"
        " · Ana, 2 Jan 1970"
    )
    assert sources([passage()], []) == ""


@pytest.mark.parametrize("name", ["a](https://evil.example)[b.pdf", "**x**_y_<@U1>`.pdf"])
def test_a_files_name_marks_nothing_up(name):
    listed = sources([passage(name)], [1])
    assert "](https://evil" not in listed.replace("\\]", "")
    assert "<@U1>" not in listed


@pytest.mark.parametrize(
    "address", ["", "javascript:alert(1)", "https://x.example/a b", "https://x/)"]
)
def test_an_address_that_is_none_is_no_link(address):
    assert link(passage(address=address)) == ""


def test_numbers_in_a_text_lead_to_their_passages():
    document = Document(DocumentId("p", "f"), "a.pdf", "k", link="https://x.example/a")
    given_ = [Passage(document, f"Text  {n}\n{'x' * 300}", Locator("page", n)) for n in (1, 2, 3)]
    named = within("See [3][1] and [7], within [2, 9].", citations(given_))
    assert [(c.number, c.where, c.url) for c in named] == [
        (1, "p. 1", "https://x.example/a#page=1"),
        (3, "p. 3", "https://x.example/a#page=3"),
    ]
    assert named[0].snippet.startswith("Text 1 xxx")
    assert len(named[0].snippet) == 160
