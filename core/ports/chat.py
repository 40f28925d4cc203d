"""The port to a chat platform, and the errors that it raises.

ChatError            the platform refused the call
  RateLimited        wait `retry_after` seconds
  Gone               the message or channel no longer exists
  Forbidden          the token may not do this (revoked, not in the channel, archived)
    Uneditable       this message can no longer be edited; others can be posted
  Stopped            the person stopped the answer on the platform itself
  TooLong            the text does not fit in a message
  Unreachable        no response, or a transient error: retry
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.ports.file_sources import FileStore
from core.values.answer import Message, MessageId, Rendered
from core.values.conversation import Incoming, Person, Rights, Scope


class ChatError(Exception):
    """A chat platform refused a call."""


class RateLimited(ChatError):
    """The platform's rate limit was hit (HTTP 429): retry after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"rate limited for {retry_after} s")
        self.retry_after = retry_after


class Gone(ChatError):
    """The message or the channel no longer exists."""


class Forbidden(ChatError):
    """The token may not make this call: it was revoked, the app is not in the channel, or the
    channel is archived.

    `needs` is the key of what is missing (`need.*` in `core.wording.catalogue`), and behind it
    the name that its text has; empty if nothing would help.
    """

    def __init__(self, message: str, needs: str = "") -> None:
        super().__init__(message)
        self.needs = needs


class Uneditable(Forbidden):
    """This message can no longer be edited, but new ones can still be posted."""


class Stopped(ChatError):
    """The person stopped the answer on the platform itself."""


class TooLong(ChatError):
    """The text exceeds what the platform accepts in one message."""


class Unreachable(ChatError):
    """The platform did not respond, or failed with a transient error: retry."""


class Surface(Protocol):
    """How a platform renders text, and how much of it fits in a message."""

    @property
    def limit(self) -> int:
        """The largest `size` that fits in one message."""
        ...

    def size(self, markdown: str) -> int:
        """The length of `markdown` once rendered, in characters as the platform counts them."""
        ...


class Chat(FileStore, Protocol):
    """One conversation on one platform. Every method that calls the platform raises ChatError."""

    @property
    def surface(self) -> Surface:
        """How the platform renders text."""
        ...

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        """Post to the conversation. `mark` is stored invisibly with the message, for `find`."""
        ...

    async def find(self, mark: str) -> Sequence[MessageId]:
        """Our own recent messages that carry `mark`, oldest first.

        Finds messages that were posted but whose ids may not have been recorded.
        """
        ...

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        """Replace the content of one of our messages."""
        ...

    async def delete(self, message_id: MessageId) -> None:
        """Delete one of our messages."""
        ...

    async def post_ephemeral(self, person: Person, message: Rendered) -> None:
        """Show a message to one person only."""
        ...

    async def thread(self, limit: int) -> Sequence[Message]:
        """The latest `limit` messages of the conversation, oldest first."""
        ...

    async def audience(self, person: Person) -> frozenset[Scope]:
        """The places whose documents `person` may see in this conversation."""
        ...

    async def outsider(self, person: Person) -> bool:
        """Whether a person is a guest, or belongs to another workspace or tenant.

        A person who cannot be shown to be a member counts as an outsider. Raises ChatError when
        the platform does not answer.
        """
        ...

    async def rights(self, person: Person) -> Rights:
        """Whether a person administers this place, or the whole workspace."""
        ...

    async def name(self, person: Person) -> str:
        """A person's display name, empty if unknown."""
        ...

    async def completed(self, question: Incoming) -> Incoming:
        """The question with all its files, if its event did not carry them (`files_unresolved`)."""
        ...

    async def nearby(self, limit: int) -> Sequence[Message]:
        """Recent messages in the channel around this conversation."""
        ...
