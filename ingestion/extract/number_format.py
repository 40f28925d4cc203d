"""A spreadsheet's number as its format shows it: `7.5%`, `1,204.50 €`, `30:05`.

https://learn.microsoft.com/openspecs/office_standards/ms-xlsx (18.8.31, numFmts)
"""

from __future__ import annotations

import re
from functools import lru_cache

BUILTIN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    37: "#,##0 ;(#,##0)",
    38: "#,##0 ;[Red](#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;[Red](#,##0.00)",
    48: "##0.0E+0",
}
"""Formats of numbers that a workbook names by their number alone."""
GENERAL = "General"
SECTIONS = re.compile(r'(?:"[^"]*"|\\.|\[[^\]]*\]|_.|\*.|[^;])*')
PARTS = re.compile(
    r"""(?P<quoted>"[^"]*")|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]
    |(?P<bracket>\[[^\]]*\])|_.|\*.|(?P<number>(?:[#0?][#0?,]*(?:\.[#0?]*)?|\.[#0?]+),*)
    |(?P<power>E[+-]0+)|(?P<percent>%)|(?P<general>General)|(?P<other>.)""",
    re.VERBOSE | re.I,
)
DATES = re.compile(r"[ymdhs]", re.I)
CONDITION = re.compile(r"\[[<>=]")


def formatted(value: float, code: str) -> str | None:
    """The number as its format's `code` shows it; None for dates, fractions and what is unknown."""
    section = _section(code, value)
    if section is None:
        return None
    number, negative = abs(value), value < 0
    literal, shape, power, percents = _read(section)
    if shape is None or percents > 2:
        return None
    if not shape:
        return " ".join(literal.split()) or None
    number *= 100.0**percents
    while shape.endswith(","):
        number, shape = number / 1000, shape[:-1]
    whole, _, decimals = shape.partition(".")
    text = _digits(number, whole, decimals, power=power)
    shown = literal.replace("\0", text)
    signed = negative and ";" not in _outside(code) and float(text.replace(",", "") or 0) != 0
    return ("-" if signed else "") + " ".join(shown.split())


def is_plain(code: str) -> bool:
    """Whether numbers in this format read as they are kept, or are dates."""
    bare = _outside(code)
    return bare.strip().lower() in ("general", "@", "") or bool(DATES.search(bare.split(";")[0]))


def _digits(number: float, whole: str, decimals: str, *, power: bool) -> str:
    places = len(decimals)
    if whole == GENERAL:
        return f"{number:.11g}"
    if power:
        return f"{number:.{places}E}"
    text = f"{number:{',' if ',' in whole else ''}.{places}f}"
    head, dot, tail = text.partition(".")
    if "#" in decimals or "?" in decimals:
        least = len(decimals.rstrip("#?"))
        tail = tail[:least] + tail[least:].rstrip("0")
        dot = dot if tail else ""
    return head.rjust(whole.count("0"), "0") + dot + tail


@lru_cache(maxsize=512)
def _outside(code: str) -> str:
    """The code without what is quoted, escaped or in brackets."""
    return re.sub(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.|General', "", code)


def _section(code: str, value: float) -> str | None:
    if CONDITION.search(code):
        return None
    sections = _split(code)
    if value < 0 and len(sections) > 1:
        return sections[1]
    if value == 0 and len(sections) > 2:
        return sections[2]
    return sections[0]


@lru_cache(maxsize=512)
def _split(code: str) -> tuple[str, ...]:
    found, at = [], 0
    while at <= len(code):
        match = SECTIONS.match(code, at)
        text = match[0] if match else ""
        found.append(text)
        at += len(text) + 1
    return tuple(found)


@lru_cache(maxsize=512)
def _read(section: str) -> tuple[str, str | None, bool, int]:
    """The text with a NUL for the digits, their shape, whether with an exponent, percent signs.

    The shape is empty without digits, None where it is not understood.
    """
    literal, shape, power, percents = "", "", False, 0
    for part in PARTS.finditer(section):
        kind = part.lastgroup
        if kind in ("number", "general"):
            if shape:  # digits in several groups: a telephone number, a fraction
                return "", None, False, 0
            literal += "\0"
            shape = part[0] if kind == "number" else GENERAL
        elif part[0] == "/":
            return "", None, False, 0
        elif kind == "quoted":
            literal += part[0][1:-1]
        elif kind in ("escaped", "currency"):
            literal += part[kind]
        elif kind in ("percent", "other"):
            literal += part[0]
            percents += kind == "percent"
        power = power or kind == "power"
    return literal, shape, power, percents
