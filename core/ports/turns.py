"""The ports that claim, queue and look up turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ports.store_error import StoreError
from core.ports.waits import Wait
from core.values.answer import MessageId
from core.values.conversation import Command, Incoming
from core.values.documents import DocumentId


@dataclass(frozen=True, slots=True)
class Claim:
    """The exclusive right to answer one event until its lease expires.

    `message_ids` are the messages that an earlier worker posted for it, oldest first; `incoming` is
    the question as that worker left it, with the answer so far. `wait` is its last wait for
    documents.
    """

    event_id: str
    owner: str
    message_ids: tuple[MessageId, ...] = ()
    attempt: int = 1
    incoming: str = ""
    wait: Wait | None = None


class LeaseLost(StoreError):
    """The lease expired and another worker answers now."""


class Withdrawn(LeaseLost):
    """The question was deleted: nobody answers it, and its answer must be deleted."""


@dataclass(frozen=True, slots=True)
class Record:
    """The stored state of a claimed event. `incoming` is its JSON from the queue."""

    event_id: str
    incoming: str
    message_ids: tuple[MessageId, ...]
    completed: bool
    lease_until: float


class Busy(Exception):
    """Another worker holds the claim: retry in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"claimed elsewhere for {retry_after:.0f} s more")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Orphan:
    """A turn to be queued again: its worker died, or none ever took it.

    The claim's attempt is 0 if no worker ever took it. `behind` are the later turns of its
    conversation that its lost message blocks, in order. `times` counts how often it was queued
    again since it was last taken.
    """

    claim: Claim
    incoming: str
    behind: tuple[str, ...] = ()
    times: int = 0


class DeadlineReached(Exception):
    """The worker ran out of time and released its claim, so that the next worker continues.

    `leftovers` are messages to be deleted.
    """

    def __init__(self, leftovers: Sequence[MessageId] = ()) -> None:
        super().__init__("the rest is for another worker")
        self.leftovers = leftovers


class Claims(Protocol):
    """Ensures that one worker at a time answers an event. Methods raise StoreError."""

    async def take(self, event_id: str, incoming: str = "") -> Claim | None:
        """Claim an event; None if it is completed. Raises Busy while another worker holds it."""
        ...

    async def renew(self, claim: Claim) -> bool:
        """Extend the lease; True if somebody asked to stop the answer. Raises LeaseLost."""
        ...

    async def posted(self, claim: Claim, message_ids: Sequence[MessageId]) -> None:
        """Record the messages posted so far. Raises LeaseLost."""
        ...

    async def release(self, claim: Claim, incoming: str, *, anew: bool) -> None:
        """End the lease at once, so that another worker continues with `incoming`.

        `anew`: attempts are counted from one again. Raises LeaseLost.
        """
        ...

    async def await_documents(
        self,
        claim: Claim,
        incoming: str,
        message_ids: Sequence[MessageId],
        documents: Sequence[DocumentId],
    ) -> Wait:
        """End the lease until documents are read; the event stays open, and no attempt is counted.

        From now on `Waits.waiting_for` finds the event. `incoming` is the question to continue
        with, `message_ids` are the messages posted so far. Raises LeaseLost.
        """
        ...

    async def stopping(self, event_id: str) -> bool:
        """Whether somebody asked to stop an event that is not answered yet, whoever holds it."""
        ...

    async def complete(self, claim: Claim) -> None:
        """Mark the event as answered for good. Raises LeaseLost."""
        ...

    async def withdraw(self, event_id: str) -> Sequence[MessageId]:
        """Erase a deleted question, in all runs of its answer, and return the answer's messages.

        From now on no worker answers it, one that does is stopped, and nothing of the question is
        kept. Idempotent.
        """
        ...

    async def stop(self, event_id: str) -> bool:
        """Ask the worker that answers this event to stop; False if none does."""
        ...

    async def read(self, event_id: str) -> Record | None:
        """The state of an event, None if it was never claimed."""
        ...

    async def orphans(self) -> Sequence[Orphan]:
        """Turns that no worker handles any more, to be queued again."""
        ...

    async def requeued(self, event_id: str) -> None:
        """Record that an orphan was queued again, so that it is not one for a while."""
        ...

    async def ignore(self, event_id: str) -> None:
        """Complete an event that nobody needs to answer, and erase its text."""
        ...


class TurnQueue(Protocol):
    """The queue from receivers to workers."""

    async def enqueue(
        self, item: Incoming | Command, *, dedup_suffix: str = "", ordering_group: str = ""
    ) -> None:
        """Enqueue a question or command. Raises StoreError.

        `dedup_suffix` makes a repeated enqueue (a retry button) distinct from the first.
        `ordering_group` names a message group of its own, so that the item need not wait behind a
        message of its conversation that nobody handles.
        """
        ...


class DeadTurns(Protocol):
    """The dead-letter queue: questions that no worker could answer, for an operator to see."""

    async def withdraw(self, event_id: str) -> None:
        """Remove a question that was deleted on its platform, in all its runs."""
        ...
