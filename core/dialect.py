"""The Markdown that everybody here reads: CommonMark with tables and ~~strike~~.

Without HTML, and without what makes an earlier line mean something else once a later one arrives:
underlined headings and references.
"""

from __future__ import annotations

from markdown_it import MarkdownIt

parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
parser.disable(["html_block", "html_inline", "lheading", "reference"])
