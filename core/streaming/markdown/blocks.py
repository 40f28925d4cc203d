"""Splits Markdown into its outermost blocks, each of which has the same meaning on its own.

So a text renders as its blocks do, one after another, and when it grows only its last block has to
be rendered again. This takes linear time and no parser: the first characters of a line decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "heading", "list", "table", "fence"]

FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*\Z)|~{3,})")
HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|\Z)")
ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\Z)")
RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})\Z")
UNDER_HEAD = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")
JOIN = "\n\n"


@dataclass(slots=True)
class Block:
    """A block of one kind. Its `lines` are blank only within fences and lists."""

    kind: Kind
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The block's Markdown."""
        return "\n".join(self.lines)


def blocks(markdown: str) -> Iterator[Block]:
    """The outermost blocks, in order; blank lines between them are dropped."""
    lines = markdown.split("\n")
    block = Block("text")
    mark = ""
    blank = False
    for index, line in enumerate(lines):
        if block.kind == "fence":
            block.lines.append(line)
            if _closes(mark, line):
                yield block
                block = Block("text")
            continue
        if not line.strip():
            if block.kind == "list":
                blank = True
            elif block.lines:
                yield block
                block = Block("text")
            continue
        kind = _kind(line, lines[index + 1] if index + 1 < len(lines) else "", block, blank=blank)
        alone = kind == "heading" or block.kind == "heading" or bool(RULE.match(line))
        if block.lines and (kind != block.kind or alone or kind == "fence"):
            yield block
            block = Block("text")
        elif blank:
            block.lines.append("")
        blank = False
        block.kind = kind
        block.lines.append(line)
        if kind == "fence" and (opened := FENCE.match(line)):
            mark = opened[2]
        elif RULE.match(line):
            yield block
            block = Block("text")
    if block.lines:
        yield block


def _kind(line: str, after: str, block: Block, *, blank: bool) -> Kind:
    """The kind of the block to which a line that is not blank belongs."""
    indented = line[0] in " \t"
    listed = block.kind == "list" and bool(block.lines)
    if listed and indented:
        return "list"
    if FENCE.match(line):
        return "fence"
    if HEADING.match(line):
        return "heading"
    if RULE.match(line):
        return "text"
    if ITEM.match(line):
        return "list"
    if block.kind == "table" and "|" in line:
        return "table"
    if "|" in line and (
        line.lstrip().startswith("|") or (UNDER_HEAD.match(after) and "|" in after)
    ):
        return "table"
    return "list" if listed and not blank else "text"


def _closes(mark: str, line: str) -> bool:
    rest = line.lstrip(" ")
    return len(line) - len(rest) < 4 and rest.startswith(mark) and not rest.strip(f"{mark[0]} \t")
