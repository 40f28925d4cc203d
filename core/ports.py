"""How the core reaches the world, and what can go wrong there.

ChatError            the platform refused
  RateLimited        wait `retry_after` seconds
  Gone               the message or channel is no longer there
  Forbidden          the token may not do this (revoked, not in channel, archived)
  TooLong            the text does not fit a message
  Unreachable        no answer, or a passing fault: try again
ModelError           the model did not finish
  Overloaded         throttled in every region: try again later
  Refused            the request itself is not acceptable (too long, no access)
  Broken             the stream ended early; what came before stays
StoreError           a store or queue did not answer: try again later
  Rejected           the index does not take this document, now or later
Missing              there is no such object
TooLarge             a file has more bytes than may be stored
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Protocol

from core.answer import Delta, MessageId, Prompt, Rendered, Turn, Usage
from core.conversation import Attachment, Command, Incoming, Person, Scope
from core.documents import Chunk, Document, DocumentId, Locator, Passage, State


class ChatError(Exception):
    """A chat platform refused a call."""


class RateLimited(ChatError):
    def __init__(self, retry_after: float) -> None:
        super().__init__(f"rate limited for {retry_after} s")
        self.retry_after = retry_after


class Gone(ChatError):
    pass


class Forbidden(ChatError):
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


class Chat(Protocol):
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
    def open(self, attachment: Attachment) -> AsyncIterator[bytes]: ...


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


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer one event until the lease ends.

    `message_ids` are those an earlier worker had already posted for it, oldest first.
    """

    event_id: str
    owner: str
    message_ids: tuple[MessageId, ...] = ()
    attempt: int = 1


class Lost(StoreError):
    """The lease ran out and somebody else answers now."""


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
    """An answer whose worker is gone: its lease ended long ago and it never settled."""

    claim: Claim
    incoming: str


class Claims(Protocol):
    async def take(self, event_id: str, incoming: str = "") -> Claim | None:
        """The claim, or None when the event is settled. Raises Busy while another holds it."""
        ...

    async def renew(self, claim: Claim) -> bool:
        """Lengthens the lease; True when somebody asked to stop."""
        ...

    async def posted(self, claim: Claim, message_ids: Sequence[MessageId]) -> None: ...
    async def settle(self, claim: Claim) -> None: ...
    async def stop(self, event_id: str) -> bool:
        """Asks whoever answers this event to stop; False when nobody does."""
        ...

    async def read(self, event_id: str) -> Record | None: ...
    async def orphans(self) -> Sequence[Orphan]: ...


class History(Protocol):
    async def recent(self, conversation: str, tokens: int) -> Sequence[Turn]:
        """The newest turns that fit `tokens`, oldest first."""
        ...

    async def append(
        self, conversation: str, event_id: str, question: Turn, answer: Turn, usage: Usage
    ) -> None:
        """Keeps one exchange; keeping the same event again replaces it."""
        ...


class PlaceSettings(Protocol):
    """What people chose for a channel or direct chat."""

    async def model(self, place: str) -> str | None: ...
    async def choose_model(self, place: str, model: str) -> None: ...


class Feedback(Protocol):
    async def rate(self, event_id: str, person: str, value: str) -> None: ...


class Turns(Protocol):
    """The queue from receivers to workers."""

    async def put(self, item: Incoming | Command, *, again: str = "") -> None:
        """Queues it. `again` makes a repeated put (a retry button) distinct from the first."""
        ...


class Missing(Exception):
    """There is no such object."""


class TooLarge(Exception):
    """More bytes than may be stored."""


class Rejected(Exception):
    """The index does not take what it was given."""


class Vault(Protocol):
    """Where files are kept."""

    async def store(
        self, key: str, pieces: AsyncIterator[bytes], media_type: str, limit: int
    ) -> int:
        """Keeps a stream of at most `limit` bytes and returns its size. Raises TooLarge."""
        ...

    async def fetch(self, key: str, path: Path, limit: int) -> int:
        """Copies the object as it is now to a file. Raises Missing or TooLarge."""
        ...

    async def has(self, key: str) -> bool: ...
    async def forget(self, prefix: str, *, keep: str = "") -> None:
        """Removes every version of all objects under `prefix`, but those of the key `keep`."""
        ...


