"""Choose the reader of a file: by its content, and by its name if the content is inconclusive."""

from __future__ import annotations

import codecs
import re
import struct
import zipfile
from pathlib import Path

from ingestion.extract.archive import members
from ingestion.extract.errors import Unreadable

_CODE = """
    py pyi js jsx mjs cjs ts tsx java go rs c h cc cpp cxx hpp hh sql sh bash zsh kt kts swift rb
    php cs scala lua pl r jl dart vue svelte ps1 tf proto graphql
"""
CODE = frozenset(_CODE.split())
TEXTS = {
    "md": "markdown", "markdown": "markdown", "rst": "text", "txt": "text", "log": "text",
    "html": "html", "htm": "html", "xhtml": "html", "eml": "email", "ipynb": "notebook",
    "json": "json_", "jsonl": "json_", "ndjson": "json_", "csv": "csv_", "tsv": "csv_",
}  # fmt: skip
BINARY = frozenset("pdf docx pptx xlsx xls ods png jpg jpeg webp gif doc ppt zip".split())  # noqa: SIM905
SHEETS = frozenset(("xls", "xlsx"))
IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
OTHERS = (
    b"{\\rtf", b"%!PS", b"PK\x05\x06", b"MZ", b"\x7fELF", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"OggS", b"ID3", b"\xff\xfb",
    b"SQLite format 3\0", b"PAR1", b"BM", b"II*\0", b"MM\0*", b"\xca\xfe\xba\xbe", b"wOFF", b"wOF2",
)  # fmt: skip
"""The first bytes of unsupported files; if these are letters, the file must not be text as well."""
RECORDINGS = (
    b"OggS",
    b"ID3",
    b"\xff\xfb",
    b"\xff\xf3",
    b"fLaC",
    b"FLV\x01",
    b"\x1aE\xdf\xa3",
    b"#!AMR",
)
"""The first bytes of audio and video, besides the two container families in `_recording`."""
PICTURES = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
"""Brands in the MP4 family that are pictures."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BEFORE = re.compile(rb"(\s|\xef\xbb\xbf|<\?xml[^>]*>|<!--.*?-->)*", re.S)
PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<meta", b"<title")
MAIL = re.compile(rb"(?:(?:Return-Path|Received|Delivered-To|Message-ID|MIME-Version): )", re.I)
FORM = re.compile(rb"<(?:form|script)\b|type=[\"']?password")
HEAD = 4096
EXPORT = 1024**2
"""Bytes of a page that are searched for a form."""
END = 0xFFFFFFFA
MOST_SECTORS = 1024
"""The most sectors read of an old Office container's directory, which may be circular."""


def kind(path: Path, name: str) -> str:
    """Return the name of the module in `ingestion.extract` that reads a file. Raises Unreadable."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Unreadable("empty")
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    text = _is_text(head) and not (b"\0" in head and _known(head))
    if head.lstrip().startswith(b"%PDF-") or (
        b"%PDF-" in head[:1024] and (ending == "pdf" or not text)
    ):
        return "pdf"
    if head.startswith(IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "images"
    if head.startswith(OLE):
        return _ole(path)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(path)
    if not text and _recording(head):
        raise Unreadable("recording")
    if not text:
        raise Unreadable("damaged" if ending in BINARY and not _known(head) else "unsupported")
    if head.startswith((b"{\\rtf", b"%!PS")):
        raise Unreadable("unsupported")
    return _of_text(path, head, ending)


def _of_text(path: Path, head: bytes, ending: str) -> str:
    """The reader of a file that is text."""
    page = BEFORE.sub(b"", head, count=1).lower().startswith(PAGES)
    if ending in BINARY:
        if page and ending in SHEETS and _is_export(path):
            return "html"
        if page:
            raise Unreadable("not_the_file")
        raise Unreadable("damaged" if ending in ("pdf", "zip") else "mislabelled")
    if ending in CODE:
        return "code"
    if ending in TEXTS:
        return TEXTS[ending]
    return "html" if page else "email" if MAIL.match(head) else "text"


def _is_export(path: Path) -> bool:
    """Whether a page is a table that a program wrote for Excel, not a page to sign in at."""
    with path.open("rb") as file:
        start = file.read(EXPORT).lower()
    return b"<table" in start and not FORM.search(start)


def _known(head: bytes) -> bool:
    return head.startswith(OTHERS) or head[4:8] == b"ftyp" or head[:4] == b"RIFF"


def _recording(head: bytes) -> bool:
    """Whether it is audio or video."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in PICTURES
    return head.startswith(RECORDINGS) or (head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WAVE"))


def _is_text(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return _reads(head[: len(head) // 4 * 4], "utf-32")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _reads(head, "utf-16")
    if b"\0" in head:
        # in UTF-16 without a mark every second byte of Latin text is zero
        even, odd = head[::2].count(0), head[1::2].count(0)
        name = "utf-16-le" if odd > even else "utf-16-be"
        return 8 * max(even, odd) > len(head) // 2 and _reads(head, name)
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return control * 20 < len(head)


def _reads(head: bytes, encoding: str) -> bool:
    """Whether it is text in an encoding in which almost any bytes can be decoded."""
    text = head.decode(encoding, "replace")
    odd = sum(c == "\ufffd" or (c < " " and c not in "\t\n\r\f") or c == "\x7f" for c in text)
    return odd * 50 <= len(text)


def _ole(path: Path) -> str:
    """Handle the old Office container: workbooks are read; modern files inside it are encrypted."""
    try:
        names = _entries(path)
    except (struct.error, ValueError, IndexError) as exc:
        with path.open("rb") as file:
            sealed = "EncryptedPackage".encode("utf-16-le") in file.read(1024**2)
        raise Unreadable("encrypted" if sealed else "damaged") from exc
    if names & {"EncryptedPackage", "EncryptionInfo"}:
        raise Unreadable("encrypted")
    if names & {"WordDocument", "PowerPoint Document", "__properties_version1.0"}:
        raise Unreadable("unsupported")  # it may contain a workbook, but is not one
    if names & {"Workbook", "Book"}:
        return "sheets"
    raise Unreadable("unsupported")


def _entries(path: Path) -> set[str]:
    """Return the entries of the container: its directory is a chain of sectors, linked by a table.

    https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb
    """
    names: set[str] = set()
    with path.open("rb") as file:
        header = file.read(512)
        (shift,) = struct.unpack_from("<H", header, 30)
        if shift not in (9, 12):
            raise ValueError(shift)
        size = 1 << shift
        (sector,) = struct.unpack_from("<I", header, 48)
        tables = struct.unpack_from("<109I", header, 76)
        for _ in range(MOST_SECTORS):
            if sector >= END:
                break
            file.seek((sector + 1) * size)
            data = file.read(size)
            if len(data) < size:
                break
            for at in range(0, size, 128):
                (length,) = struct.unpack_from("<H", data, at + 64)
                name = data[at : at + min(max(length - 2, 0), 62)].decode("utf-16-le", "replace")
                names.add(name)
            table, entry = divmod(sector, size // 4)
            file.seek((tables[table] + 1) * size + entry * 4)
            (sector,) = struct.unpack("<I", file.read(4))
    return names


def _zipped(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = members(archive)
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    if b"opendocument.spreadsheet" in file.read(200):
                        return "sheets"
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as exc:
        raise Unreadable("damaged") from exc
    for member, reader in (
        ("word/document.xml", "docx"),
        ("ppt/presentation.xml", "pptx"),
        ("xl/workbook.xml", "sheets"),
        ("xl/workbook.bin", "sheets"),
    ):
        if member in names:
            return reader
    raise Unreadable("unsupported")
