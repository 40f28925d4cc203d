"""How the core reaches a chat platform, and what can go wrong there.

ChatError            the platform refused
  RateLimited        wait `retry_after` seconds
  Gone               the message or channel no longer exists
  Forbidden          the token may not do this (revoked, not in the channel, archived)
    Uneditable       this message can no longer be edited; others can be posted
  Stopped            the person ended the answer on the platform itself
  TooLong            the text does not fit in a message
  Unreachable        no response, or a transient error: try again
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.ports.file_sources import FileStore
from core.values.answer import MessageId, Rendered, Turn
from core.values.conversation import Incoming, Person, Rights, Scope


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