class Manifest(Protocol):
    """The truth about documents. A chunk counts only if its version is the document's `version`.

    Sequencers are S3's, as `core.aws.manifest.comparable` makes them; those of one key have an
    order.
    """

    async def get(self, ids: Iterable[DocumentId]) -> Mapping[DocumentId, Document]: ...
    async def of_place(self, place: str, limit: int) -> Sequence[Document]: ...
    async def of_message(self, place: str, message: str) -> Sequence[Document]:
        """The documents that came with one post."""
        ...

    async def register(self, document: Document) -> None:
        """Notes a shared file before its bytes are stored."""
        ...

    async def see(self, document: DocumentId, key: str, name: str, seen: str, size: int) -> bool:
        """Notes a written object; False if it is done already or a newer one was noticed."""
        ...

    async def progress(
        self,
        document: DocumentId,
        seen: str,
        state: State,
        *,
        done: int = 0,
        total: int = 0,
    ) -> bool:
        """How far the reading of this version is; False if it was overtaken or deleted."""
        ...

    async def ready(self, document: DocumentId, seen: str, *, pages: int, chunks: int) -> bool:
        """From now on this version's chunks count, and no others. False as in `progress`."""
        ...

    async def fail(self, document: DocumentId, seen: str, reason: str) -> bool: ...
    async def removed(self, document: DocumentId, key: str, seen: str) -> bool:
        """Notes a removed object; False if a newer one was noticed, or another key's."""
        ...

    async def refuse(self, document: DocumentId, reason: str) -> None:
        """Notes that a shared file could not be had."""
        ...

    async def forget(self, document: DocumentId) -> None:
        """Deleted by a person, whatever its version."""
        ...


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a leg of the search found; `score` is that leg's own."""

    document: DocumentId
    version: str
    ordinal: int
    first: int
    last: int
    locator: Locator
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """Both legs, best first. `vector` scores are cosines, `words` BM25, at most `most` for this
    question."""

    vector: Sequence[Hit]
    words: Sequence[Hit]
    most: float


class Index(Protocol):
    """Where chunks are searched."""

    async def put(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Writes chunks; the same ones again replace themselves. Raises Rejected, StoreError."""
        ...

    async def settle(self) -> None:
        """Returns when all that was put can be found."""
        ...

    async def delete(self, document: DocumentId, *, before: str = "", only: str = "") -> None:
        """Removes a document's chunks: all, those of versions `before` one, or `only` one's."""
        ...

    async def search(
        self,
        question: str,
        vector: Sequence[float],
        scopes: frozenset[Scope],
        most: float,
        *,
        only: Collection[DocumentId] = (),
    ) -> Found: ...
    async def most(self, question: str) -> float:
        """The best BM25 score that any chunk could have for a question."""
        ...

    async def texts(
        self, wanted: Sequence[tuple[DocumentId, str, int, int]]
    ) -> Sequence[Sequence[Chunk]]:
        """The chunks of each (document, version, first, last), in order; missing ones left out."""
        ...


class Embeddings(Protocol):
    async def embed(
        self, texts: Sequence[str], *, query: bool = False
    ) -> Sequence[Sequence[float]]: ...


class Library(Protocol):
    async def search(
        self,
        question: str,
        scopes: frozenset[Scope],
        *,
        only: Collection[DocumentId] = (),
        limit: int = 6,
    ) -> Sequence[Passage]:
        """The passages that answer a question, best first, of the documents `only` if there are
        any. Raises StoreError or ModelError."""
        ...

    async def read(self, document: Document) -> Sequence[Passage]:
        """A whole document, in order. Raises StoreError."""
        ...
