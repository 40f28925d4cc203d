"""Teams' activities as tests send them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BOT = "76096e45-119f-4736-859c-6dfff54395f7"
"""The app's id."""
PAYLOADS = Path(__file__).parents[1] / "payloads" / "teams"


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return found
