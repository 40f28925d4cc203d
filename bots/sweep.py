"""Re-queue answers whose worker is gone, and turns that no worker ever started."""

from __future__ import annotations

import logging

from core.ports.turns import Claims, TurnQueue
from core.values.conversation import loads

log = logging.getLogger(__name__)


async def sweep(claims: Claims, turns: TurnQueue) -> int:
    """Re-queue lost turns, each conversation's in order. Returns how many were lost.

    SQS may hide the message of a lost turn, and those queued behind it, for a long time. So each
    time they are put where no hidden message blocks them.
    """
    orphans = await claims.orphans()
    for orphan in orphans:
        event_id, ordering_group = orphan.claim.event_id, f"{orphan.claim.attempt}/{orphan.times}"
        if orphan.claim.wait is not None:
            ordering_group += f"/{orphan.claim.wait.number}"  # waits are no attempts
        for number, incoming in enumerate((orphan.incoming, *orphan.behind)):
            try:
                turn = loads(incoming)
            except ValueError:
                log.exception("a turn that nobody finishes cannot be read")
                continue
            dedup_suffix = (
                f"behind {event_id} {ordering_group}" if number else f"attempt {ordering_group}"
            )
            await turns.enqueue(turn, dedup_suffix=dedup_suffix, ordering_group=ordering_group)
        await claims.requeued(event_id)
    return len(orphans)
