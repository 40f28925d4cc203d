"""How the core reaches the world, and what can go wrong there.

ChatError            the platform refused
  RateLimited        wait `retry_after` seconds
  Gone               the message or channel is no longer there
  Forbidden          the token may not do this (revoked, not in channel, archived)
    Uneditable       this message can no longer be edited; others can be posted
  Stopped            the person ended the answer, at the platform itself
  TooLong            the text does not fit a message
  Unreachable        no answer, or a passing fault: try again
ModelError           the model did not finish
  Overloaded         throttled in every region: try again later
  Refused            the request itself is not acceptable (too long, no access)
  Broken             the stream ended early; what came before stays
StoreError           a store or queue did not answer: try again later

Those of documents are in `core.stores`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from core.answer import Delta, MessageId, Prompt, Rendered, Turn
from core.conversation import Command, Incoming, Person, Rights, Scope
from core.freshness import FileStore


class ChatError(Exception):
    """A chat platform refused a call."""


class RateLimited(ChatError):
    def __init__(self, retry_after: float) -> None:
        super().__init__(f"rate limited for {retry_after} s")
        self.retry_after = retry_after


class Gone(ChatError):
    pass


class Forbidden(ChatError):
    """`needs` names the right that is missing, as people call it; empty if none would help."""

    def __init__(self, message: str, needs: str = "") -> None:
        super().__init__(message)
        self.needs = needs


class Uneditable(Forbidden):
    """This message can no longer be edited, while another one can be posted."""


class Stopped(ChatError):
    pass


class TooLong(ChatError):
    pass


class Unreachable(ChatError):
    pass


class ModelError(Exception):
    """A model did not finish its answer."""


class Overloaded(ModelError):
    pass


class Refused(ModelError):
    pass


class Broken(ModelError):
    pass


class StoreError(Exception):
    """A store or queue did not answer."""


class Call(StrEnum):
    """The calls that a growing answer makes; each has a rate of its own."""

    POST = "post"
    EDIT = "edit"
    DELETE = "delete"


class Priority(IntEnum):
    FINAL = 0
    FIRST = 1
    PROGRESS = 2


class Surface(Protocol):
    """How text renders on a platform, and how much of it fits a message."""

    @property
    def limit(self) -> int: ...

    def size(self, markdown: str) -> int:
        """Characters (as the platform counts them) that `markdown` takes once rendered."""
        ...


class Chat(FileStore, Protocol):
    """One conversation on one platform."""

    @property
    def surface(self) -> Surface: ...
    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        """Posts to the conversation. `mark` is kept with the message, invisibly, for `find`."""
        ...

    async def find(self, mark: str) -> Sequence[MessageId]:
        """Our own recent messages that carry `mark`, oldest first: posted, perhaps not recorded."""
        ...

    async def edit(self, message_id: MessageId, message: Rendered) -> None: ...
    async def delete(self, message_id: MessageId) -> None: ...
    async def whisper(self, person: Person, message: Rendered) -> None:
        """Show something to one person only."""
        ...

    async def thread(self, limit: int) -> Sequence[Turn]: ...
    async def audience(self, person: Person) -> frozenset[Scope]: ...
    async def outsider(self, person: Person) -> bool:
        """Whether somebody is from outside: a guest, or of another workspace or tenant. Who is not
        known to be from inside is from outside. Raises ChatError where nobody says."""
        ...

    async def rights(self, person: Person) -> Rights: ...
    async def name(self, person: Person) -> str:
        """What people call somebody, empty if that is not known."""
        ...

    async def completed(self, question: Incoming) -> Incoming:
        """A `partial` question with all its files."""
        ...

    async def nearby(self, limit: int) -> Sequence[Turn]:
        """What people said lately in the channel around this conversation."""
        ...


class Model(Protocol):
    def stream(self, prompt: Prompt) -> AsyncIterator[Delta]: ...


class Budget(Protocol):
    """The calls one conversation may make, out of its workspace's.

    `answering()` is held while an answer runs: its final edit is reserved.
    """

    async def spend(self, call: Call, priority: Priority) -> None:
        """Returns when the call may be made."""
        ...

    def wait_for(self, call: Call, priority: Priority) -> float:
        """Seconds until such a call could be made, were it asked for now."""
        ...

    def pause(self, call: Call, seconds: float) -> None:
        """The platform said 429: nobody makes this call for `seconds`."""
        ...

    def answering(self) -> AbstractContextManager[None]: ...
    async def told(self) -> None:
        """Returns once other processes could know what changed here, to be at rest then."""
        ...


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
