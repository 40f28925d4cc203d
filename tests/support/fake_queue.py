"""The FIFO queue of turns, in memory and in virtual time, and what SQS and Lambda do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.aws.access.fifo import group
from core.aws.sqs.consumer import pause
from core.values.conversation import Command, Incoming, dumps, loads
from core.values.runs import post_of
from tests.support.fakes import Outage

RECEIVES = 10
"""Times that a message is delivered before it is a dead letter, as in template.yaml."""
Handle = Callable[[Mapping[str, Any], float | None], Awaitable[Mapping[str, Any]]]


@dataclass
class Message:
    id: str
    body: str
    group: str
    received: int = 0
    visible: float = 0.0

    @property
    def event(self) -> dict[str, Any]:
        """As Lambda hands it over."""
        told = {"MessageGroupId": self.group, "ApproximateReceiveCount": f"{self.received}"}
        return {"Records": [{"messageId": self.id, "body": self.body, "attributes": told}]}

    @property
    def event_id(self) -> str:
        try:
            return loads(self.body).event_id
        except ValueError:
            return ""


class FakeQueue:
    """`core.ports.turns.TurnQueue`, and `DeadTurns` of what was given up."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.messages: list[Message] = []
        self.dead: list[Message] = []
        self.delivered = 0
        self._seen: set[tuple[str, str]] = set()
        self._number = 0
        self._more = asyncio.Event()

    async def enqueue(
        self, item: Incoming | Command, *, dedup_suffix: str = "", ordering_group: str = ""
    ) -> None:
        self.outage.check()
        if (item.event_id, dedup_suffix) not in self._seen:
            self._seen.add((item.event_id, dedup_suffix))
            self.put_body(dumps(item), f"{group(item)} {ordering_group}".rstrip())

    def put_body(self, body: str, line: str) -> None:
        """Queues what need not be readable."""
        self._number += 1
        self.messages.append(Message(f"sqs-{self._number}", body, line))
        self._more.set()

    async def withdraw(self, event_id: str) -> None:
        self.outage.check()
        self.dead = [e for e in self.dead if post_of(e.event_id) != post_of(event_id)]

    async def work(self, handle: Handle, allowance: float | None = None) -> None:
        """Delivers until nothing is left: the messages of a group in order, groups side by side.

        `allowance` is how many seconds a worker has for a message.
        """
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            while self.messages or busy:
                self._more.clear()
                now = asyncio.get_running_loop().time()
                soon = float("inf")
                for line in {each.group for each in self.messages} - busy.keys():
                    first = next(each for each in self.messages if each.group == line)
                    if first.visible <= now:
                        until = None if allowance is None else now + allowance
                        busy[line] = asyncio.create_task(self._deliver(first, handle, until))
                    soon = min(soon, first.visible)
                more = asyncio.create_task(self._more.wait())
                await asyncio.wait(
                    {more, *busy.values()},
                    timeout=max(0.0, soon - now) if soon < float("inf") else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                more.cancel()
                await asyncio.gather(more, return_exceptions=True)
                for line, task in [*busy.items()]:
                    if task.done():
                        del busy[line]
                        task.result()
        finally:
            for task in busy.values():
                task.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    async def _deliver(self, message: Message, handle: Handle, until: float | None) -> None:
        message.received += 1
        self.delivered += 1
        answer = await handle(message.event, until)
        if message not in self.messages:
            return
        if not answer["batchItemFailures"]:
            self.messages.remove(message)
        elif message.received >= RECEIVES:
            self.messages.remove(message)
            self.dead.append(message)
        else:
            at_once = message.id in answer.get("handedOn", ())
            told = message.event["Records"][0]["attributes"]
            delay = 0 if at_once else pause(told)
            message.visible = asyncio.get_running_loop().time() + delay
