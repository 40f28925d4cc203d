"""Word documents with odd properties, which Word opens all the same."""

import docx
import docx.shared
import pytest
from docx.oxml.ns import qn

from tests.ingestion.extract.reading import blocks


@pytest.mark.parametrize("span", ["²", "-1", "", "many", "2"])
async def test_a_cell_with_an_odd_span_is_read(tmp_path, span):
    made = docx.Document()
    table = made.add_table(2, 2)
    for at, cell in enumerate(cell for row in table.rows for cell in row.cells):
        cell.text = f"c{at}"
    table.cell(0, 0)._tc.get_or_add_tcPr().get_or_add_gridSpan().set(qn("w:val"), span)
    made.save(tmp_path / "a.docx")
    text = "\n".join(each.text for each in await blocks(tmp_path / "a.docx"))
    for each in ("c0", "c1", "c2", "c3"):
        assert each in text


async def test_a_run_of_an_odd_size_is_read(tmp_path):
    made = docx.Document()
    run = made.add_paragraph().add_run("The pump leaks.")
    run.font.size = docx.shared.Pt(9)
    run._r.rPr.find(qn("w:sz")).set(qn("w:val"), "²")
    made.save(tmp_path / "a.docx")
    assert [each.text for each in await blocks(tmp_path / "a.docx")] == ["The pump leaks."]
