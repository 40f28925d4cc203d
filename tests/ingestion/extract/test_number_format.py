"""Numbers as a spreadsheet shows them."""

import pytest

from ingestion.extract.number_format import formatted, is_plain


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (0.075, "0.0%", "7.5%"),
        (100, '#,##0.00 "€"', "100.00 €"),
        (1204.5, "[$€-407] #,##0.00", "€ 1,204.50"),
        (-5, "0.00", "-5.00"),
        (-1234.5, "#,##0.00;[Red](#,##0.00)", "(1,234.50)"),
        (0, '0;-0;"–"', "–"),
        (1_500_000, '0.0,,"M"', "1.5M"),
        (12345.678, "0.00E+00", "1.23E+04"),
        (7, "000", "007"),
        (2, "0.##", "2"),
        (-0.001, "0%", "0%"),
        (3, 'General" kg"', "3 kg"),
        (42, '"No. "0', "No. 42"),
        (0.5, "# ?/?", None),
        (5551234, "000-0000", None),
    ],
)
def test_a_number_is_shown_as_its_format_says(value, code, shown):
    assert formatted(value, code) == shown


def test_dates_and_general_are_plain():
    assert all(map(is_plain, ("General", "yyyy-mm-dd", "[h]:mm", "@")))
    assert not is_plain("0.0%")
