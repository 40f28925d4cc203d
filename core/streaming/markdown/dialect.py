"""The Markdown dialect: CommonMark with tables and ~~strike~~.

Left out are HTML, and syntax by which a later line changes the meaning of an earlier one:
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
    """The URLs of links and images in a parser's tokens."""
    for token in tokens:
        for name in ("href", "src"):
            if name in token.attrs:
                yield str(token.attrs[name])
        yield from links(token.children or ())


class Tokens:
    """A cursor over a parser's flat list of tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def until(self, closing: str = "") -> Iterator[Token]:
        """The next tokens up to the closing one, which is consumed as well."""
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.type == closing:
                return
            yield token

    def table_rows(self, cell: Callable[[Token], Cell]) -> Iterator[list[Cell]]:
        """The rows of a table whose opening token was consumed; `cell` converts each cell."""
        row: list[Cell] = []
        for token in self.until("table_close"):
            if token.type == "tr_open":
                row = []
            elif token.type == "inline":
                row.append(cell(token))
            elif token.type == "tr_close":
                yield row
