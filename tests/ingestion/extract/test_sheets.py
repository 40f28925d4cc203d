"""Workbooks: their rows as they are numbered, and the ones that are too long or too wide."""

import zipfile

import pytest
import xlsxwriter

from core.values.documents import Locator
from ingestion.extract.total import Total
from tests.ingestion.extract.reading import blocks, read, reason, zipped


def book(path, rows, **options):
    made = xlsxwriter.Workbook(path, {"constant_memory": True, **options})
    sheet = made.add_worksheet("Data")
    for number, row in rows:
        sheet.write_row(number, 1, row)
    made.close()
    return path


async def test_rows_count_as_the_spreadsheet_shows_them(tmp_path):
    path = book(tmp_path / "a.xlsx", [(4, ["City", "People"]), (5, ["Seoul", 9]), (8, ["Ulm", 1])])
    _, rows, _ = await blocks(path)
    assert rows.text == "| City | People |\n|---|---|\n| Seoul | 9 |\n| Ulm | 1 |"
    assert rows.locator == Locator("rows", 6, 9, sheet="Data")


async def test_a_sheet_that_is_a_chart_leaves_the_others(tmp_path):
    made = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    made.add_worksheet("Data").write_row(0, 0, ["City"])
    chart = made.add_chart({"type": "bar"})
    chart.add_series({"values": "=Data!$A$1:$A$1"})
    made.add_chartsheet("Chart").set_chart(chart)
    made.close()
    assert (await read(tmp_path / "a.xlsx"))[0] == Total(1)


@pytest.mark.slow
async def test_a_sheet_without_end_is_read_as_far_as_it_makes_sense(tmp_path):
    row = b'<row r="%d"><c r="A%d"><v>1</v></c><c r="B%d" t="b"><v>1</v></c>%s</row>'
    data = b"".join(row % (n, n, n, b"<c><v>%d</v></c>" % n * 30) for n in range(1, 200_001))
    small = book(tmp_path / "small.xlsx", [(0, ["x"])])
    with zipfile.ZipFile(small) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    head, _, tail = parts["xl/worksheets/sheet1.xml"].partition(b"<sheetData>")
    tail = tail.partition(b"</sheetData>")[2]
    parts["xl/worksheets/sheet1.xml"] = head + b"<sheetData>" + data + b"</sheetData>" + tail
    found = await blocks(zipped(tmp_path / "long.xlsx", parts))
    assert found[-1].text == "(Of the longest sheets, only the first rows were read.)"
    assert len(found) > 100


async def test_a_far_cell_is_refused_however_it_is_written(tmp_path):
    small = book(tmp_path / "small.xlsx", [(0, ["x"]), (1_048_575, ["y"])])
    assert len(await blocks(small)) == 3
    made = xlsxwriter.Workbook(tmp_path / "far.xlsx")
    sheet = made.add_worksheet()
    sheet.write(0, 0, "x")
    sheet.write(1_048_575, 16_383, "y")
    made.close()
    assert await reason(tmp_path / "far.xlsx") == "too_large"


async def test_a_table_that_begins_elsewhere_is_read_as_it_is_shown(tmp_path):
    """Formats, hidden columns and merged cells are named by their place in the sheet."""
    made = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = made.add_worksheet("Rates")
    percent = made.add_format({"num_format": "0.0%"})
    for at, row in enumerate([["Name", "Secret", "Rate"], ["Kim", "x", 0.075], ["Lee", "y", 0.5]]):
        sheet.write_row(3 + at, 2, row, percent)
    sheet.set_column("D:D", None, None, {"hidden": True})
    sheet.merge_range("C7:C8", "All")
    sheet.write_row(6, 4, [1], percent)
    sheet.write_row(7, 4, [2], percent)
    made.close()
    rows = (await blocks(tmp_path / "a.xlsx"))[1]
    assert rows.text.splitlines() == [
        "| Name | Rate |",
        "|---|---|",
        "| Kim | 7.5% |",
        "| Lee | 50.0% |",
        "| All | 100.0% |",
        "| All | 200.0% |",
    ]
    assert (rows.locator.first, rows.locator.last) == (5, 8)
