"""Take turns from the queue and answer them.

`Worker.handle` takes an SQS event as Lambda delivers it and returns Lambda's partial batch
response, so that a Lambda function and the long-lived process share it. `Worker.sweep` looks after
answers whose worker is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from bots.sweep import sweep
from bots.wire.platform import Platform
from core.knowledge.files.waiting_status import WaitingStatus
from core.knowledge.presence import Presence
from core.ports.chat import Chat, ChatError, Forbidden, Gone, RateLimited, Unreachable
from core.ports.rates import Call, Priority
from core.ports.store_error import StoreError
from core.ports.turns import Busy, Claims, DeadlineReached, TurnQueue
from core.rates.budget import ConversationBudget
from core.runtime.tasks import Background, retrying
from core.runtime.telemetry import Metric, count, following
from core.turn.assistant import Assistant
from core.turn.commands import Commands
from core.values.answer import MessageId
from core.values.conversation import PROGRESS, Command, Conversation, Incoming, loads

log = logging.getLogger(__name__)

DELETE_DELAYS = (1.0, 2.0, 4.0, 8.0)
"""Seconds between tries to delete a message at a platform that does not answer."""


class Worker:
    """Answers queued turns. `platforms` gives access to conversations, by platform name."""

    def __init__(
        self,
        assistant: Assistant,
        commands: Commands,
        claims: Claims,
        turns: TurnQueue,
        platforms: Mapping[str, Platform],
        *,
        presence: Presence | None = None,
        status: WaitingStatus | None = None,
    ) -> None:
        self._assistant = assistant
        self._commands = commands
        self._claims = claims
        self._turns = turns
        self._platforms = platforms
        self._presence = presence
        self._status = status
        self._cleaning = Background()

    async def handle(self, event: Mapping[str, Any], until: float | None = None) -> dict[str, Any]:
        """Work through an SQS batch in order. Returns the messages to deliver again.

        What cannot end by `until`, in the event loop's time, is handed over: it is among the
        failures, and listed in `handedOn` as well, to be delivered again at once.

        Follows AWS's rule for FIFO queues: after a failure the rest of that group fails as well.
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        """
        failed: list[str] = []
        handed_on: list[str] = []
        halted: set[str] = set()
        for record in event["Records"]:
            attributes = record.get("attributes", {})
            group = attributes.get("MessageGroupId", "")
            redelivered = int(attributes.get("ApproximateReceiveCount", "1")) > 1
            try:
                if group not in halted and await self._one(record["body"], redelivered, until):
                    continue
            except DeadlineReached:
                handed_on.append(record["messageId"])
            failed.append(record["messageId"])
            halted.add(group)
        named = {"handedOn": handed_on} if handed_on else {}
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed], **named}

    async def _one(self, body: str, redelivered: bool, until: float | None) -> bool:
        """Handle one queued turn. False if it must be delivered again. Raises DeadlineReached."""
        try:
            item = loads(body)
        except ValueError:
            log.exception("a queued turn cannot be read")
            return False
        with following(item.event_id):
            return await self._handled(item, redelivered, until)

    async def _handled(
        self, item: Incoming | Command, redelivered: bool, until: float | None
    ) -> bool:
        try:
            noted = await self._noted(item)
            chat, budget = self._chat(item.conversation, item.extra)
            if isinstance(item, Command) and item.name == PROGRESS:
                if self._status is not None:
                    await self._status.show(item, chat, budget)
            elif isinstance(item, Command):
                self._clean(chat, budget, await self._commands.handle(item, chat))
            else:
                await self._answer(item, chat, budget, redelivered, until)
            if not noted:
                # handling it again changes nothing, and then records its workspace
                return False
        except DeadlineReached:
            # its message stays first in its conversation, for the next worker
            log.info("time is up: the rest of the answer is for another worker")
            count(Metric.HANDED_ON)
            raise
        except Busy as exc:
            log.info("held by another worker for %.0f s", exc.retry_after)
            return False
        except (StoreError, Unreachable, RateLimited) as exc:
            log.warning("turn put off: %s", type(exc).__name__)
            return False
        except ChatError as exc:
            log.warning("nobody to tell: %s", type(exc).__name__)
        except Exception:
            # a bug of ours: after a few tries the assistant gives up with a visible message
            log.exception("turn failed")
            return False
        else:
            log.info("%s done", type(item).__name__)
        return True

    async def _noted(self, item: Incoming | Command) -> bool:
        """Notes that the item's workspace has us; False if the store does not answer.

        The assistant still gets the question then: it tells people about the outage.
        """
        try:
            if self._presence is not None:
                await self._presence.seen(item)
        except StoreError as exc:
            log.warning("presence not noted: %s", type(exc).__name__)
            return False
        return True

    async def _answer(
        self,
        question: Incoming,
        chat: Chat,
        budget: ConversationBudget,
        redelivered: bool,
        until: float | None,
    ) -> None:
        try:
            leftovers = await self._assistant.answer(
                question, chat, budget, redelivered=redelivered, until=until
            )
        except DeadlineReached as exc:
            self._clean(chat, budget, exc.leftovers)
            raise
        finally:
            await budget.published()
        self._clean(chat, budget, leftovers)

    async def sweep(self) -> int:
        """Re-queue answers whose worker is gone. Returns how many there were."""
        orphans = await sweep(self._claims, self._turns)
        if orphans:
            count(Metric.ORPHANS, orphans)
        return orphans

    async def close(self) -> None:
        """Wait for pending deletions."""
        try:
            await self._cleaning.finish()
        finally:
            await self._cleaning.end()

    def _chat(
        self, conversation: Conversation, extra: Mapping[str, str]
    ) -> tuple[Chat, ConversationBudget]:
        return self._platforms[conversation.platform](conversation, extra)

    def _clean(self, chat: Chat, budget: ConversationBudget, ids: Sequence[MessageId]) -> None:
        if ids:
            self._cleaning.begin(_delete(chat, budget, ids))


async def _delete(chat: Chat, budget: ConversationBudget, ids: Sequence[MessageId]) -> None:
    """Delete messages that others have replaced, within the rate limit."""
    passing = (RateLimited, Unreachable)

    async def delete(message_id: MessageId) -> None:
        await budget.spend(Call.DELETE, Priority.PROGRESS)
        try:
            await chat.delete(message_id)
        except RateLimited as exc:
            budget.pause(Call.DELETE, exc.retry_after)
            raise

    def pause(exc: Exception, delay: float) -> float:
        return delay if isinstance(exc, Unreachable) else 0.0

    for each in ids:
        with suppress(*passing, Gone, Forbidden):
            again = partial(delete, each)
            await retrying(again, DELETE_DELAYS, passing, asyncio.sleep, pause=pause)
