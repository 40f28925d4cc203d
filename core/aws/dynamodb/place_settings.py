"""The row that says whether files are read which were shared in a place without a word to us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.aws.access.items import decode


def auto_key(place: str) -> dict[str, str]:
    return {"pk": f"settings#{place}", "sk": "auto"}


def auto_of(answer: Mapping[str, Any]) -> bool:
    """What DynamoDB's answer says: yes, unless somebody refused."""
    return bool(decode(answer["Item"])["on"]) if "Item" in answer else True
