"""Calls to a chat platform that must be made: repeated until taken or refused, never doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from math import isinf

from core.ports.chat import Chat, RateLimited, Uneditable, Unreachable
from core.ports.rates import Budget, Call, Priority
from core.runtime.telemetry import Metric, count
from core.values.answer import MessageId, Rendered

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
        await self._budget.spend(Call.POST, priority)
        lost = False
        for delay in (*RETRIES, 0):
            try:
                if lost and (strays := await self._strays(known)):
                    return strays[-1]
                return await self._chat.post(message, mark=self._mark)
            except RateLimited as exc:
                count(Metric.RATE_LIMITED)
                self._budget.pause(Call.POST, exc.retry_after)
                await self._budget.spend(Call.POST, Priority.FINAL)
            except Unreachable:
                lost = True
                await asyncio.sleep(delay)
        raise Unreachable("a post was not taken")

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
        for delay in (*RETRIES, 0):
            if not await self._granted(patience):
                return False
            try:
                await self._chat.edit(message_id, message)
            except RateLimited as exc:
                count(Metric.RATE_LIMITED)
                self._budget.pause(Call.EDIT, exc.retry_after)
            except Uneditable:
                return False
            except Unreachable:
                await asyncio.sleep(delay)
            else:
                count(Metric.EDITS)
                return True
        raise Unreachable("an edit was not taken")

    async def _granted(self, patience: float) -> bool:
        """Whether an edit may be made; what other processes use of the rate is often known only
        once one has asked for it."""
        granted: asyncio.Task[None] | None = None
        try:
            while granted is None or not granted.done():
                edit_in = self._budget.wait_for(Call.EDIT, Priority.FINAL)
                if patience < edit_in > self._budget.wait_for(Call.POST, Priority.FINAL):
                    return False
                if granted is None:
                    spending = self._budget.spend(Call.EDIT, Priority.FINAL)
                    granted = asyncio.create_task(spending)
                await asyncio.wait({granted}, timeout=None if isinf(patience) else patience)
            granted.result()
            return True
        finally:
            if granted is not None:
                granted.cancel()
