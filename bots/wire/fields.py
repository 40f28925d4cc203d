"""Read fields of a platform's JSON: a value of an unexpected type counts as absent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a malformed payload raises in the platforms' libraries, which do not validate, or when it is
queued. Retrying would not help."""
LONGEST_ID = 300
"""The most bytes of an id: a table key, of at most 1,024 bytes, holds three."""
LONGEST_URL = 2_000
MOST_FILES = 20
"""The most files of one message that are read."""
_UNSENDABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""Lone surrogates, and characters that SQS refuses."""
_ID = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x20\x7f-\xa0\u2028\u2029\ufffd]+")
_LARGEST = 2**53


def map_of(value: object) -> Mapping[str, Any]:
    """Return a JSON object, empty for any other value."""
    return value if isinstance(value, Mapping) else {}


def list_of(value: object) -> Sequence[Any]:
    """Return a JSON array, empty for any other value."""
    return value if isinstance(value, list) else ()


def maps_of(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a JSON array."""
    return [each for each in list_of(value) if isinstance(each, Mapping)]


def text_of(value: object) -> str:
    """Return a string that can be queued, empty for any other value."""
    return _UNSENDABLE.sub("\ufffd", value) if isinstance(value, str) else ""


def id_of(value: object) -> str:
    """Return an id that may become part of a key, empty for any other value."""
    text = text_of(value)
    short = len(text) <= LONGEST_ID and len(text.encode()) <= LONGEST_ID
    return text if short and _ID.fullmatch(text) else ""


def url_of(value: object) -> str:
    """Return a URL, empty if it is too long to be one."""
    text = text_of(value)
    return text if len(text) <= LONGEST_URL else ""


def size_of(value: object) -> int:
    """Return a number of bytes, 0 for any other value."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and 0 < value < _LARGEST else 0
