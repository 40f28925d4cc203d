"""Labels: whatever people name things, none is blank or too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wording.labels import short_label

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"


@pytest.mark.parametrize(
    "name",
    ["", " ", "\n\t", ZERO_WIDTH, "\u3164", "\u2800", "\u00ad\u202e", "\u0301", "\u2028", "\ue000"],
)
def test_what_shows_nothing_is_said_to_have_no_name(name):
    assert short_label(name, 75) == "(no name)"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("a\n b\t c", "a b c"),
        ("보고서 ‎최종.docx", "보고서 최종.docx"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("👩\u200d💻 notes", "👩\u200d💻 notes"),
        ("x" * 80, "x" * 74 + "…"),
        ("😀" * 50, "😀" * 37 + "…"),
    ],
)
def test_a_name_is_shown_on_one_line_and_cut_where_it_is_too_long(name, shown):
    assert short_label(name, 75) == shown


@given(st.text(), st.integers(min_value=10, max_value=100))
def test_every_label_is_seen_and_fits(name, limit):
    shown = short_label(name, limit)
    assert shown.strip()
    assert "\n" not in shown
    assert len(shown.encode("utf-16-le", "surrogatepass")) // 2 <= limit
