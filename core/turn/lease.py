"""Holds a claim while its answer is made: renews the lease, and sees when somebody presses Stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from core.ports.store_error import StoreError
from core.ports.turns import Claim, Claims, LeaseLost
from core.runtime.tasks import beside
from core.values.conversation import Incoming, loads

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between looks at the claim."""


class Lease:
    """`ended` is set when the answer is to end: by a Stop, because the claim was lost, or because
    this worker's time is up, which `late` says."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.late = False
        self._lost: LeaseLost | None = None

    def check(self) -> None:
        """Raises LeaseLost when another worker answers now, Withdrawn when nobody is to."""
        if self._lost is not None:
            raise self._lost

    async def keep(self, claims: Claims, claim: Claim, until: float | None) -> None:
        """Renews until cancelled."""
        now = asyncio.get_running_loop().time
        while self._lost is None:
            await asyncio.sleep(TICK)
            if until is not None and now() >= until and not self.ended.is_set():
                self.late = True
                self.ended.set()
            try:
                if await claims.renew(claim):
                    self.ended.set()
            except LeaseLost as exc:
                self._lost = exc
                self.ended.set()
            except StoreError:
                # nobody can take the claim either while the store is down
                log.warning("claim not renewed")


@asynccontextmanager
async def held(claims: Claims, claim: Claim, until: float | None = None) -> AsyncIterator[Lease]:
    """Keeps the claim inside the context; the answer is to end by `until`, of the loop's clock."""
    lease = Lease()
    async with beside(lease.keep(claims, claim, until)):
        yield lease


def resumed(question: Incoming, claim: Claim | None) -> Incoming:
    """The question with what an earlier worker's answer to it had said."""
    try:
        left = loads(claim.incoming) if claim and claim.incoming else None
    except ValueError:
        return question
    if isinstance(left, Incoming) and len(left.answer_so_far) > len(question.answer_so_far):
        return replace(question, answer_so_far=left.answer_so_far, quoted=left.quoted)
    return question
