"""Sending to a FIFO queue: messages of concurrent callers share SendMessageBatch calls.

A message is sent at once while one of a few calls is free, by SendMessage; what comes while all are
busy shares the next call. `send` returns once its own message is in the queue. A batch has one
message of a group, and the group's next message waits for it, so that a message that fails changes
no order.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from core.aws.access.calls import translated
from core.ports.store_error import StoreError

MOST = 10
"""The most messages in one call.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""
BYTES = 262_144
"""The most bytes in one call, which is also the largest message."""
SIDE_BY_SIDE = 4
"""Concurrent calls: one that hangs delays no other conversation."""


class _Fate(Enum):
    WAITS = auto()
    IN_FLIGHT = auto()
    SENT = auto()
    REFUSED = auto()
    """In a batch. Sent alone, it succeeds or gets an error of its own."""
    FAILED = auto()


@dataclass(slots=True, eq=False)
class _Entry:
    message: Mapping[str, str]
    fate: _Fate = _Fate.WAITS
    error: str = ""
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.message["MessageBody"].encode())

    @property
    def group(self) -> str:
        return self.message["MessageGroupId"]


class BatchingSender:
    """Sends to the queue at `url`, from any thread."""

    def __init__(self, sqs: Any, url: str, side_by_side: int = SIDE_BY_SIDE) -> None:
        self._sqs = sqs
        self._url = url
        self._free = side_by_side
        """Calls that may be started now."""
        self._changed = threading.Condition()
        self._waiting: list[_Entry] = []
        self._groups: set[str] = set()
        """Message groups with a message in flight."""

    @property
    def waiting(self) -> int:
        """The number of messages that are in no call yet."""
        return len(self._waiting)

    def send(self, message: Mapping[str, str]) -> None:
        """Block until the message is in the queue. `message`: SendMessage's arguments, without
        the queue.

        Raises StoreError, or botocore's error for this message.
        """
        entry = _Entry(message)
        try:
            self._share_calls(entry)
            if entry.fate is _Fate.REFUSED:
                with translated():
                    self._sqs.send_message(QueueUrl=self._url, **message)
        finally:
            with self._changed:
                self._groups.discard(entry.group)
                if any(each.group == entry.group for each in self._waiting):
                    self._changed.notify_all()
        if entry.fate is _Fate.FAILED:
            raise StoreError(entry.error)

    def _share_calls(self, entry: _Entry) -> None:
        """Make calls, with whichever messages are next, until this one has been in a call."""
        with self._changed:
            self._waiting.append(entry)
        while batch := self._next_batch(entry):
            try:
                self._send_batch(batch)
            finally:
                with self._changed:
                    self._free += 1
                    self._changed.notify_all()

    def _next_batch(self, entry: _Entry) -> list[_Entry]:
        """The next batch, once a call is free for it; empty once this message was in a call."""
        with self._changed:
            while entry.fate in {_Fate.WAITS, _Fate.IN_FLIGHT}:
                if self._free and (batch := self._take()):
                    self._free -= 1
                    return batch
                self._changed.wait()
        return []

    def _take(self) -> list[_Entry]:
        """Take the messages of the next call, in order of arrival, one of each group."""
        batch: list[_Entry] = []
        size = 0
        for entry in self._waiting:
            if entry.group in self._groups:
                continue
            size += entry.size
            if batch and size > BYTES:
                break
            self._groups.add(entry.group)
            entry.fate = _Fate.IN_FLIGHT
            batch.append(entry)
            if len(batch) == MOST:
                break
        self._waiting = [each for each in self._waiting if each.fate is _Fate.WAITS]
        return batch

    def _send_batch(self, batch: Sequence[_Entry]) -> None:
        """Make one call, and record what became of each message in it."""
        ends = [_Fate.REFUSED] * len(batch)
        error = ""
        try:
            with translated():
                if len(batch) == 1:
                    self._sqs.send_message(QueueUrl=self._url, **batch[0].message)
                    ends = [_Fate.SENT]
                else:
                    entries = [{**e.message, "Id": str(n)} for n, e in enumerate(batch)]
                    answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
                    for sent in answer.get("Successful", ()):
                        ends[int(sent["Id"])] = _Fate.SENT
        except StoreError as exc:
            ends = [_Fate.FAILED] * len(batch)
            error = str(exc)
        except (BotoCoreError, ClientError):
            pass  # one message may be the cause: each is sent alone
        finally:
            for each, end in zip(batch, ends, strict=True):
                each.error = error
                each.fate = end
