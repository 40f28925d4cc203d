"""Fields of a platform's JSON: whatever is not of the expected type counts as absent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a payload of an odd shape raises in the platforms' libraries, which trust what they read, or
on its way into the queue. Sent again it would be no better."""
LONGEST_ID = 300
"""Bytes of an id: three of them fit into a key of the table, which holds 1,024."""
LONGEST_URL = 2_000
MOST_FILES = 20
"""Files of one message that are read."""
_UNSENDABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""Half characters, and those that a queue refuses."""
_ID = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x20\x7f-\xa0\u2028\u2029\ufffd]+")
_LARGEST = 2**53


def map_of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def list_of(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def maps_of(value: object) -> list[Mapping[str, Any]]:
    """Those of a list."""
    return [each for each in list_of(value) if isinstance(each, Mapping)]


def text_of(value: object) -> str:
    return _UNSENDABLE.sub("\ufffd", value) if isinstance(value, str) else ""


def id_of(value: object) -> str:
    """An id that may become part of a key; empty for any other."""
    text = text_of(value)
    short = len(text) <= LONGEST_ID and len(text.encode()) <= LONGEST_ID
    return text if short and _ID.fullmatch(text) else ""


def url_of(value: object) -> str:
    """An address; empty for one that is too long to be one."""
    text = text_of(value)
    return text if len(text) <= LONGEST_URL else ""


def size_of(value: object) -> int:
    """A number of bytes, 0 for what is none."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and 0 < value < _LARGEST else 0
