"""Shows in a question's message how far the files are that it waits for."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from core.knowledge.files.waiting import unread
from core.ports.chat import Chat, ChatError, RateLimited
from core.ports.documents import Manifest
from core.ports.rates import Budget, Call, Priority
from core.ports.store_error import StoreError
from core.ports.waits import Waits
from core.values.answer import Button, Rendered, Stage
from core.values.conversation import Command
from core.wording import user_messages
from core.wording.catalogue import phrase

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that an edit may wait for its turn: the next one will be newer."""


class WaitingStatus:
    """One for a process."""

    def __init__(self, waits: Waits, manifest: Manifest) -> None:
        self._waits = waits
        self._manifest = manifest

    async def show(self, command: Command, chat: Chat, budget: Budget) -> None:
        """Edits the message where an edit is to be had now. Never fails: nothing hangs on it."""
        try:
            await self._show(command.argument, chat, budget)
        except RateLimited as exc:
            budget.pause(Call.EDIT, exc.retry_after)
        except (StoreError, ChatError) as exc:
            log.info("how far a file is was not shown: %s", type(exc).__name__)

    async def _show(self, run: str, chat: Chat, budget: Budget) -> None:
        waiting = (await self._waits.read([run])).get(run)
        if waiting is None or not waiting.message_ids:
            return
        rows = await self._manifest.get(waiting.wait.documents)
        left = unread(waiting.wait.documents, rows)
        if not left or budget.wait_for(Call.EDIT, Priority.PROGRESS) > PATIENCE:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await budget.spend(Call.EDIT, Priority.PROGRESS)
            text = "\n".join(user_messages.reading(each) for each in left)
            shown = Rendered(
                text, (Button("stop", phrase("button.stop"), run),), stage=Stage.WAITING
            )
            await chat.edit(waiting.message_ids[-1], shown)
