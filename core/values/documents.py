"""Documents and their parts: frozen values that ingestion makes and retrieval reads."""

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
    """Where in a document something stands. Numbers count from 1; `last` is included.

    `unit` says what `first` and `last` count, empty if nothing. `sheet` is a spreadsheet's sheet,
    `headings` the path of headings above, `name` a function or class.
    """

    unit: Unit = ""
    first: int = 0
    last: int = 0
    sheet: str = ""
    headings: tuple[str, ...] = ()
    name: str = ""

    @property
    def label(self) -> str:
        """As a source reads after the file's name: `p. 12`, `Sales, rows 2–40`, `lines 3–9`."""
        span = str(self.first) if self.last <= self.first else f"{self.first}–{self.last}"
        match self.unit:
            case "page":
                where = f"{'p.' if self.last <= self.first else 'pp.'} {span}"
            case "slide":
                where = f"{'slide' if self.last <= self.first else 'slides'} {span}"
            case "rows" | "lines":
                unit = self.unit.removesuffix("s") if self.last <= self.first else self.unit
                where = f"{unit} {span}"
            case _:
                where = ""
        what = self.name or self.sheet or ("" if where else " › ".join(self.headings))
        return ", ".join(each for each in (what, where) if each)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text that belongs together: a paragraph, table, function or heading.

    `text` is Markdown or plain text without invisible characters. A heading has its `level`, from
    1; the readers leave `Locator.headings` empty, the chunker fills it in.
    """

    text: str
    locator: Locator = field(default_factory=Locator)
    kind: Literal["text", "heading", "table", "code"] = "text"
    level: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, or a page that is one, for Claude to read. `data` is PNG or JPEG."""

    data: bytes
    media_type: str
    locator: Locator = field(default_factory=Locator)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is searched: about 400 tokens. Chunks do not overlap and, joined, are the document.

    `ordinal` counts from 0. `first` and `last` are the ordinals of its parent, the stretch of about
    2,000 tokens that goes into a prompt. `glue` goes before `text` when chunks are joined.
    """

    ordinal: int
    text: str
    locator: Locator
    first: int
    last: int
    glue: str = "\n\n"


class State(StrEnum):
    """Of a document, in order. `waiting` for its turn, then read, then searchable, or not."""

    RECEIVED = "received"
    EXTRACTING = "extracting"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class DocumentId(NamedTuple):
    """`place` is a scope's prefix, `file` the document within it."""

    place: str
    file: str

    @property
    def short(self) -> str:
        """The same in 24 hexadecimal digits, for ids in the index."""
        return hashlib.sha256(f"{self.place}\n{self.file}".encode()).hexdigest()[:24]

    @property
    def scope(self) -> Scope:
        return Scope(self.place)


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a file: the manifest's row.

    `version` is the S3 sequencer whose chunks are searchable, `seen` the newest one that was
    noticed, `etag` its object's. `tries` counts how often it was queued anew since it was written.
    `pages` counts pages, slides or sheets, `done` of `total` is progress in the present state.
    `sharer` is a name, `shared_at` seconds since the epoch, `link` the file's address at its
    platform, `message` the post it came with, `thread` the thread of that (`-` in a chat without
    any, empty where it is not known). `digest` is the SHA-256 of the bytes that were fetched.
    `forgotten`: it was deleted by a person, not in the bucket. `origins` are the places that it is
    shared in, where it was only linked to from here. `source` is where its platform keeps it and
    `source_version` what was read there, empty where the platform tells of changes by itself. What
    somebody had us erase is deleted as well, but can be brought back until `erase_at`, in seconds
    since the epoch; `erased_by` is who that was.
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
        """Whether who may see `scopes` may see it: what was linked to, only with an origin of it.

        Nobody may see what is deleted.
        """
        if self.state is State.DELETED or self.id.scope not in scopes:
            return False
        return not self.origins or any(Scope(each) in scopes for each in self.origins)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that goes into a prompt, numbered from 1 there.

    `weak`: it is the nearest that was found, and yet not near.
    """

    document: Document
    text: str
    locator: Locator
    score: float = 0.0
    weak: bool = False


def quoted(documents: Iterable[Document]) -> Quoted:
    """What an answer quotes that is made from these."""
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
    """The document and its name that an object key stands for, None if it is no document's."""
    head, _, path = key.partition("/")
    if head == LIBRARY.prefix:
        name = path.rpartition("/")[2]
        return (DocumentId(LIBRARY.prefix, path), name) if name else None
    parts = key.split("/", 4)
    if len(parts) < 5 or not all(parts):
        return None
    return DocumentId("/".join(parts[:3]), parts[3]), parts[4].rpartition("/")[2] or parts[4]


def searched(name: str, chunk: Chunk) -> str:
    """What is indexed and embedded of a chunk: its text under the file's name and its headings."""
    above = " › ".join([name, *chunk.locator.headings])
    return f"{above}\n{chunk.text}"
