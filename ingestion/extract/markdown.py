"""Markdown files: headings, paragraphs, fences and tables, with line numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.values.documents import Block, Locator
from ingestion.extract.decode import decoded

HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*$")
COMMENT = re.compile(r"<!--.*?-->", re.S)


def read(path: Path) -> Iterator[Block]:
    """Yield a block for each heading, paragraph, list, fence or table."""
    text = COMMENT.sub(lambda found: "\n" * found[0].count("\n"), decoded(path))
    lines = text.split("\n")
    at = _front_matter(lines)
    while at < len(lines):
        line = lines[at]
        heading, fence = HEADING.match(line), FENCE.match(line)
        if not line.strip():
            at += 1
        elif heading:
            where = Locator("lines", at + 1, at + 1)
            yield Block(heading[2], where, "heading", len(heading[1]))
            at += 1
        elif fence:
            end = _closed(lines, at + 1, fence[1])
            where = Locator("lines", at + 1, end)
            yield Block("\n".join(lines[at:end]), where, "code")
            at = end
        else:
            end = _paragraph(lines, at)
            underline = UNDERLINE.match(lines[end - 1]) if end - at == 2 else None
            if underline:
                level = 1 if underline[1][0] == "=" else 2
                where = Locator("lines", at + 1, end)
                yield Block(line.strip(), where, "heading", level)
            else:
                table = line.lstrip().startswith("|")
                where = Locator("lines", at + 1, end)
                yield Block("\n".join(lines[at:end]), where, "table" if table else "text")
            at = end


def _front_matter(lines: list[str]) -> int:
    if lines and lines[0].strip() == "---":
        for number, line in enumerate(lines[1:200], 1):
            if line.strip() in ("---", "..."):
                return number + 1
    return 0


def _closed(lines: list[str], at: int, mark: str) -> int:
    for number in range(at, len(lines)):
        if lines[number].strip().startswith(mark):
            return number + 1
    return len(lines)


def _paragraph(lines: list[str], at: int) -> int:
    end = at + 1
    while end < len(lines) and lines[end].strip():
        if HEADING.match(lines[end]) or FENCE.match(lines[end]):
            break
        end += 1
    return end
