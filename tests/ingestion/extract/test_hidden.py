"""What nobody sees in a document is not read; what is seen is, however it looks."""

import docx
import pptx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from pptx.util import Inches

from ingestion.extract.html_colours import colour
from tests.ingestion.extract.reading import put, texts


async def read(path):
    return "\n".join(await texts(path))


def vanish(properties, value="1"):
    flag = OxmlElement("w:vanish")
    flag.set(qn("w:val"), value)
    properties.append(flag)


def shade(properties, fill):
    shading = OxmlElement("w:shd")
    shading.set(qn("w:val"), "clear")
    shading.set(qn("w:fill"), fill)
    properties.append(shading)


async def test_hidden_text_of_word_is_not_read_however_it_is_hidden(tmp_path):
    document = docx.Document()
    styles = document.styles
    hidden = styles.add_style("Unseen", WD_STYLE_TYPE.PARAGRAPH)
    hidden.font.hidden = True
    based = styles.add_style("Based", WD_STYLE_TYPE.PARAGRAPH)
    based.base_style = hidden
    letters = styles.add_style("Letters", WD_STYLE_TYPE.CHARACTER)
    letters.font.hidden = True
    table_style = styles.add_style("Rows", WD_STYLE_TYPE.TABLE)
    vanish(table_style.element.get_or_add_rPr())

    document.add_paragraph("seen 1")
    document.add_paragraph("secret paragraph style", style=hidden)
    document.add_paragraph("secret based on it", style=based)
    document.add_paragraph("seen 2").add_run(" secret character style", style=letters)
    table = document.add_table(1, 3)
    table.cell(0, 0).text = "seen 3"
    table.cell(0, 1).paragraphs[0].add_run("secret cell").font.hidden = True
    shade(table.cell(0, 2)._tc.get_or_add_tcPr(), "1F3864")
    white = table.cell(0, 2).paragraphs[0].add_run("seen 4 on dark")
    white.font.color.rgb = RGBColor(255, 255, 255)
    styled = document.add_table(1, 1)
    styled.style = table_style
    styled.cell(0, 0).text = "secret table style"
    for text, change in (
        ("secret white", lambda f: setattr(f.color, "rgb", RGBColor(255, 255, 255))),
        ("secret nearly white", lambda f: setattr(f.color, "rgb", RGBColor(254, 253, 250))),
        ("secret dot", lambda f: setattr(f, "size", Pt(1))),
        ("seen 5 grey", lambda f: setattr(f.color, "rgb", RGBColor(200, 200, 200))),
        ("seen 6 small", lambda f: setattr(f, "size", Pt(5))),
    ):
        change(document.add_paragraph().add_run(text).font)
    both = document.add_paragraph(style=hidden).add_run("seen 7, toggled twice", style=letters)
    direct = document.add_paragraph(style=hidden).add_run("seen 8, said so itself")
    direct.font.hidden = False
    assert both is not direct
    path = tmp_path / "a.docx"
    document.save(path)
    found = await read(path)
    assert "secret" not in found
    assert [f"seen {n}" for n in range(1, 9) if f"seen {n}" not in found] == []


async def test_a_default_of_a_word_document_may_hide_and_a_run_may_show(tmp_path):
    document = docx.Document()
    defaults = document.styles.element.find(qn("w:docDefaults"))
    vanish(defaults.find(f"{qn('w:rPrDefault')}/{qn('w:rPr')}"))
    document.add_paragraph("secret")
    document.add_paragraph().add_run("seen").font.hidden = False
    path = tmp_path / "a.docx"
    document.save(path)
    assert await read(path) == "seen"


SHEET = """
.gone, p.away { display: none } .x .gone.back { display: block }
#far { position: absolute; left: -9999px } .dot { font-size: 1px }
.sr { position:absolute; width:1px; height:1px; overflow:hidden; clip:rect(0,0,0,0) }
.white { color: white } .dark { background: #111 } .ghost { opacity: 0 }
.cut { clip-path: inset(50%) } .in { text-indent: -5000px } .zero { transform: scale(0) }
@media print { .screen { display: none } } @media (max-width: 600px) { .wide { display: none } }
@media screen { .really { visibility: hidden } } a:hover { display: none }
.navy { color: rgb(0, 0, 128); background-color: navy } .photo { background: url(a.png) }
.centred { position: absolute; left: 50%; transform: translate(-50%, -50%) }
"""
SECRET = [
    '<p class="gone">',
    '<p class="away">',
    '<div id="far">',
    '<p class="dot">',
    '<span class="sr">',
    '<p class="white">',
    '<p class="ghost">',
    '<p class="cut">',
    '<p class="in">',
    '<p class="zero">',
    '<p class="really">',
    '<p class="navy">',
    '<p style="color:#fefefe">',
    '<p style="color:hsl(0, 0%, 100%)">',
    '<font color="#ffffff">',
    "<p hidden>",
    "<dialog>",
    '<p style="position:fixed;top:-2000px">',
    '<p style="max-height:0;overflow:hidden">',
    '<p style="font-size:0.05em">',
]
SEEN = [
    '<p aria-hidden="true">',
    '<div class="x"><p class="gone back">',
    '<div class="dark"><p class="white">',
    '<div class="photo"><p class="white">',
    '<p class="screen">',
    '<p class="wide">',
    '<p class="centred">',
    '<p style="color:#eee;background:#333">',
    '<p style="opacity:0.4">',
    '<p style="color:rgba(255,255,255,0.4);background:black">',
    "<dialog open>",
    '<p style="margin-left:-100%">',
    '<p style="display:none;display:block">',
]


