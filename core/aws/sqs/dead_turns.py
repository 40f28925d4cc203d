"""The dead-letter queue of turns: `core.ports.turns.DeadTurns`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import Calls
from core.aws.sqs.admin import dead_letters, depth
from core.aws.sqs.dead_letters import DeadLetterQueue
from core.ports.store_error import StoreError
from core.values.conversation import loads
from core.values.runs import post_of

log = logging.getLogger(__name__)


class SqsDeadTurns:
    """The dead letters of the queue at `url`."""

    def __init__(self, sqs: Any, url: str, calls: Calls) -> None:
        self._sqs = sqs
        self._url = url
        self._calls = calls
        self._dead: str | None = None

    async def withdraw(self, event_id: str) -> None:
        """Delete a question's dead letters. Raises StoreError.

        Without permission to read their queue, this logs a warning and they stay until they expire:
        a worker that receives one finds its event completed.
        """
        try:
            if self._dead is None:
                self._dead = await self._calls(dead_letters, self._sqs, self._url)
            if not self._dead or not any(astuple(await self._calls(depth, self._sqs, self._dead))):
                return
            looked = await DeadLetterQueue(self._sqs, self._dead, self._calls).delete(
                _about(event_id)
            )
        except ClientError as exc:
            log.warning("dead letters are not looked through: %s", type(exc).__name__)
            return
        if looked.left:
            raise StoreError("a dead letter was not deleted")


def _about(event_id: str) -> Callable[[str], bool]:
    """A predicate that tells whether a queued turn is a run of that question."""

    def about(text: str) -> bool:
        try:
            return post_of(loads(text).event_id) == post_of(event_id)
        except ValueError:
            return False

    return about
