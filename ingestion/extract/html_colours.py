"""Parse colours as style sheets write them."""

from __future__ import annotations

import re

from PIL import ImageColor

CLEAR = re.compile(
    r"(?:rgba|hsla|rgb|hsl)\([^)]*[,/]\s*(0(?:\.\d+)?|\.\d+|1(?:\.0+)?|[\d.]+%)\s*\)"
)
FUNCTION = re.compile(r"(rgb|hsl)a?\(\s*([-\d.%]+(?:deg)?)[\s,]+([\d.%]+)[\s,]+([\d.%]+)")


def colour(value: str) -> tuple[int, int, int] | None:
    """Return red, green and blue; None if it is no colour, uncertain or transparent."""
    value = value.strip().lower()
    if not value or "url(" in value or "gradient" in value or "var(" in value:
        return None
    if found := FUNCTION.match(value):
        parts = value.count(",") + value.count("/")
        if parts > 2 or "/" in value:
            share = CLEAR.match(value)
            if share is None or share[1] not in ("1", "1.0", "100%"):
                return None
        value = f"{found[1]}({found[2].removesuffix('deg')},{found[3]},{found[4]})"
    try:
        named = ImageColor.getrgb(
            value.split()[0] if not value.startswith(("rgb", "hsl")) else value
        )
    except (ValueError, IndexError):
        return None
    return named[0], named[1], named[2]
