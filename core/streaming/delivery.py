"""Posts and edits messages reliably: calls are retried until accepted or refused, exactly once."""

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
"""Seconds between attempts at a call that got no response."""


class Writer:
    """Makes one answer's calls. `mark` identifies the answer on the messages that it posts.

    Raises Unreachable if the platform does not respond for about a minute, and its other errors
    unchanged.
    """

    def __init__(self, chat: Chat, budget: Budget, mark: str) -> None:
        self._chat = chat
        self._budget = budget
        self._mark = mark

    async def post(
        self, message: Rendered, priority: Priority, known: Collection[MessageId]
    ) -> MessageId:
        """Post a message exactly once, and return its id.

        `known` are the answer's messages so far: if the response to a post is lost, an unknown
        message with the mark is the one that was posted.
        """
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
            # the limit on searching, for which posts need not wait
            await asyncio.sleep(exc.retry_after)
            raise Unreachable("looked too often") from exc
        return [each for each in found if each not in known]

    async def edit(self, message_id: MessageId, message: Rendered, patience: float) -> bool:
        """Make a final edit; False if the message cannot be edited or a new post is faster.

        A post is faster if the budget allows no edit within `patience` seconds, but a post earlier.
        """

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
        """Wait for an edit in the budget; False if a post is faster.

        How much of the rate limit other processes use is often known only after asking for a call.
        """

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
    """Retry a call until the platform accepts it; after a 429, the retry waits in the budget."""

    def pause(exc: Exception, delay: float) -> float:
        return delay if isinstance(exc, Unreachable) else 0.0

    try:
        passing = (RateLimited, Unreachable)
        return await retrying(call, RETRIES, passing, asyncio.sleep, pause=pause)
    except RateLimited as exc:
        raise Unreachable("a call was not taken") from exc
