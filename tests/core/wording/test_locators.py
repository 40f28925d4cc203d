"""Places in files as people read them."""

import pytest

from core.values.documents import Locator
from core.wording.locators import place_in_file


@pytest.mark.parametrize(
    ("locator", "label"),
    [
        (Locator("page", 12, 12), "p. 12"),
        (Locator("page", 12, 14), "pp. 12–14"),
        (Locator("slide", 3, 3), "slide 3"),
        (Locator("rows", 2, 40, sheet="Sales"), "Sales, rows 2–40"),
        (Locator("lines", 7, 9, name="main"), "main, lines 7–9"),
        (Locator(headings=("Setup", "Network")), "Setup › Network"),
        (Locator(), ""),
    ],
)
def test_a_place_in_a_document_reads_like_one(locator, label):
    assert place_in_file(locator) == label
