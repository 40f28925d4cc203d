"""How the core claims, queues and looks up turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ports.store_error import StoreError
from core.values.answer import MessageId
from core.values.conversation import Command, Incoming


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer one event until the lease ends.

    `message_ids` are those an earlier worker had already posted for it, oldest first; `incoming`
    is the question as that worker left it, with what its answer had said.
    """

    event_id: str
    owner: str
    message_ids: tuple[MessageId, ...] = ()
    attempt: int = 1
    incoming: str = ""


class Lost(StoreError):
    """The lease ran out and somebody else answers now."""


class Withdrawn(Lost):
    """The question was deleted: nobody answers it, and its answer is to go."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an event that was claimed. `incoming` is its queued JSON."""

    event_id: str
    incoming: str
    message_ids: tuple[MessageId, ...]
    settled: bool
    lease_until: float


class Busy(Exception):
    """Somebody else holds the claim: come back in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"claimed elsewhere for {retry_after:.0f} s more")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Orphan:
    """A turn that is to be queued anew: its worker is gone, or never began.

    The claim's attempt is 0 where no worker ever took it. `behind` are the turns of its
    conversation that its lost message holds up, in their order. `times` counts how often it was
    queued anew since it was taken.
    """

    claim: Claim
    incoming: str
    behind: tuple[str, ...] = ()
    times: int = 0


class HandedOn(Exception):
    """A worker's time is up: its claim is released, and whoever takes the same message next goes
    on. `leftovers` are messages to be deleted.
    """

    def __init__(self, leftovers: Sequence[MessageId] = ()) -> None:
        super().__init__("the rest is for another worker")
        self.leftovers = leftovers


class Claims(Protocol):
    async def take(self, event_id: str, incoming: str = "") -> Claim | None:
        """The claim, or None when the event is settled. Raises Busy while another holds it."""
        ...

    async def renew(self, claim: Claim) -> bool:
        """Lengthens the lease; True when somebody asked to stop."""
        ...

    async def posted(self, claim: Claim, message_ids: Sequence[MessageId]) -> None: ...
    async def release(self, claim: Claim, incoming: str, *, anew: bool) -> None:
        """Ends the lease at once: others may go on with `incoming`. `anew`: tries are counted from
        the first again."""
        ...

    async def settle(self, claim: Claim) -> None: ...
    async def withdraw(self, event_id: str) -> Sequence[MessageId]:
        """Forgets a question that was deleted, with all runs of its answer: from now on nobody
        answers it, whoever does so is stopped, and nothing of what was asked is kept. Returns the
        messages that answered it. Safe to repeat."""
        ...

    async def stop(self, event_id: str) -> bool:
        """Asks whoever answers this event to stop; False when nobody does."""
        ...

    async def read(self, event_id: str) -> Record | None: ...
    async def orphans(self) -> Sequence[Orphan]: ...
    async def requeued(self, event_id: str) -> None:
        """Keeps that an orphan was queued anew just now, for it to be none for a while."""
        ...

    async def ignore(self, event_id: str) -> None:
        """Ends an event that nobody is to answer; nothing of what was said is kept."""
        ...


class Turns(Protocol):
    """The queue from receivers to workers."""

    async def put(self, item: Incoming | Command, *, again: str = "", aside: str = "") -> None:
        """Queues it. `again` makes a repeated put (a retry button) distinct from the first.

        `aside` names a line of its own, past those of its conversation that wait behind a message
        which nobody handles.
        """
        ...


class DeadTurns(Protocol):
    """Questions that were given up, and wait for an operator."""

    async def withdraw(self, event_id: str) -> None:
        """Deletes one that was deleted at its platform, in all its runs."""
        ...
