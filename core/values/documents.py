"""Documents and their parts: frozen values that ingestion creates and retrieval reads."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from core.values.conversation import LIBRARY, Quoted, Scope

Unit = Literal["", "page", "slide", "rows", "lines"]


@dataclass(frozen=True, slots=True)
class Locator:
    """A position in a document. Numbers count from 1; `last` is included.

    `unit` says what `first` and `last` count, empty if nothing. `sheet` is the name of a
    spreadsheet's sheet, `headings` the path of headings above, `name` a function or class.
    """

    unit: Unit = ""
    first: int = 0
    last: int = 0
    sheet: str = ""
    headings: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, table, function, heading or other unit of text.

    `text` is Markdown or plain text without invisible characters. A heading has a `level`, from 1;
    readers leave `Locator.headings` empty, and the chunker fills it in.
    """

    text: str
    locator: Locator = field(default_factory=Locator)
    kind: Literal["text", "heading", "table", "code"] = "text"
    level: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, or a page as an image, for Claude to read. `data` is PNG or JPEG."""

    data: bytes
    media_type: str
    locator: Locator = field(default_factory=Locator)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit of search: about 400 tokens. Chunks do not overlap; joined, they are the document.

    `ordinal` counts from 0. `first` and `last` are the ordinals of its parent, the span of about
    2,000 tokens that goes into a prompt. `glue` goes before `text` when chunks are joined.
    """

    ordinal: int
    text: str
    locator: Locator
    first: int
    last: int
    glue: str = "\n\n"


class State(StrEnum):
    """How far a document has come: received, being extracted, being embedded, then an end state."""

    RECEIVED = "received"
    EXTRACTING = "extracting"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class DocumentId(NamedTuple):
    """A document's id: `place` is its scope's prefix, `file` its id there."""

    place: str
    file: str

    @property
    def short(self) -> str:
        """A hash of the id in 24 hexadecimal digits, for the index."""
        return hashlib.sha256(f"{self.place}\n{self.file}".encode()).hexdigest()[:24]

    @property
    def scope(self) -> Scope:
        """The scope that the document belongs to."""
        return Scope(self.place)


@dataclass(frozen=True, slots=True)
class Document:
    """A file and its state: a row of the manifest.

    `version` is the S3 sequencer whose chunks are searchable, `seen` the newest known one, `etag`
    that of its object. `tries` counts how often it was queued again since it was written. `pages`
    counts pages, slides or sheets; `done` of `total` is the progress in the current state. `sharer`
    is a name, `shared_at` seconds since the epoch, `link` the file's URL on its platform, `message`
    the message it was attached to, `thread` that message's thread (`-` in a chat without threads,
    empty if unknown). `digest` is the SHA-256 of the fetched bytes. `forgotten`: it was deleted by
    a person, not in the bucket. `origins` are the places where it was shared, if it is only linked
    to here. `source` is its id in the platform's storage and `source_version` the version that was
    read, both empty if the platform reports changes in events. A document that a person had erased
    is deleted as well, but can be restored until `erase_at`, in seconds since the epoch;
    `erased_by` is that person.
    """

    id: DocumentId
    name: str
    key: str
    state: State = State.RECEIVED
    version: str = ""
    seen: str = ""
    reason: str = ""
    size: int = 0
    pages: int = 0
    chunks: int = 0
    done: int = 0
    total: int = 0
    sharer: str = ""
    sharer_id: str = ""
    shared_at: float = 0.0
    link: str = ""
    message: str = ""
    media_type: str = ""
    updated: float = 0.0
    etag: str = ""
    tries: int = 0
    forgotten: bool = False
    origins: tuple[str, ...] = ()
    thread: str = ""
    digest: str = ""
    source: str = ""
    source_version: str = ""
    erase_at: float = 0.0
    erased_by: str = ""

    def seen_by(self, scopes: Collection[Scope]) -> bool:
        """Whether a person who may see `scopes` may see this document.

        One that is only linked to also needs one of its origins in `scopes`. Nobody may see deleted
        documents.
        """
        if self.state is State.DELETED or self.id.scope not in scopes:
            return False
        return not self.origins or any(Scope(each) in scopes for each in self.origins)


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document that goes into a prompt, where passages are numbered from 1.

    `weak`: it is among the best that were found, but scores below the floor.
    """

    document: Document
    text: str
    locator: Locator
    score: float = 0.0
    weak: bool = False


def quoted(documents: Iterable[Document]) -> Quoted:
    """What an answer that is based on these documents quotes."""
    ids = frozenset((each.id.place, each.id.file) for each in documents)
    return Quoted(frozenset(place for place, _ in ids), ids)


def key_of(place: str, file: str, name: str) -> str:
    """The object key of a shared file: `{platform}/{tenant}/{channel}/{file}/{name}`.

    A name cannot leave its place: slashes and control characters become underscores, and it is cut
    so that the key stays within S3's 1,024 bytes.
    """
    safe = "".join("_" if c in "/\\" or ord(c) < 32 or ord(c) == 127 else c for c in name)
    safe = safe if safe.strip(". ") else f"_{safe}"
    room = 1000 - len(f"{place}/{file}/".encode())
    stem, dot, ending = safe.rpartition(".")
    tail = f"{dot}{ending}" if stem and len(ending.encode()) <= 16 else ""
    head = safe.removesuffix(tail).encode()[: room - len(tail.encode())].decode(errors="ignore")
    return f"{place}/{file}/{head}{tail}"


def document_of(key: str) -> tuple[DocumentId, str] | None:
    """The id and name of the document with an object key, None if it is not a document's key."""
    head, _, path = key.partition("/")
    if head == LIBRARY.prefix:
        name = path.rpartition("/")[2]
        return (DocumentId(LIBRARY.prefix, path), name) if name else None
    parts = key.split("/", 4)
    if len(parts) < 5 or not all(parts):
        return None
    return DocumentId("/".join(parts[:3]), parts[3]), parts[4].rpartition("/")[2] or parts[4]


def searched(name: str, chunk: Chunk) -> str:
    """The text that is indexed and embedded for a chunk: below the file's name and its headings."""
    above = " › ".join([name, *chunk.locator.headings])
    return f"{above}\n{chunk.text}"
