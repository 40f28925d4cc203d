"""Markdown files: headings, paragraphs, fences and tables, with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.values.documents import Block, Locator
from ingestion.extract.decode import decoded

HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*$")
CODE_OR_COMMENT = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|<!--")
METADATA = re.compile(r"[\w.-]+\s*:(\s|$)|\s+\S|\s*-\s|\s*#|\s*$|[}\]]")
"""A line of YAML: a key, what belongs to the key above, an item, a comment, or nothing."""


def read(path: Path) -> Iterator[Block]:
    """A block for each heading, paragraph, list, fence or table."""
    yield from of_text(decoded(path))


def of_text(text: str) -> Iterator[Block]:
    """The same of a text in memory."""
    lines = _without_comments(text.split("\n"))
    at = _front_matter(lines)
    if at:
        yield Block("\n".join(lines[1 : at - 1]), Locator("lines", 1, at), "code")
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


def _without_comments(lines: list[str]) -> list[str]:
    """The lines without HTML comments, but for those in code."""
    found: list[str] = []
    fence, inside = "", False
    for line in lines:
        opened = FENCE.match(line)
        if fence:
            fence = "" if line.strip().startswith(fence) else fence
            found.append(line)
        elif opened and not inside:
            fence = opened[1]
            found.append(line)
        else:
            kept, inside = _uncommented(line, inside=inside)
            found.append(kept)
    return found


def _uncommented(line: str, *, inside: bool) -> tuple[str, bool]:
    """A line without comments; `inside`: one began before it, and then, does one go on below?"""
    kept: list[str] = []
    at = 0
    while at < len(line):
        if inside:
            end = line.find("-->", at)
            if end < 0:
                return "".join(kept), True
            at, inside = end + 3, False
            continue
        part = CODE_OR_COMMENT.search(line, at)
        if part is None:
            kept.append(line[at:])
            break
        kept.append(line[at : part.start()])
        if part[0] == "<!--":
            inside = True
        else:
            kept.append(part[0])
        at = part.end()
    return "".join(kept), inside


def _front_matter(lines: list[str]) -> int:
    """Lines of metadata at the top, dashes included: `key: value` between dashes, no rule."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    for number, line in enumerate(lines[1:200], 1):
        if line.rstrip() in ("---", "..."):
            return number + 1 if number > 1 else 0
        if not METADATA.match(line):
            return 0
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
