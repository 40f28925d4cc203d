"""What a file is, whatever its name says."""

import struct
import zipfile

import pytest

from ingestion.extract.errors import Unreadable
from ingestion.extract.sniff import kind
from tests.ingestion.extract.reading import put, zipped
from tests.ingestion.pdfs import pdf


def why(path, name=None):
    with pytest.raises(Unreadable) as caught:
        kind(path, name or path.name)
    return caught.value.reason


def container(names, chain=()):
    """An old Office container with a directory of these streams and nothing in them."""
    per = 4
    sectors = max(-(-(len(names) + 1) // per), 1)
    after = list(chain) or [*range(2, sectors + 1), 0xFFFFFFFE]
    table = struct.pack("<128I", 0xFFFFFFFD, *after, *[0xFFFFFFFF] * (127 - len(after)))
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<III", header, 44, 1, 1, 0)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    entries = b""
    for name in ("Root Entry", *names):
        wide = name.encode("utf-16-le")
        entries += struct.pack("<64sH62x", wide, len(wide) + 2)
    return bytes(header) + table + entries.ljust(sectors * 512, b"\0")


MANY = [f"s{n}" for n in range(9)]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Workbook"], "sheets"),
        (["Book"], "sheets"),
        ([*MANY, "Workbook"], "sheets"),
        (["EncryptionInfo", "EncryptedPackage"], "encrypted"),
        (["WordDocument", "ObjectPool", "Workbook"], "unsupported"),
        (["PowerPoint Document"], "unsupported"),
        (["__properties_version1.0"], "unsupported"),
        ([], "unsupported"),
    ],
)
def test_old_office_files_are_known_by_their_directory(tmp_path, names, found):
    path = put(tmp_path, "a.doc", container(names))
    assert (kind(path, path.name) if found == "sheets" else why(path)) == found


def test_a_directory_that_runs_in_a_ring_ends(tmp_path):
    assert why(put(tmp_path, "a.xls", container(MANY, [2, 3, 1]))) == "unsupported"
    assert why(put(tmp_path, "a.xls", container([])[:300])) == "damaged"


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("pdfs.py", b'HEAD = b"%PDF-1.7"\n', "code"),
        ("notes.md", b"A file begins with %PDF-1.7.", "markdown"),
        ("a.pdf", b"some garbage\n%PDF-1.7\n", "pdf"),
        ("a.bin", b"\0\1\2\3%PDF-1.7\n", "pdf"),
        ("a.txt", pdf(["x"]), "pdf"),
        ("no-ending", b"words", "text"),
        ("a.unknown", "한글".encode("cp949"), "text"),
        ("a.csv", "도시,인구\n서울,1\n".encode("utf-16"), "csv_"),
        ("a.csv", "city,people\nRome,1\n".encode("utf-16-le"), "csv_"),
        ("a.csv", "city,people\nRome,1\n".encode("utf-16-be"), "csv_"),
        ("a.txt", "hello".encode("utf-32"), "text"),
        ("A.PY", b"x = 1", "code"),
        ("photo", b"\x89PNG\r\n\x1a\n", "images"),
        ("a.pdf", b"\xff\xd8\xff\xe0", "images"),
        ("page.html", b"<!doctype html><p>x", "html"),
    ],
)
def test_content_comes_before_the_name(tmp_path, name, data, found):
    assert kind(put(tmp_path, "file", data), name) == found


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"\xef\xbb\xbf\n <!-- hi --> <!DOCTYPE html><html>", "not_the_file"),
        ("a.docx", b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x">', "not_the_file"),
        ("a.png", b"<head><title>Sign in</title>", "not_the_file"),
        ("a.xlsx", b"<script>location='/login'</script>", "not_the_file"),
        ("a.exe", b"MZ" + bytes(4000), "unsupported"),
        ("a.txt", bytes(5000), "unsupported"),
        ("a.pdf", b"MZ\x90\0\3\0\0\0" + bytes(300), "unsupported"),
        ("a.wav", b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<2000h", *range(-1000, 1000)),
         "recording"),
        ("a.mp4", b"\0\0\0\x20ftypisom" + bytes(range(256)), "recording"),
        ("a.rtf", rb"{\rtf1\ansi words}", "unsupported"),
        ("a.doc", rb"{\rtf1\ansi words}", "unsupported"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "unsupported"),
        ("a.tar.gz", b"\x1f\x8b\x08\0" + bytes(range(256)), "unsupported"),
        ("a.docx", b"only words", "mislabelled"),
    ],
)  # fmt: skip
def test_what_is_not_for_us_says_why(tmp_path, name, data, reason):
    assert why(put(tmp_path, "file", data), name) == reason


def test_modern_office_files_are_known_by_their_members(tmp_path):
    for member, reader in (
        ("word/document.xml", "docx"),
        ("ppt/presentation.xml", "pptx"),
        ("xl/workbook.xml", "sheets"),
        ("xl/workbook.bin", "sheets"),
    ):
        assert kind(zipped(tmp_path / "a", {member: b"<w/>"}), "a.doc") == reader
    sheet = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}
    assert kind(zipped(tmp_path / "a", sheet), "a.ods") == "sheets"
    assert why(zipped(tmp_path / "a.odt", {"content.xml": b"<w/>"})) == "unsupported"


@pytest.mark.parametrize(
    "part",
    [
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "b">]><w/>',
        b"<!--" + b"x" * 30_000 + b"--><!DOCTYPE l><w/>",
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE l [<!ENTITY a "b">]><w/>'.encode(
            "utf-16"
        ),
        b"<!--" + b"x" * 100_000 + b"--><w/>",
    ],
)
@pytest.mark.parametrize("member", ["word/document.xml", "word/any.bin"])
def test_entities_are_refused_however_they_hide(tmp_path, part, member):
    path = zipped(tmp_path / "l.docx", {"word/document.xml": b"<w/>", member: part})
    assert why(path) == "damaged"


def test_bombs_are_refused_before_they_are_opened(tmp_path):
    bomb = zipped(tmp_path / "a.docx", {"word/document.xml": b"<w/>" + b" " * 3_000_000})
    assert why(bomb) == "too_large"
    many = {"word/document.xml": b"<w/>", **{f"{n}": b"" for n in range(10_001)}}
    assert why(zipped(tmp_path / "b.docx", many)) == "too_large"
    with zipfile.ZipFile(tmp_path / "c.docx", "w") as archive:
        archive.writestr("word/document.xml", b"<w>")
        info = archive.infolist()[0]
        info.file_size = info.compress_size = 110 * 1024**2
    assert why(tmp_path / "c.docx") == "too_large"


def test_a_locked_member_is_a_locked_file(tmp_path):
    path = zipped(tmp_path / "a.docx", {"word/document.xml": b"<w/>"})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    assert why(path) == "encrypted"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"\0\0\0\x18ftypmp42\0\0", "recording"),
        (b"\0\0\0\x14ftypqt  \0\0", "recording"),
        (b"\0\0\0\x1cftypM4A \0\0", "recording"),
        (b"RIFF\0\0\0\0WAVEfmt \0\0", "recording"),
        (b"RIFF\0\0\0\0AVI LIST\0", "recording"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "recording"),
        (b"ID3\x03\0\0\0\0", "recording"),
        (b"\0\0\0\x18ftypheic\0\0", "unsupported"),
    ],
)
def test_sound_and_video_are_told_apart_from_other_files(tmp_path, head, reason):
    path = tmp_path / "a.mp4"
    path.write_bytes(head + bytes(range(256)) * 8)
    assert why(path) == reason
