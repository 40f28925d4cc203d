"""Comma- and tab-separated values, with any common separator and encoding."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from core.values.documents import Block
from ingestion.extract.decode import decoded
from ingestion.extract.tables import blocks

SAMPLE = 16_384
FIELD = 10_000_000


def read(path: Path) -> Iterator[Block]:
    """Yield the rows as tables, and what the columns hold. Rows are numbered as in a
    spreadsheet."""
    text = decoded(path)
    csv.field_size_limit(FIELD)
    yield from blocks(csv.reader(io.StringIO(text, newline=""), _dialect(text[:SAMPLE])))


def _dialect(sample: str) -> type[csv.Dialect] | csv.Dialect:
    try:
        return csv.Sniffer().sniff(sample, ",;\t|")
    except csv.Error:
        return csv.excel_tab if sample.count("\t") > sample.count(",") else csv.excel
