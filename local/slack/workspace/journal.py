"""The workspace's journal on disk: one JSON line per change, so that a kill loses none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Change = dict[str, Any]


class Journal:
    """An append-only file of changes. Truncated or hand-edited lines are skipped."""

    def __init__(self, file: Path | None) -> None:
        self._path = file

    def read(self) -> Iterator[Change]:
        """Yield the changes in order; nothing if the file does not exist."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    change = json.loads(line)
                except ValueError:
                    continue
                if isinstance(change, dict):
                    yield change

    def add(self, change: Change) -> None:
        """Append a change and flush it to the operating system: it outlives this process."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(change, ensure_ascii=False) + "\n")

    def replace(self, changes: Sequence[Change]) -> None:
        """Rewrite the file with only these changes."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in changes)
        fresh.replace(self._path)
