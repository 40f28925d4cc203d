"""Decides which rows of the table belong to a workspace, a channel or a person to be erased. Pure.

A row's key contains its place, which identifies the rows of a workspace or channel. A person's
questions and files are identified by their id in the row, and rows that depend on a question by its
event id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.values.conversation import LIBRARY, Incoming, Kind, loads
from core.values.documents import DocumentId
from core.values.runs import post_of

Row = Mapping[str, Any]
NEEDED = (
    "pk", "sk", "event", "person", "asker", "direct", "incoming", "lease", "settled", "gone",
    "sharer_id", "state",
)  # fmt: skip
"""The attributes of a row that have to be read."""
KINDS = {
    "turn": "exchanges",
    "settings": "settings",
    "feedback": "ratings",
    "claim": "claims",
    "open": "claims",
    "stop": "claims",
    "waiting": "claims",
    "files": "files",
    "post": "files' references",
    "quoted": "files' references",
    "file": "files' references",
    "left": "departures",
    "joined": "departures",
    "erasing": "files' references",
    "budget": "counted calls",
}
"""The names of rows in a report, by the prefix of their key."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be erased.

    `prefix`: `{platform}/{tenant}`, with or without `/{channel}`. `person`: their id, empty to
    erase everything there; `name` identifies them in exchanges that were stored without ids.
    """

    prefix: str
    person: str = ""
    name: str = ""


def within(name: str, prefix: str) -> bool:
    """Whether a name is that of a place, or of something in it."""
    return name.startswith(prefix) and name[len(prefix) : len(prefix) + 1] in ("", "/", "#", "~")


def kind_of(row: Row) -> str:
    """The name of a row's kind in a report."""
    if row["pk"] == "open" and "incoming" in row:
        return "waiting questions"
    return KINDS.get(row["pk"].partition("#")[0], "other rows")


def held(row: Row, now: float) -> bool:
    """Whether a row is the claim of an answer in progress."""
    of_claim = row["pk"].startswith("claim#")
    return of_claim and not row.get("settled", True) and float(row.get("lease", 0.0)) > now


@dataclass(slots=True)
class Wanted:
    """Recognises a target's rows; for a person, only after `learn` has seen every row."""

    target: Target
    posts: set[str] = field(default_factory=set)
    """The event ids of the person's questions."""
    direct: set[str] = field(default_factory=set)
    """The places of their direct chats with us."""
    documents: set[DocumentId] = field(default_factory=set)
    untold: int = 0
    """Exchanges that do not say who asked."""

    def learn(self, row: Row) -> None:
        """Note what a row says about the person's questions, files and direct chats."""
        if not self.target.person or not self._inside(row):
            return
        kind, _, rest = row["pk"].partition("#")
        match kind:
            case "claim" | "open":
                asked = _incoming(row)
                if asked is not None and asked.person.id == self.target.person:
                    self._asked(asked.event_id, asked.conversation.place, asked.conversation.kind)
            case "turn" if self._speaks(row):
                direct = Kind.DIRECT if row.get("direct") else Kind.CHANNEL
                self._asked(row["event"], rest.rpartition("/")[0], direct)
            case "files" if row.get("sharer_id") == self.target.person:
                self.documents.add(DocumentId(rest, row["sk"]))

    def takes(self, row: Row) -> bool:
        """Whether a row is to be erased."""
        if not self._inside(row) or _over(row):
            return False
        if not self.target.person:
            return True
        kind, _, rest = row["pk"].partition("#")
        if any(within(each, place) for each in _names(row) for place in self.direct):
            return True
        match kind:
            case "turn":
                return row["event"] in self.posts
            case "claim":
                return post_of(rest) in self.posts
            case "open" | "stop" | "waiting":
                return post_of(row["sk"]) in self.posts
            case "feedback":
                return bool(row["sk"] == self.target.person or post_of(rest) in self.posts)
            case "files":
                return DocumentId(rest, row["sk"]) in self.documents
            case "post":
                return DocumentId(rest.rpartition("/")[0], row["sk"]) in self.documents
            case "erasing":
                return _quoted(row["sk"]) in self.documents
            case "quoted":
                known = _quoted(rest)
                return known in self.documents or row["sk"].rpartition("/")[0] in self.direct
            case "file":
                return DocumentId(row["sk"], rest.rpartition("/")[2]) in self.documents
        return False

    def leaves_open(self, row: Row) -> bool:
        """Whether an exchange does not say who asked, as it is older than the attribute `asker`."""
        if not self.target.person or self.target.name or not row["pk"].startswith("turn#"):
            return False
        told = row.get("asker") or row.get("gone")
        return self._inside(row) and not told and not self.takes(row)

    def message(self, body: str) -> bool:
        """Whether a queued turn is about the target."""
        try:
            item = loads(body)
        except ValueError:
            return False
        place, person = item.conversation.place, self.target.person
        if not within(place, self.target.prefix):
            return False
        return not person or item.person.id == person or place in self.direct

    def document(self, known: DocumentId) -> bool:
        """Whether a document is to be erased."""
        if not within(known.place, self.target.prefix):
            return False
        if not self.target.person:
            return True
        return known in self.documents or known.place in self.direct

    def places(self) -> frozenset[str]:
        """The places to be erased entirely; for a workspace, `{platform}/{tenant}`."""
        return frozenset(self.direct) if self.target.person else frozenset({self.target.prefix})

    def _inside(self, row: Row) -> bool:
        return any(within(each, self.target.prefix) for each in _names(row))

    def _speaks(self, row: Row) -> bool:
        asker = row.get("asker", "")
        if not asker and self.target.name:
            return bool(row.get("person") == self.target.name)
        return bool(asker == self.target.person)

    def _asked(self, event: str, place: str, kind: Kind) -> None:
        self.posts.add(post_of(event))
        if kind is Kind.DIRECT:
            self.direct.add(place)


def _over(row: Row) -> bool:
    """Whether a row only records that a question was erased before it was answered."""
    return row["pk"].startswith("claim#") and bool(row.get("gone"))


def _names(row: Row) -> tuple[str, ...]:
    kind, _, rest = row["pk"].partition("#")
    if kind == "budget":  # its `sk` is `{quota}#{channel}#{thread}`
        channel = row["sk"].split("#")[1]
        return (f"{rest}/{channel}" if channel else rest,)
    # `file#{tenant}/{file}` has its place in `sk`; a file and a channel may have the same id
    return (row["sk"],) if kind == "file" else (rest, row["sk"])


def _quoted(name: str) -> DocumentId:
    """The document of a key `{place}/{file}`; a place has two slashes, except the library."""
    if within(name, LIBRARY.prefix):
        return DocumentId(LIBRARY.prefix, name.removeprefix(f"{LIBRARY.prefix}/"))
    platform, tenant, channel, *file = name.split("/", 3)
    return DocumentId(f"{platform}/{tenant}/{channel}", "".join(file))


def _incoming(row: Row) -> Incoming | None:
    try:
        item = loads(row.get("incoming", ""))
    except ValueError:
        return None
    return item if isinstance(item, Incoming) else None
