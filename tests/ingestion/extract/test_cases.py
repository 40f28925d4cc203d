"""Files made after public reports of people who use such systems; each stands for a kind."""

import json
from pathlib import Path

import pytest

from core.values.documents import Block
from tests.ingestion.extract.reading import put, read

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("case", sorted(each.name for each in CASES.iterdir()))
async def test_a_file_is_read_as_people_see_it(case):
    expected = json.loads((CASES / case / "expect.json").read_text())
    _, _, other = expected["tool"].partition("=")
    found = ""
    for name in expected["files"]:
        for each in await read(CASES / case / name, other or name):
            found += f"{each.text}\n" if isinstance(each, Block) else ""
    assert [each for each in expected["has"] if each not in found] == []
    assert [each for each in expected["lacks"] if each in found] == []


async def test_a_cell_that_spans_rows_and_columns_is_in_each(tmp_path):
    page = (
        "<table><caption>Rota</caption><tr><th>Day</th><th>Early</th><th>Late</th></tr>"
        "<tr><td rowspan=2>Mon</td><td colspan=2>Kim</td></tr><tr><td>Lee</td><td>Ana</td></tr>"
        "</table>"
    )
    caption, table = await read(put(tmp_path, "a.html", page))
    assert caption.text == "Rota"
    assert table.text.splitlines()[2:] == ["| Mon | Kim | Kim |", "| Mon | Lee | Ana |"]


async def test_an_invitation_and_a_forwarded_mail_are_read(tmp_path):
    mail = (
        "From: Kim <kim@example.com>\nSubject: Review\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: text/calendar\n\n'
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Pump review\nLOCATION:Room 2\\, Oslo\n"
        "DTSTART;TZID=Europe/Oslo:20261203T090000\nEND:VEVENT\nEND:VCALENDAR\n\n--B\n"
        "Content-Type: message/rfc822\n\nFrom: Lee <lee@example.com>\nSubject: Offer\n\n"
        "It costs 655 euros.\n\n--B--\n"
    )
    text = "\n".join(each.text for each in await read(put(tmp_path, "a.eml", mail)))
    for each in ("Summary: Pump review", "Location: Room 2, Oslo", "Offer", "655 euros", "Lee"):
        assert each in text
