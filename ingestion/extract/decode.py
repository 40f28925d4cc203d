"""Decode text files in any common encoding."""

from __future__ import annotations

import codecs
from pathlib import Path

from charset_normalizer import from_bytes

from ingestion.extract.errors import Unreadable, clean

SAMPLE = 256 * 1024
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
GUESSES = ["cp949", "shift_jis", "gb18030", "big5", "cp1252", "cp1251", "cp1250"]


def decoded(path: Path) -> str:
    """Return a file's whole text without invisible characters. Raises Unreadable."""
    return clean(decode(path.read_bytes()))


def decode(data: bytes) -> str:
    """Decode by the byte order mark, else as UTF-8, as UTF-16 without a mark, or as the best
    guess."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if data.count(0) > len(data) // 8:
        even, odd = data[::2].count(0), data[1::2].count(0)
        return data.decode("utf-16-le" if odd > even else "utf-16-be", "replace")
    if b"\0" in data[:SAMPLE]:
        raise Unreadable("unsupported")
    if _korean(data):
        return data.decode("cp949", "replace")
    found = from_bytes(data[:SAMPLE], cp_isolation=GUESSES).best()
    return data.decode(found.encoding if found else "cp1252", "replace")


def _korean(data: bytes) -> bool:
    """Whether bytes look like Korean text, which may be too short for statistics.

    In cp949, words consist mostly of the syllables in KS X 1001, in rows B0 to C8.
    """
    try:
        text = data[:SAMPLE].decode("cp949", "strict" if len(data) <= SAMPLE else "ignore")
    except UnicodeDecodeError:
        return False
    beyond = [c for c in text if ord(c) > 127]
    common = sum("가" <= c <= "힣" and 0xB0 <= c.encode("cp949")[0] <= 0xC8 for c in beyond)
    return bool(beyond) and common > 0.8 * len(beyond)
