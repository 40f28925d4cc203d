"""The row that says whether files are read that were shared in a place without a mention of us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.aws.access.items import decode


def auto_key(place: str) -> dict[str, str]:
    """The key of a place's row."""
    return {"pk": f"settings#{place}", "sk": "auto"}


def auto_of(answer: Mapping[str, Any]) -> bool:
    """The setting in a GetItem response: on, unless somebody turned it off."""
    return bool(decode(answer["Item"])["on"]) if "Item" in answer else True
