"""A Lambda event source inside this process: receives messages and passes them to a handler.

It guarantees the handler what Lambda does: records in Lambda's format, messages invisible to others
while they are handled, FIFO groups in order, messages deleted on success and redelivered on
failure. One message per call, many calls concurrently.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls
from core.aws.sqs.visibility import show_again
from core.ports.store_error import StoreError
from core.runtime.fair_slots import FairSlots, Ticket
from core.runtime.tasks import Background, Sleep, beside, ended, first_done, together

log = logging.getLogger(__name__)

Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

VISIBILITY = 30
"""Seconds that a message stays invisible to others without a heartbeat."""
HEARTBEAT = 10.0
PARKED = 300
"""The most messages that wait for a slot in this process."""
WAIT = 2
"""Seconds of a long poll: also how long an idle process takes to stop."""
HELPERS = 4
"""Extra receivers, active while there are more messages than one receiver can fetch."""
PAUSES = (0.5, 1, 2, 5)
"""Seconds between attempts to reach a queue that does not answer; the last one repeats."""
FIRST_RETRY, LAST_RETRY = 5, 60
"""Seconds until a failed message is redelivered: the first, doubled each time up to the last."""


def _alike(_body: str) -> Ticket:
    return Ticket("message")


class Consumer:
    """Calls `handler` for each message of the queue at `url`.

    `run` returns after `drain`, or when it is cancelled. `slots` say how many messages are handled
    at a time, by the ticket that `ticket` reads off a message's body. Up to `PARKED` more are taken
    off the queue and wait for a slot here, so that a backlog of one person's does not hide what
    others ask.
    """

    def __init__(
        self,
        sqs: Any,
        url: str,
        calls: Calls,
        handler: Handler,
        slots: FairSlots,
        *,
        ticket: Callable[[str], Ticket] = _alike,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls
        self._handler = handler
        self._sleep = sleep
        self._slots = slots
        self._ticket = ticket
        self._room = asyncio.Semaphore(slots.total + PARKED)
        self._parked: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Event()
        self._stopping = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._background = Background()
        self._handlers: dict[asyncio.Task[None], Mapping[str, Any]] = {}
        self._failures = 0
        self._arn = _arn(url, sqs.meta.region_name)

    @property
    def parked(self) -> int:
        """The messages that wait for a slot."""
        return len(self._parked)

    async def run(self) -> None:
        """Receive and handle messages until `drain`."""
        self._at_rest.clear()
        try:
            await together(*(self._receive(leads=each == 0) for each in range(1 + HELPERS)))
            await self._stopping.wait()
        finally:
            self._at_rest.set()
            if not self._stopping.is_set():
                await self._background.end()

    async def drain(self, seconds: float) -> None:
        """Stop receiving, and let handlers finish within `seconds`.

        Messages whose handlers do not finish in time are cancelled and returned to the queue.
        """
        self._stopping.set()
        self._busy.set()
        parked = [self._handlers[task] for task in self._parked]
        await ended(self._parked)
        await together(*(self._show_again(each, 0) for each in parked))
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=seconds)
        unfinished = {task: m for task, m in self._handlers.items() if not task.done()}
        await ended(unfinished)
        # a long poll cannot be cancelled, and would receive the returned messages
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT + 1):
                await self._at_rest.wait()
        await together(*(self._show_again(each, 0) for each in unfinished.values()))

    async def _receive(self, *, leads: bool) -> None:
        """Run one receiver. The leader always polls, the others while polls return messages."""
        while not self._stopping.is_set():
            if not leads:
                await self._busy.wait()
            await self._room.acquire()
            message = None
            try:
                if not self._stopping.is_set():
                    message = await self._next(WAIT if leads else 0)
            finally:
                if message is None:
                    self._room.release()
            if message is not None:
                self._busy.set()
                self._begin(message)
            elif not leads and not self._stopping.is_set():
                self._busy.clear()

    async def _next(self, wait: int) -> Mapping[str, Any] | None:
        try:
            answer = await self._calls(
                self._sqs.receive_message,
                QueueUrl=self._url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=wait,
                VisibilityTimeout=VISIBILITY,
                AttributeNames=["All"],
            )
        except (StoreError, ClientError) as exc:
            await self._down(exc)
            return None
        if self._failures:
            log.info("the queue answers again")
            self._failures = 0
        messages = answer.get("Messages", [])
        if messages and self._stopping.is_set():
            await self._show_again(messages[0], 0)
            return None
        return messages[0] if messages else None

    async def _down(self, exc: Exception) -> None:
        """Wait before the next attempt; the reason is logged only once."""
        if not self._failures:
            log.warning("the queue does not answer: %s", exc)
        self._failures += 1
        self._busy.clear()
        seconds = PAUSES[min(self._failures, len(PAUSES)) - 1]
        await first_done(self._sleep(seconds), self._stopping.wait())

    def _begin(self, message: Mapping[str, Any]) -> None:
        task = self._background.begin(self._handle(message))
        self._handlers[task] = message
        self._parked.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._handlers.pop(task, None)
        self._parked.discard(task)
        self._room.release()

    async def _handle(self, message: Mapping[str, Any]) -> None:
        async with beside(self._beat(message)), self._slots.held(self._ticket(message["Body"])):
            if (task := asyncio.current_task()) is not None:
                self._parked.discard(task)
            succeeded = await self._succeeds(message)
        if succeeded:
            await self._delete(message)
        else:
            await self._show_again(message, pause(message.get("Attributes", {})))

    async def _succeeds(self, message: Mapping[str, Any]) -> bool:
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": message.get("MessageAttributes", {}),
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": self._sqs.meta.region_name,
        }
        try:
            answer = await self._handler({"Records": [record]})
        except Exception:
            log.exception("a handler failed")
            return False
        return not answer.get("batchItemFailures")

    async def _beat(self, message: Mapping[str, Any]) -> None:
        """Keep a message invisible to others while it is handled."""
        while True:
            await self._sleep(HEARTBEAT)
            await self._show_again(message, VISIBILITY)

    async def _show_again(self, message: Mapping[str, Any], seconds: int) -> None:
        handle = message["ReceiptHandle"]
        await show_again(self._calls, self._sqs, self._url, handle, seconds)

    async def _delete(self, message: Mapping[str, Any]) -> None:
        """Delete a handled message. If this fails, it is redelivered and found to be completed."""
        try:
            await self._calls(
                self._sqs.delete_message,
                QueueUrl=self._url,
                ReceiptHandle=message["ReceiptHandle"],
            )
        except (StoreError, ClientError) as exc:
            log.warning("message not deleted: %s", exc)


def pause(attributes: Mapping[str, Any]) -> int:
    """Seconds until a failed message is redelivered, by the receive count in its attributes."""
    received = int(attributes.get("ApproximateReceiveCount", "1"))
    return int(min(LAST_RETRY, FIRST_RETRY * 2 ** min(received - 1, 10)))


def _arn(url: str, region: str) -> str:
    *_, account, name = urlsplit(url).path.split("/")
    return f"arn:aws:sqs:{region}:{account}:{name}"
