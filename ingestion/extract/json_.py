"""JSON and JSON lines: similar records as a table, anything else pretty-printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.values.documents import Block
from ingestion.extract import text as plain
from ingestion.extract.decode import decoded
from ingestion.extract.tables import blocks

PIECE = 1_500
KEYS = 200
"""Different keys of records that still are a table."""


def read(path: Path) -> Iterator[Block]:
    """Yield the content; what turns out not to be JSON is read as text."""
    text = decoded(path)
    try:
        value = _parsed(text)
    except (ValueError, RecursionError):
        yield from plain.paragraphs(text.split("\n"), 1)
        return
    if _alike(value):
        names = [*dict.fromkeys(name for each in value for name in each)]
        rows = ([_cell(each.get(name)) for name in names] for each in value)
        yield from blocks([names, *rows])
        return
    laid_out = json.dumps(value, ensure_ascii=False, indent=1).split("\n")
    begun: list[str] = []
    for line in laid_out:
        begun.append(line)
        if sum(map(len, begun)) > PIECE:
            yield Block("\n".join(begun), kind="code")
            begun = []
    if begun:
        yield Block("\n".join(begun), kind="code")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _alike(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(each, Mapping) for each in value)
        and len({name for each in value for name in each}) <= KEYS
    )


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value
