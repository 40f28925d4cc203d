"""Which reader a file is for: by its content, and by its name where content does not tell."""

from __future__ import annotations

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
    "html": "html", "htm": "html", "xhtml": "html", "eml": "email",
    "json": "json_", "jsonl": "json_", "ndjson": "json_", "csv": "csv_", "tsv": "csv_",
}  # fmt: skip
BINARY = frozenset("pdf docx pptx xlsx xls ods png jpg jpeg webp gif doc ppt zip".split())  # noqa: SIM905
IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PAGES = (b"<!doctype html", b"<html")


def kind(path: Path, name: str) -> str:
    """The name of the module in `ingestion.extract` that reads the file. Raises Unreadable."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise Unreadable("empty")
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "images"
    if head.startswith(OLE):
        return _ole(path)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(PAGES) and ending in BINARY:
        raise Unreadable("not_the_file")
    if _is_text(head):
        if ending in BINARY:
            raise Unreadable("damaged" if ending in ("pdf", "zip") else "mislabelled")
        return "code" if ending in CODE else TEXTS.get(ending, "text")
    raise Unreadable("damaged" if ending in BINARY else "unsupported")


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if b"\0" in head:
        # UTF-16 without a mark has every second byte zero where it is Latin
        return head[1::2].count(0) > len(head) // 4 or head[::2].count(0) > len(head) // 4
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return control * 20 < len(head)


def _ole(path: Path) -> str:
    """The old Office container: workbooks are read, and modern files in it are encrypted."""
    with path.open("rb") as file:
        data = file.read(4 * 1024**2)
    if _wide("EncryptedPackage") in data or _wide("EncryptionInfo") in data:
        raise Unreadable("encrypted")
    if _wide("Workbook") in data or _wide("Book") in data:
        return "sheets"
    raise Unreadable("unsupported")


def _wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def _zipped(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = members(archive)
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    if b"opendocument.spreadsheet" in file.read(200):
                        return "sheets"
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as exc:
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
