"""Places in files as people read them."""

from __future__ import annotations

from core.values.documents import Locator
from core.wording.catalogue import phrase


def place_in_file(locator: Locator) -> str:
    """A place, as it is told after the file's name: `p. 12`, `Sales, rows 2–40`, `lines 3–9`."""
    place = ""
    if locator.unit:
        first, last = locator.first, max(locator.first, locator.last)
        span = f"{first}" if first == last else f"{first}–{last}"
        place = phrase(f"place.{locator.unit}", count=last - first + 1, span=span)
    what = locator.name or locator.sheet or ("" if place else " › ".join(locator.headings))
    return ", ".join(each for each in (what, place) if each)
