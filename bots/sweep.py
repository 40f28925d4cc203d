"""Looks after answers whose worker is gone, and turns that no worker ever took."""

from __future__ import annotations

import logging

from core.conversation import loads
from core.ports import Claims, Turns

log = logging.getLogger(__name__)


async def sweep(claims: Claims, turns: Turns) -> int:
    """Has answers taken up again that nobody finishes. Returns how many there were."""
    orphans = await claims.orphans()
    for orphan in orphans:
        try:
            turn = loads(orphan.incoming)
        except ValueError:
            log.exception("a turn that nobody finishes cannot be read")
            continue
        attempt = orphan.claim.attempt
        await turns.put(turn, again=f"attempt {attempt}", aside=attempt == 0)
    return len(orphans)
