"""The turns queue: put by receivers, polled as Lambda's event source would poll it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core.aws.calls import Calls, guarded
from core.conversation import Command, Incoming, dumps
from core.ports import StoreError

log = logging.getLogger(__name__)

VISIBILITY = 30
"""Seconds a message stays with the worker that took it, lengthened while it works."""
HEARTBEAT = 10.0
WAIT = 10
"""Seconds of a long poll."""

Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class SqsTurns:
    """`core.ports.Turns`. Conversations are FIFO groups; commands do not wait for answers."""

    def __init__(self, client: Any, url: str, calls: Calls) -> None:
        self._client = client
        self._url = url
        self._calls = calls

    def put_now(self, item: Incoming | Command) -> None:
        """Queues from a thread. Raises StoreError."""
        guarded(self._client.send_message, **self._message(item, ""))

    async def put(self, item: Incoming | Command, *, again: str = "") -> None:
        await self._calls(self._client.send_message, **self._message(item, again))

    def _message(self, item: Incoming | Command, again: str) -> dict[str, Any]:
        group = item.conversation.key
        if isinstance(item, Command):
            group = f"{group}/command/{item.event_id}"
        return {
            "QueueUrl": self._url,
            "MessageBody": dumps(item),
            "MessageGroupId": _digest(group),
            "MessageDeduplicationId": _digest(f"{item.event_id} {again}"),
        }


class Source:
    """What a Lambda event source does, in this process: batches of one, many side by side.

    `handler` gets Lambda's event and gives its partial batch response. What fails comes back
    later each time (5, 10, 20 … 60 s), until the queue's redrive policy moves it away.
    """

    def __init__(
        self,
        client: Any,
        url: str,
        calls: Calls,
        handler: Handler,
        concurrency: int,
        *,
        pollers: int = 4,
    ) -> None:
        self._client = client
        self._url = url
        self._calls = calls
        self._handler = handler
        self._free = asyncio.Semaphore(concurrency)
        self._pollers = pollers
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Polls until `drain`."""
        await asyncio.gather(*(self._poll() for _ in range(self._pollers)))

    async def drain(self, seconds: float) -> None:
        """Takes nothing more, waits for what runs, and gives back what does not end in time."""
        self._stopping.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _poll(self) -> None:
        delay = 0.5
        down = False
        while not self._stopping.is_set():
            await self._free.acquire()
            try:
                taken = await self._receive()
            except StoreError as exc:
                self._free.release()
                if not down:
                    log.warning("queue does not answer: %s", exc)
                down = True
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
                continue
            if down:
                log.info("queue answers again")
            delay, down = 0.5, False
            if not taken:
                self._free.release()
                continue
            for message in taken:
                task = asyncio.create_task(self._work(message))
                self._running.add(task)
                task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free.release()

    async def _receive(self) -> list[dict[str, Any]]:
        receive = asyncio.ensure_future(
            self._calls(
                self._client.receive_message,
                QueueUrl=self._url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=WAIT,
                VisibilityTimeout=VISIBILITY,
                MessageSystemAttributeNames=["All"],
            )
        )
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({receive, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not receive.done():
            # what this poll may still get becomes visible again by itself
            receive.cancel()
            return []
        messages: list[dict[str, Any]] = receive.result().get("Messages", [])
        return messages

    async def _work(self, message: Mapping[str, Any]) -> None:
        heart = asyncio.create_task(self._beat(message))
        attributes = message.get("Attributes", {})
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": attributes,
            "eventSource": "aws:sqs",
        }
        done = False
        try:
            result = await self._handler({"Records": [record]})
            done = not result.get("batchItemFailures")
        finally:
            heart.cancel()
            tries = int(attributes.get("ApproximateReceiveCount", "1"))
            await asyncio.gather(heart, return_exceptions=True)
            await asyncio.shield(self._answer(message, done=done, tries=tries))

    async def _answer(self, message: Mapping[str, Any], *, done: bool, tries: int) -> None:
        handle = {"QueueUrl": self._url, "ReceiptHandle": message["ReceiptHandle"]}
        try:
            if done:
                await self._calls(self._client.delete_message, **handle)
            else:
                later = min(60, 5 * 2 ** (tries - 1))
                await self._calls(
                    self._client.change_message_visibility, **handle, VisibilityTimeout=later
                )
        except StoreError as exc:
            log.warning("queue not told of a message's end: %s", exc)

    async def _beat(self, message: Mapping[str, Any]) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await self._calls(
                    self._client.change_message_visibility,
                    QueueUrl=self._url,
                    ReceiptHandle=message["ReceiptHandle"],
                    VisibilityTimeout=VISIBILITY,
                )
            except StoreError as exc:
                log.warning("heartbeat missed: %s", exc)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
