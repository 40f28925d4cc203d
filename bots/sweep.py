"""Looks after answers whose worker is gone, and turns that no worker ever began."""

from __future__ import annotations

import logging

from core.ports.turns import Claims, Turns
from core.values.conversation import loads

log = logging.getLogger(__name__)


async def sweep(claims: Claims, turns: Turns) -> int:
    """Queues lost turns anew, each conversation's in their order. Returns how many were lost.

    The message of a lost turn may be hidden for long, and those queued before it as well: each
    time they are put where none is in their way.
    """
    orphans = await claims.orphans()
    for orphan in orphans:
        event_id, aside = orphan.claim.event_id, f"{orphan.claim.attempt}/{orphan.times}"
        for number, incoming in enumerate((orphan.incoming, *orphan.behind)):
            try:
                turn = loads(incoming)
            except ValueError:
                log.exception("a turn that nobody finishes cannot be read")
                continue
            again = f"behind {event_id} {aside}" if number else f"attempt {aside}"
            await turns.put(turn, again=again, aside=aside)
        await claims.requeued(event_id)
    return len(orphans)