@pytest.mark.parametrize("opening", SECRET)
async def test_of_a_page_what_its_style_hides_is_not_read(tmp_path, opening):
    page = f"<style>{SHEET}</style><p>before</p>{opening}secret</p></div></font></span> after"
    found = await read(put(tmp_path, "a.html", page))
    assert "secret" not in found
    assert "before" in found


@pytest.mark.parametrize("opening", SEEN)
async def test_of_a_page_what_is_seen_is_read(tmp_path, opening):
    page = f"<style>{SHEET}</style><p>before</p>{opening}shown</p></div>after"
    assert "shown" in await read(put(tmp_path, "a.html", page))


async def test_white_text_is_read_where_the_style_sheet_is_elsewhere(tmp_path):
    page = '<link rel="stylesheet" href="a.css"><p style="color:white">shown</p>'
    assert await read(put(tmp_path, "a.html", page)) == "shown"


async def test_white_text_in_a_table_of_a_page_is_not_read_and_its_neighbour_is(tmp_path):
    page = "<table><tr><td>a<td style='color:#fff'>secret<tr><td>b<td>c</table>"
    found = await read(put(tmp_path, "a.html", page))
    assert "secret" not in found
    assert "| b | c |" in found


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("#FFF", (255, 255, 255)),
        ("rgb(1 2 3)", (1, 2, 3)),
        ("rgba(255,255,255,1)", (255, 255, 255)),
        ("rgba(255,255,255,.5)", None),
        ("white url(a.png)", None),
        ("var(--paper)", None),
        ("nonsense", None),
    ],
)
def test_colours_as_style_sheets_write_them(written, read_as):
    assert colour(written) == read_as


IMAGE = (
    b"<< /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray "
    b"/Length 1 >>\nstream\n\x80\nendstream"
)


def drawn(content):
    """A page of a PDF with the given content."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources 7 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content.encode()),
        IMAGE,
        b"<< /Font << /F1 3 0 R >> /XObject << /I 6 0 R >> /ExtGState << /G << /ca 0 >> >> >>",
    ]
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 8\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % p for p in places)
    return bytes(out + b"trailer\n<< /Size 8 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start)


PLAIN = "BT /F1 12 Tf 50 700 Td (This line is seen by everybody.) Tj ET\n"


@pytest.mark.parametrize(
    "content",
    [
        "BT 3 Tr /F1 12 Tf 50 600 Td (secret) Tj ET",
        "BT 1 1 1 rg /F1 12 Tf 50 600 Td (secret) Tj ET",
        "BT /F1 1 Tf 50 600 Td (secret) Tj ET",
        "BT /F1 12 Tf 0.1 0 0 0.1 50 600 Tm (secret) Tj ET",
        "q /G gs BT /F1 12 Tf 50 600 Td (secret) Tj ET Q",
        "1 0 0 rg 0 500 612 200 re f BT 1 0 0 rg /F1 12 Tf 50 600 Td (secret) Tj ET",
        "1 g 0 0 612 792 re f BT 1 g /F1 12 Tf 50 600 Td (secret) Tj ET",
        "BT /F1 12 Tf 900 600 Td (secret) Tj ET",
    ],
)
async def test_of_a_pdf_text_that_cannot_be_seen_is_not_read(tmp_path, content):
    found = await read(put(tmp_path, "a.pdf", drawn(PLAIN + content)))
    assert "seen by everybody" in found
    assert "secret" not in found


@pytest.mark.parametrize(
    "content",
    [
        "q 612 0 0 792 0 0 cm /I Do Q BT 3 Tr /F1 12 Tf 50 600 Td (what was scanned) Tj ET",
        "BT 3 Tr /F1 12 Tf 50 600 Td (what was scanned) Tj ET q 612 0 0 792 0 0 cm /I Do Q",
        "0 0 0.5 rg 0 500 612 200 re f BT 1 g /F1 12 Tf 50 600 Td (what was scanned) Tj ET",
        "q 612 0 0 792 0 0 cm /I Do Q BT 1 g /F1 12 Tf 50 600 Td (what was scanned) Tj ET",
        "BT 0.7 g /F1 4 Tf 50 600 Td (what was scanned) Tj ET",
    ],
)
async def test_of_a_pdf_what_a_scan_says_and_white_on_dark_are_read(tmp_path, content):
    found = await read(put(tmp_path, "a.pdf", drawn(PLAIN + content)))
    assert "what was scanned" in found


async def test_what_is_beside_a_slide_or_hidden_on_it_is_not_read(tmp_path):
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Seen"
    places = {"seen box": 1, "secret left": -5, "secret right": 20}
    for text, left in places.items():
        box = slide.shapes.add_textbox(Inches(left), Inches(1), Inches(2), Inches(1))
        box.text_frame.text = text
    box = slide.shapes.add_textbox(Inches(1), Inches(3), Inches(2), Inches(1))
    box.text_frame.text = "secret hidden"
    box._element.nvSpPr.cNvPr.set("hidden", "1")
    path = tmp_path / "a.pptx"
    show.save(path)
    found = await read(path)
    assert "secret" not in found
    assert "seen box" in found
