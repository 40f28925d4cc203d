"""Records turns in the table before they are queued, so that one that no worker takes is noticed.

A queue that feeds Lambda hides a message for half an hour once it is delivered. If the worker dies
before its code runs, the message stays hidden, and its conversation waits behind it. The records
belong to `core.aws.dynamodb.claims`: the worker that takes a turn deletes its text from the record,
and completing the turn deletes the record. Messages that do not address us are not recorded, so
that their text is stored nowhere, except where they bring files that are read without a mention.
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
"""Seconds that the record of a turn is kept that no worker takes."""


class Notes:
    """Writes the records for receivers; blocking, callable from any thread.

    `clock` returns seconds since the epoch.
    """

    def __init__(self, dynamodb: Any, table: str, clock: Callable[[], float]) -> None:
        self._db = dynamodb
        self._table = table
        self._clock = clock

    def note(self, item: Incoming) -> None:
        """Record a turn. A failure is only logged, since the turn is queued in any case."""
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
