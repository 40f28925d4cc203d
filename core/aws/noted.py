"""Turns that are about to be queued, noted in the table, so that one that nobody takes is seen.

A queue that feeds Lambda hides a message for half an hour from when it is handed over. A worker
that dies before its own code runs leaves it hidden, and its conversation waits behind it.
`core.aws.claims` has the notes: whoever takes the turn overwrites its note, and settling it deletes
it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from core.aws.calls import translated
from core.aws.claims import OPEN
from core.aws.items import encode
from core.aws.sqs import body
from core.conversation import Incoming
from core.ports import StoreError

log = logging.getLogger(__name__)

KEPT = 86_400
"""Seconds that a note stays of what nobody takes."""


class Notes:
    """For receivers: blocking, and from any thread. `clock`: seconds since 1970."""

    def __init__(self, dynamodb: Any, table: str, clock: Callable[[], float]) -> None:
        self._db = dynamodb
        self._table = table
        self._clock = clock

    def note(self, item: Incoming) -> None:
        """Notes a turn; without a note it is queued all the same, so a failure is only logged."""
        now = self._clock()
        noted = {
            "pk": OPEN,
            "sk": item.event_id,
            "since": now,
            "incoming": body(item),
            "ttl": int(now + KEPT),
        }
        try:
            with translated():
                self._db.put_item(TableName=self._table, Item=encode(noted))
        except (StoreError, ClientError) as exc:
            log.warning("a turn is not noted: %s", type(exc).__name__)
