"""What people send us: frozen values, and their JSON form for the queue.

Every platform parses its own JSON into these once, at its edge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

EVERYWHERE = "-"
"""The channel of what is said of a whole workspace."""


class Kind(StrEnum):
    """Where a conversation takes place."""

    CHANNEL = "channel"
    GROUP = "group"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Scope:
    """One place whose documents may be seen: `{platform}/{tenant}/{channel}` or `library`."""

    prefix: str
    within: frozenset[str] = field(default=frozenset(), compare=False)
    """Other places that we can leave only together with this one: its team's channels."""


LIBRARY = Scope("library")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One line of talk: a channel thread, a group chat or a direct chat.

    `thread` is the platform's id of the thread's first message; None in a direct chat.
    """

    platform: str
    tenant: str
    channel: str
    thread: str | None
    kind: Kind

    @property
    def place(self) -> str:
        """The channel or direct chat: what settings and files belong to."""
        return f"{self.platform}/{self.tenant}/{self.channel}"

    @property
    def key(self) -> str:
        """The conversation: what history belongs to and what is answered in order."""
        return f"{self.place}/{self.thread or '-'}"

    @property
    def scope(self) -> Scope:
        return Scope(self.place)


@dataclass(frozen=True, slots=True)
class Person:
    """`outsider`: the message says that they belong to another organisation than the app's
    workspace. Whether somebody is a guest of ours no message says: `Chat.outsider` knows."""

    id: str
    name: str = ""
    outsider: bool = False


class Rights(StrEnum):
    """What somebody runs: nothing, the place (a channel's creator, a team's owner), all of it."""

    NONE = "none"
    PLACE = "place"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. `size` in bytes, 0 where the platform did not say.

    `url` is where its bytes are, `link` where people open it. `origins` are the places that a file
    is shared in which was only linked to here: who is in none of them may not see it. `source` is
    where its store has it for good and `version` what is there now, both empty where the store does
    not say; they are not queued.
    """

    id: str
    name: str
    media_type: str
    size: int
    url: str
    link: str = ""
    origins: tuple[str, ...] = ()
    source: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Quoted:
    """What an answer was made from.

    `scopes` are the places whose documents, or whose quotations in earlier answers, were in its
    prompt; `documents` names each of these as (place, file).
    """

    scopes: frozenset[str] = frozenset()
    documents: frozenset[tuple[str, str]] = frozenset()

    def __or__(self, other: Quoted) -> Quoted:
        return Quoted(self.scopes | other.scopes, self.documents | other.documents)


NOTHING_QUOTED = Quoted()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that asks for an answer.

    `event_id` names the *post*, not the delivery: `{place}/{message id}`. Two events for one post
    (Slack's `app_mention` beside `message`), and every retry of either, carry the same one.
    """

    event_id: str
    conversation: Conversation
    person: Person
    text: str
    message_id: str
    attachments: tuple[Attachment, ...] = ()
    in_thread: bool = False
    addressed: bool = True
    """Whether it was said to us; files are read also where they were only shared."""
    shown: tuple[str, ...] = ()
    """Messages of an earlier answer to the same post, which this one is to replace."""
    partial: bool = False
    """Whether it may have files that the platform tells of only when it is asked."""
    said: str = ""
    """What the answer had said when its worker ran out of time; the next one goes on there."""
    extra: dict[str, str] = field(default_factory=dict)
    """What the platform needs to be reached again, of no meaning to others."""
    private: bool = False
    """Whether only its writer and we see it, in a place where others are as well."""
    quoted: Quoted = NOTHING_QUOTED
    """What `said` was made from."""

    @property
    def history(self) -> str:
        """What its exchange is kept under: a private one is its person's own."""
        key = self.conversation.key
        return f"{key}~{self.person.id}" if self.private else key


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command or a button. `argument` is its text or value.

    `name`: `model`, `stop`, `retry`, `regenerate`, `feedback`. `target` is the message whose
    button was pressed, None for a slash command. `extra` as of `Incoming`.
    """

    event_id: str
    conversation: Conversation
    person: Person
    name: str
    argument: str = ""
    target: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    at: float = 0.0
    """When it happened by the platform's clock, in seconds since the epoch; 0 if not known."""


MORE = "more"
"""What `extra` has later fields under: versions before them refuse keys that they do not know."""


def dumps(item: Incoming | Command) -> str:
    """The queue's JSON for a message or command, which the version before can read as well."""
    data = asdict(item)
    more: dict[str, Any] = {"outsider": data["person"].pop("outsider")}
    if isinstance(item, Command):
        more["at"] = data.pop("at")
    else:
        more["private"] = data.pop("private")
        more["origins"] = {e["id"]: e.pop("origins") for e in data["attachments"]}
        more["origins"] = {file: places for file, places in more["origins"].items() if places}
        for each in data["attachments"]:
            del each["source"], each["version"]  # asked anew by whoever takes the files
        del data["quoted"]
        more["scopes"] = sorted(item.quoted.scopes)
        more["documents"] = sorted(item.quoted.documents)
    if more := {name: value for name, value in more.items() if value}:
        data["extra"] = {**item.extra, MORE: json.dumps(more, ensure_ascii=False)}
    return json.dumps({"type": type(item).__name__, **data}, ensure_ascii=False)


def loads(text: str) -> Incoming | Command:
    """The inverse of `dumps`. Raises ValueError for anything else."""
    try:
        data: dict[str, Any] = json.loads(text)
        kind = data.pop("type")
        where = data["conversation"]
        more = json.loads(data.get("extra", {}).pop(MORE, "{}"))
        data["conversation"] = Conversation(
            **{**_of(Conversation, where), "kind": Kind(where["kind"])}
        )
        person = {"outsider": bool(more.get("outsider")), **_of(Person, data["person"])}
        data["person"] = Person(**person)
        if kind == "Incoming":
            data["attachments"] = tuple(_attachment(each, more) for each in data["attachments"])
            data["shown"] = tuple(data.get("shown", ()))
            data["private"] = bool(more.get("private"))
            data["quoted"] = Quoted(
                frozenset(more.get("scopes", ())),
                frozenset((place, file) for place, file in more.get("documents", ())),
            )
            return Incoming(**_of(Incoming, data))
        if kind == "Command":
            data["at"] = float(more.get("at", 0.0))
            return Command(**_of(Command, data))
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"not a queued turn: {type(exc).__name__}") from exc
    raise ValueError(f"not a queued turn: type {kind!r}")


def _of(kind: type[Any], data: dict[str, Any]) -> dict[str, Any]:
    """Those keys that this version knows: a later one may write more."""
    known = {each.name for each in fields(kind)}
    return {key: value for key, value in data.items() if key in known}


def _attachment(data: dict[str, Any], more: Mapping[str, Any]) -> Attachment:
    origins = more.get("origins", {}).get(data["id"], ())
    return Attachment(**{**_of(Attachment, data), "origins": tuple(origins)})


NOTHING = dumps(Command("", Conversation("", "", "", None, Kind.CHANNEL), Person(""), "forgotten"))
"""In place of a question of which nothing is kept, for who would have it answered once more."""


class Outsiders(StrEnum):
    """What people from outside may see: guests, and members of other workspaces or tenants.

    CHANNEL: files of the place where they ask. LIBRARY: the library as well. NONE: they are not
    answered.
    """

    CHANNEL = "channel"
    LIBRARY = "library"
    NONE = "none"
