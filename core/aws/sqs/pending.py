"""Turns that are about to be queued, noted in the table, so that one that nobody takes is seen.

A queue that feeds Lambda hides a message for half an hour from when it is handed over. A worker
that dies before its own code runs leaves it hidden, and its conversation waits behind it.
`core.aws.dynamodb.claims` has the notes: whoever takes the turn deletes its text from the note, and
settling it deletes the note. What was not said to us is not noted, so that its text is kept
nowhere: but for files that are read wherever they are shared, where nobody refused that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from core.aws.access.calls import translated
from core.aws.access.items import encode
from core.aws.dynamodb.claim_rows import OPEN
from core.aws.dynamodb.place_settings import auto_key, auto_of
from core.aws.sqs.turns import body
from core.ports.store_error import StoreError
from core.values.conversation import Incoming

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
        try:
            with translated():
                if item.addressed or (item.attachments and self._auto(item)):
                    self._put(item)
        except (StoreError, ClientError) as exc:
            log.warning("a turn is not noted: %s", type(exc).__name__)

    def _auto(self, item: Incoming) -> bool:
        key = encode(auto_key(item.conversation.place))
        return auto_of(self._db.get_item(TableName=self._table, Key=key))

    def _put(self, item: Incoming) -> None:
        now = self._clock()
        noted = {
            "pk": OPEN,
            "sk": item.event_id,
            "since": now,
            "noted": True,
            "incoming": body(item),
            "ttl": int(now + KEPT),
        }
        self._db.put_item(TableName=self._table, Item=encode(noted))
