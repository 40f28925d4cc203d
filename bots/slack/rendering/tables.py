"""Tables for Slack, which has none: aligned monospace, or one record per row if too wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.streaming.markdown.tables import aligned, columns

SPACE = "\u200b"


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: `plain` as characters, `rendered` as mrkdwn."""

    plain: str
    rendered: str


EMPTY = Cell("", "")


def table(rows: Sequence[Sequence[Cell]]) -> str:
    """Return the mrkdwn of a table whose first row is its header."""
    if not rows or not rows[0]:
        return ""
    plain = [[cell.plain for cell in row] for row in rows]
    caps = columns(plain[:2])
    return _aligned(plain, caps) if caps else _records(rows)


def _aligned(rows: Sequence[Sequence[str]], caps: Sequence[int]) -> str:
    body = aligned(rows, caps).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "```\n" + body.replace("```", f"``{SPACE}`") + "\n```"


def _records(rows: Sequence[Sequence[Cell]]) -> str:
    head, *body = rows
    records = []
    for row in body or [[EMPTY] * len(head)]:
        title = row[0].plain or head[0].plain
        pairs = [
            f"    {name.rendered}: {cell.rendered}"
            for name, cell in zip(head[1:], row[1:], strict=True)
            if cell.plain
        ]
        first = row[0].rendered or head[0].rendered
        lead = first if set("*`<") & set(first) else f"*{first}*" if title else "•"
        records.append("\n".join([f"• {lead}", *pairs]))
    return "\n".join(records)
