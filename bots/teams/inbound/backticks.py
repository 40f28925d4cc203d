"""Write code in Markdown, between as many backticks as it needs."""

from __future__ import annotations

import re


def span(code: str) -> str:
    """Return code within a line."""
    mark = "`" * (_longest("`+", code, 0) + 1)
    pad = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{mark}{pad}{code}{pad}{mark}"


def fence(code: str, language: str = "") -> str:
    """Return lines of code as a fenced block."""
    mark = "`" * (_longest("`{3,}", code, 2) + 1)
    return f"{mark}{language}\n{code}\n{mark}"


def _longest(runs: str, code: str, least: int) -> int:
    return max((len(run) for run in re.findall(runs, code)), default=least)
