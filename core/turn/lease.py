"""Holds a claim while it is answered: renews the lease, and notices requests to stop."""

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
"""Seconds between renewals."""


class Lease:
    """The state of a held claim.

    `ended` is set when the answer has to end: because it was stopped, because the claim was lost,
    or because this worker's time is up (`late`).
    """

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.late = False
        self._lost: LeaseLost | None = None

    def check(self) -> None:
        """Raise LeaseLost if another worker answers now, Withdrawn if the question was deleted."""
        if self._lost is not None:
            raise self._lost

    async def keep(self, claims: Claims, claim: Claim, until: float | None) -> None:
        """Renew the lease until cancelled. `until` is the worker's deadline on the loop's clock."""
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
                # while the store is down, no other worker can take the claim either
                log.warning("claim not renewed")


@asynccontextmanager
async def held(claims: Claims, claim: Claim, until: float | None = None) -> AsyncIterator[Lease]:
    """Hold the claim inside the context. The answer has to end by `until` on the loop's clock."""
    lease = Lease()
    async with beside(lease.keep(claims, claim, until)):
        yield lease


def resumed(question: Incoming, claim: Claim | None) -> Incoming:
    """The question with what an earlier worker left in the claim: the answer so far, and that it
    waited for its files."""
    try:
        left = loads(claim.incoming) if claim and claim.incoming else None
    except ValueError:
        return question
    if not isinstance(left, Incoming):
        return question
    if len(left.answer_so_far) > len(question.answer_so_far):
        question = replace(question, answer_so_far=left.answer_so_far, quoted=left.quoted)
    return replace(question, waited=question.waited or left.waited)
