"""Comma- and tab-separated values, with any common separator and encoding."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from core.values.documents import Block
from ingestion.extract.decode import decoded
from ingestion.extract.tables import Row, blocks

SAMPLE = 16_384
FIELD = 10_000_000
SEPARATORS = ",;\t|"
NAMED = re.compile(r"\ufeff?sep=([^\r\n]?)\r?\n", re.I)
"""A first line by which Excel names the separator."""


def read(path: Path) -> Iterator[Block]:
    """Yield the rows as tables, and what the columns hold. Rows are numbered as in a
    spreadsheet."""
    text = decoded(path)
    csv.field_size_limit(FIELD)
    named = NAMED.match(text)
    at = named.end() if named else 0
    separator = (named[1] if named else "") or _separator(text[at : at + SAMPLE])
    rows = csv.reader(io.StringIO(text[at:], newline=""), delimiter=separator)
    yield from blocks(_counted(rows, left_out=1 if named else 0))


def _counted(rows: Iterator[list[str]], left_out: int) -> Iterator[Row]:
    yield from [None] * left_out
    yield from rows


def _separator(sample: str) -> str:
    """The character that splits the most rows into the same number of fields, two at least."""
    best, most = ",", 0
    for each in SEPARATORS:
        try:
            widths = [
                len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=each)
            ]
        except csv.Error:
            continue
        usual = max({*widths} - {0, 1}, key=widths.count, default=0)
        if usual and widths.count(usual) * min(usual, 3) > most:
            best, most = each, widths.count(usual) * min(usual, 3)
    return best
