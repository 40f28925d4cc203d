"""What fits a message in Teams, whether it is shown as text or as a card."""

from __future__ import annotations

from functools import lru_cache

from bots.teams.rendering import card_elements
from bots.teams.rendering.guard import guarded_card
from bots.teams.rendering.markup import LIMIT, links_of, render, units
from core.streaming.markdown.blocks import blocks

JOINED = 5
"""UTF-16 units in a card's JSON between two blocks: a comma, and two escaped line ends."""


class TeamsSurface:
    """`core.ports.chat.Surface`: a text is as large as the larger of its two looks.

    A message that grows is a card, which carries its text twice (`fallbackText`) within 28 KB; at
    its end it is text.
    """

    limit = LIMIT

    def size(self, markdown: str) -> int:
        return max(units(render(markdown)), sum(_size(each.text) for each in blocks(markdown)))


@lru_cache(maxsize=2048)
def _size(block: str) -> int:
    """Half of what a block takes in a card."""
    text = guarded_card(render(block), links_of(block))
    taken = card_elements.size(block) + units(card_elements.written(text)) - 2
    return -(-(taken + JOINED) // 2) if text else 0
