"""How much text fits in a Teams message, whether it is shown as text or as a card."""

from __future__ import annotations

from functools import lru_cache

from bots.teams.rendering import card_elements
from bots.teams.rendering.guard import guarded_card
from bots.teams.rendering.markup import LIMIT, links_of, render, units
from core.streaming.markdown.blocks import blocks

JOINED = 5
"""UTF-16 units between two blocks in a card's JSON: a comma, and two escaped line breaks."""


class TeamsSurface:
    """Implements `core.ports.chat.Surface`: the larger of a text's two formats counts.

    A growing message is a card, which contains its text twice (`fallbackText`) within 28 KB; at its
    end it is text.
    """

    limit = LIMIT

    def size(self, markdown: str) -> int:
        """The UTF-16 units of the text, or half of those in a card, whichever is more."""
        return max(units(render(markdown)), sum(_size(each.text) for each in blocks(markdown)))


@lru_cache(maxsize=2048)
def _size(block: str) -> int:
    """Return half of the UTF-16 units that a block takes in a card."""
    text = guarded_card(render(block), links_of(block))
    taken = card_elements.size(block) + units(card_elements.written(text)) - 2
    return -(-(taken + JOINED) // 2) if text else 0
