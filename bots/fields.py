"""Fields of a platform's JSON: whatever is not of the expected type counts as absent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MOST_FILES = 20
"""Files of one message that are read."""
_UNSENDABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""Half characters, and those that a queue refuses."""


def map_of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def list_of(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def maps_of(value: object) -> list[Mapping[str, Any]]:
    """Those of a list."""
    return [each for each in list_of(value) if isinstance(each, Mapping)]


def text_of(value: object) -> str:
    return _UNSENDABLE.sub("\ufffd", value) if isinstance(value, str) else ""
