"""Text files in any usual encoding."""

from __future__ import annotations

import codecs
import re
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
GUESSES = ["cp949", "cp932", "gb18030", "big5", "cp1252", "cp1251", "koi8_r", "cp1250", "cp1253"]
ESCAPES = re.compile(rb"\x1b(\$[@B]|\([BJI]|\$\([DOPQ])")
"""How ISO-2022-JP changes its character set."""
USUAL = {
    "euc_jp": re.compile(rb"[\xa1\xa3-\xa5][\xa1-\xfe]|[\xb0-\xcf][\xa1-\xfe]|\xad[\xa1-\xfe]"),
    "cp932": re.compile(rb"[\x81-\x83][\x40-\xfc]|\x87[\x40-\xfc]|[\x88-\x98][\x40-\xfc]"),
    "cp949": re.compile(rb"[\xa1\xa3\xa4][\xa1-\xfe]|[\xb0-\xc8][\xa1-\xfe]"),
    "gb18030": re.compile(rb"[\xa1\xa3][\xa1-\xfe]|[\xb0-\xd7][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa1-\xa3][\x40-\xfe]|[\xa4-\xc6][\x40-\xfe]"),
}
"""Bytes of a character in daily use: kana and the first level of each standard's ideographs."""
KANA = re.compile(r"[ぁ-ヶ]")
WESTERN = re.compile(
    rb"(?:[\x00-\x7f]|[\x80\x82\x84\x85\x8b\x8c\x91-\x97\x99\x9b\x9c\xa0-\xa3\xa7-\xa9\xab\xae\xb0-\xb5\xb7"
    rb"\xba\xbb\xbf-\xd6\xd8-\xdd\xdf-\xf4\xf6\xf8-\xfd\xff]|\xf5(?=e))+"
)
"""Letters and signs of Western European languages in Windows-1252."""
BEYOND = re.compile(r"[^\x00-\x7f]+")
ALONE = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]+(?=[A-Za-z\s])")
SUPERSETS = {
    **dict.fromkeys(("euc-kr", "euckr", "ks_c_5601-1987", "ks_c_5601", "ksc5601"), "cp949"),
    **dict.fromkeys(("windows-949", "korean", "iso-ir-149", "ks_c_5601-1989"), "cp949"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "ms932"), "cp932"),
    **dict.fromkeys(("windows-31j", "csshiftjis"), "cp932"),
    **dict.fromkeys(("gb2312", "gb_2312-80", "gbk", "x-gbk", "chinese", "gb_2312"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "l1"), "cp1252"),
    **dict.fromkeys(("ascii", "us-ascii", "ansi_x3.4-1968", "cp819"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    **dict.fromkeys(("big5", "big5-hkscs", "cn-big5", "x-x-big5"), "big5hkscs"),
    **dict.fromkeys(("tis-620", "iso-8859-11", "windows-874"), "cp874"),
    **dict.fromkeys(("iso-2022-jp", "csiso2022jp"), "iso2022_jp_ext"),
    **dict.fromkeys(("x-mac-roman", "macintosh", "mac"), "mac_roman"),
    **dict.fromkeys(("iso-8859-8-i", "logical"), "iso-8859-8"),
    **dict.fromkeys(("unicode", "utf-16", "ucs-2"), "utf-16-le"),
    **dict.fromkeys(("utf8", "unicode-1-1-utf-8"), "utf-8"),
    "x-euc-jp": "euc_jp",
}
"""Labels that browsers read as a larger encoding than their name says."""


def decoded(path: Path) -> str:
    """The whole text, without what is invisible. Raises Unreadable."""
    return clean(decode(path.read_bytes()))


def decode(data: bytes) -> str:
    """By its mark, as UTF-8, as UTF-16 without a mark, else as what fits best."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    if ESCAPES.search(data[:SAMPLE]) and data.isascii():
        return data.decode("iso2022_jp_ext", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if data.count(0) > len(data) // 8:
        even, odd = data[::2].count(0), data[1::2].count(0)
        return data.decode("utf-16-le" if odd > even else "utf-16-be", "replace")
    if b"\0" in data[:SAMPLE]:
        raise Unreadable("unsupported")
    return data.decode(_guessed(data[:SAMPLE], whole=len(data) <= SAMPLE), "replace")


def labelled(data: bytes, label: str) -> str | None:
    """Text in the encoding that a label names as browsers read it; None if they do not know it.

    A label often names a subset of what was written: https://encoding.spec.whatwg.org/#names-and-labels
    """
    name = label.strip().strip("\"'").lower()
    try:
        return data.decode(SUPERSETS.get(name, name), "replace")
    except LookupError:
        return None


def _guessed(sample: bytes, *, whole: bool) -> str:
    """The encoding of bytes that are not UTF-8.

    East Asian encodings are told apart by the characters in daily use: text read in the wrong one
    is mostly of rare characters. Statistics alone mistake short texts.
    """
    best, most = "", 0.75
    for name, usual in USUAL.items():
        share = _usual_share(sample, name, usual, whole=whole)
        if share > most:
            best, most = name, share
    if best:
        return best
    beyond = sum(byte > 127 for byte in sample)  # accents are few, the letters of Cyrillic many
    if WESTERN.fullmatch(sample) and beyond * 3 < sum(chr(byte).isalpha() for byte in sample):
        return "cp1252"
    found = from_bytes(sample, cp_isolation=GUESSES).best()
    return found.encoding if found else "cp1252"


def _usual_share(sample: bytes, encoding: str, usual: re.Pattern[bytes], *, whole: bool) -> float:
    """Which share of the characters beyond ASCII is in daily use; 0 for what cannot be read.

    Characters that stand alone between Latin letters count against it: they are accents and
    quotation marks of a Western encoding.
    """
    try:
        text = sample.decode(encoding, "strict" if whole else "ignore")
    except UnicodeDecodeError:
        return 0.0
    runs = BEYOND.findall(text)
    count = sum(map(len, runs))
    alone = sum(len(run) == 1 for run in ALONE.findall(text))
    if not count or alone * 3 > count:
        return 0.0
    if encoding == "euc_jp":
        kana = KANA.findall(text)  # at their place are Korean consonants, as in laughter
        if len(kana) * 6 < count or sum(map(str.__eq__, kana, kana[1:])) * 2 > len(kana):
            return 0.0
    common = sum(bool(usual.fullmatch(each.encode(encoding))) for run in runs for each in run)
    return common / count
