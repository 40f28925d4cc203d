"""Calls to a chat platform that must be made: repeated until taken or refused, never doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from math import isinf
from typing import TypeVar

from core.ports.chat import Chat, RateLimited, Uneditable, Unreachable
from core.ports.rates import Budget, Call, Priority
from core.runtime.tasks import retrying, running
from core.runtime.telemetry import Metric, count
from core.values.answer import MessageId, Rendered

T = TypeVar("T")

RETRIES = (0.5, 1, 2, 4, 8, 16, 32)
"""Seconds between tries of a call that got no answer."""


class Writer:
    """One answer's calls. `mark` names the answer on the messages it posts.

    Raises Unreachable when the platform stays away for about a minute, and what else it refuses.
    """

    def __init__(self, chat: Chat, budget: Budget, mark: str) -> None:
        self._chat = chat
        self._budget = budget
        self._mark = mark

    async def post(
        self, message: Rendered, priority: Priority, known: Collection[MessageId]
    ) -> MessageId:
        """Posts once. `known` are the answer's messages so far: when the answer to a post was
        lost, a message beyond those is the one it made."""
        needs: Priority | None = priority
        lost = False

        async def once() -> MessageId:
            nonlocal needs, lost
            if needs is not None:
                await self._budget.spend(Call.POST, needs)
                needs = None
            try:
                if lost and (strays := await self._strays(known)):
                    return strays[-1]
                return await self._chat.post(message, mark=self._mark)
            except RateLimited as exc:
                count(Metric.RATE_LIMITED)
                self._budget.pause(Call.POST, exc.retry_after)
                needs = Priority.FINAL
                raise
            except Unreachable:
                lost = True
                raise

        return await _until_taken(once)

    async def _strays(self, known: Collection[MessageId]) -> list[MessageId]:
        try:
            found = await self._chat.find(self._mark)
        except RateLimited as exc:
            # the rate of looking: nobody's posts wait for that
            await asyncio.sleep(exc.retry_after)
            raise Unreachable("looked too often") from exc
        return [each for each in found if each not in known]

    async def edit(self, message_id: MessageId, message: Rendered, patience: float) -> bool:
        """Edits, as a final; False when the message cannot be edited, or when the budget has no
        edit within `patience` seconds while a post could be had sooner."""

        async def once() -> bool:
            if not await self._granted(patience):
                return False
            try:
                await self._chat.edit(message_id, message)
            except RateLimited as exc:
                count(Metric.RATE_LIMITED)
                self._budget.pause(Call.EDIT, exc.retry_after)
                raise
            except Uneditable:
                return False
            count(Metric.EDITS)
            return True

        return await _until_taken(once)

    async def _granted(self, patience: float) -> bool:
        """Whether an edit may be made; what other processes use of the rate is often known only
        once one has asked for it."""

        def too_late() -> bool:
            edit_in = self._budget.wait_for(Call.EDIT, Priority.FINAL)
            return patience < edit_in > self._budget.wait_for(Call.POST, Priority.FINAL)

        if too_late():
            return False
        async with running(self._budget.spend(Call.EDIT, Priority.FINAL)) as (granted,):
            while not granted.done():
                await asyncio.wait({granted}, timeout=None if isinf(patience) else patience)
                if not granted.done() and too_late():
                    return False
            granted.result()
            return True


async def _until_taken(call: Callable[[], Awaitable[T]]) -> T:
    """Calls until the platform takes it. For a rate the next try waits in the budget."""

    def pause(exc: Exception, delay: float) -> float:
        return delay if isinstance(exc, Unreachable) else 0.0

    try:
        passing = (RateLimited, Unreachable)
        return await retrying(call, RETRIES, passing, asyncio.sleep, pause=pause)
    except RateLimited as exc:
        raise Unreachable("a call was not taken") from exc
