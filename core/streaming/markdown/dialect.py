"""The Markdown that everybody here reads: CommonMark with tables and ~~strike~~.

Without HTML, and without what makes an earlier line mean something else once a later one arrives:
underlined headings and references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from markdown_it import MarkdownIt
from markdown_it.token import Token

Cell = TypeVar("Cell")

parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
parser.disable(["html_block", "html_inline", "lheading", "reference"])


def links(tokens: Sequence[Token]) -> Iterator[str]:
    """The addresses that a parser made links, or would fetch as images."""
    for token in tokens:
        for name in ("href", "src"):
            if name in token.attrs:
                yield str(token.attrs[name])
        yield from links(token.children or ())


class Tokens:
    """A parser's flat tokens, taken one by one."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def until(self, closing: str = "") -> Iterator[Token]:
        """Tokens up to the closing one, which is taken too."""
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.type == closing:
                return
            yield token

    def table_rows(self, cell: Callable[[Token], Cell]) -> Iterator[list[Cell]]:
        """The rows of a table whose beginning was taken, each of what `cell` makes of its cells."""
        row: list[Cell] = []
        for token in self.until("table_close"):
            if token.type == "tr_open":
                row = []
            elif token.type == "inline":
                row.append(cell(token))
            elif token.type == "tr_close":
                yield row
