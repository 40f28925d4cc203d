"""Looks after answers whose worker is gone, and turns that no worker ever took."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from core.conversation import loads
from core.ports import Claims, Turns

log = logging.getLogger(__name__)

AGAIN = 300
"""Seconds after which what still nobody finishes is queued once more."""


async def sweep(claims: Claims, turns: Turns, clock: Callable[[], float] = time.time) -> int:
    """Has answers taken up again that nobody finishes. Returns how many there were.

    Their own messages may be hidden for long, and those queued before that as well: each time they
    are put where none is in their way, in their order.
    """
    orphans = await claims.orphans()
    slot = str(int(clock() // AGAIN))
    for orphan in orphans:
        try:
            turn = loads(orphan.incoming)
        except ValueError:
            log.exception("a turn that nobody finishes cannot be read")
            continue
        await turns.put(turn, again=f"attempt {orphan.claim.attempt}/{slot}", aside=slot)
    return len(orphans)
