"""Looks after answers whose worker is gone."""

from __future__ import annotations

from core.conversation import loads
from core.ports import Claims, Turns


async def sweep(claims: Claims, turns: Turns) -> int:
    """Has answers taken up again that nobody finishes. Returns how many there were."""
    orphans = await claims.orphans()
    for orphan in orphans:
        await turns.put(loads(orphan.incoming), again=f"attempt {orphan.claim.attempt}")
    return len(orphans)
