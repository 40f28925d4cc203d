"""Questions and commands from people: frozen values, and their JSON in the queue.

Every platform parses its own JSON into these once, at its edge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

EVERYWHERE = "-"
"""The channel of a command that concerns the whole workspace."""


class Kind(StrEnum):
    """Where a conversation takes place."""

    CHANNEL = "channel"
    GROUP = "group"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Scope:
    """One place whose documents a person may see: `{platform}/{tenant}/{channel}` or `library`."""

    prefix: str
    within: frozenset[str] = field(default=frozenset(), compare=False)
    """The other places that we can only leave together with this one: its team's channels."""


LIBRARY = Scope("library")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A channel thread, a group chat or a direct chat.

    `thread` is the platform's id of the thread's first message; None in a direct chat.
    """

    platform: str
    tenant: str
    channel: str
    thread: str | None
    kind: Kind

    @property
    def place(self) -> str:
        """The channel or chat, to which settings and files belong."""
        return f"{self.platform}/{self.tenant}/{self.channel}"

    @property
    def key(self) -> str:
        """The key of the conversation, to which history belongs and within which order is kept."""
        return f"{self.place}/{self.thread or '-'}"

    @property
    def scope(self) -> Scope:
        """The scope of the documents shared in this channel or chat."""
        return Scope(self.place)


@dataclass(frozen=True, slots=True)
class Person:
    """A member or guest of a workspace or tenant.

    `outsider`: the event says that they belong to another organisation than the app's workspace.
    Events do not say whether a person is a guest of ours: ask `Chat.outsider`.
    """

    id: str
    name: str = ""
    outsider: bool = False


class Rights(StrEnum):
    """What a person administers: nothing, the place (as its creator or owner), or the workspace."""

    NONE = "none"
    PLACE = "place"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to a message. `size` is in bytes, 0 if the platform does not say.

    `url` is where its bytes are fetched, `link` where people open it. A file that is only linked to
    has `origins`, the places where it was shared: people who are in none of them may not see it.
    `source` is the file's permanent id in the platform's storage and `version` its current version,
    both empty if the platform does not say; neither is queued.
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
    """What an answer was based on.

    `scopes` are the places whose documents were in its prompt, directly or quoted by earlier
    answers; `documents` are these documents as (place, file).
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
    """Whether the message addresses us; files may also be read where they were only shared."""
    replaces: tuple[str, ...] = ()
    """Messages of an earlier answer to the same post, which this answer replaces."""
    files_unresolved: bool = False
    """Whether it may have files that its event did not contain (`Chat.completed`)."""
    answer_so_far: str = ""
    """The answer so far when its worker ran out of time; the next worker continues from there."""
    extra: dict[str, str] = field(default_factory=dict)
    """What the platform's adapter needs in order to reply; meaningless to others."""
    private: bool = False
    """Whether only its author and we see it, in a place with other people."""
    quoted: Quoted = NOTHING_QUOTED
    """What `answer_so_far` was based on."""
    waited: bool = False
    """Whether it waited for its files, and now continues."""

    @property
    def history(self) -> str:
        """The key of its conversation's history; private questions have a history per person."""
        key = self.conversation.key
        return f"{key}~{self.person.id}" if self.private else key


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command or a button. `argument` is its text or value.

    `name`: `model`, `stop`, `retry`, `regenerate`, `feedback`, … `target` is the message whose
    button was pressed, None for a slash command. `extra` as in `Incoming`.
    """

    event_id: str
    conversation: Conversation
    person: Person
    name: str
    argument: str = ""
    target: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    at: float = 0.0
    """When it happened by the platform's clock, in seconds since the epoch; 0 if unknown."""


PROGRESS = "progress"
"""The command, from ourselves, that shows how far the files are that the run `argument` waits for;
versions before it do nothing on it."""
MORE = "more"
"""The key in `extra` that holds newer fields, since older releases refuse unknown keys."""


QUEUED_AS = {"files_unresolved": "partial", "answer_so_far": "said", "replaces": "shown"}
"""Fields whose key in the queue's JSON is an older name, which versions before this one read."""


def dumps(item: Incoming | Command) -> str:
    """The queue's JSON for a question or command, which the previous release can read as well."""
    data = asdict(item)
    more: dict[str, Any] = {"outsider": data["person"].pop("outsider")}
    if isinstance(item, Command):
        more["at"] = data.pop("at")
    else:
        more["private"] = data.pop("private")
        more["waited"] = data.pop("waited")
        more["origins"] = {e["id"]: e.pop("origins") for e in data["attachments"]}
        more["origins"] = {file: places for file, places in more["origins"].items() if places}
        for each in data["attachments"]:
            del each["source"], each["version"]  # the worker that reads the files asks again
        del data["quoted"]
        for name, key in QUEUED_AS.items():
            data[key] = data.pop(name)
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
            for name, key in QUEUED_AS.items():
                if key in data:
                    data[name] = data.pop(key)
            data["replaces"] = tuple(data.get("replaces", ()))
            data["private"] = bool(more.get("private"))
            data["waited"] = bool(more.get("waited"))
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
    """The keys that this release knows; a later one may write more."""
    known = {each.name for each in fields(kind)}
    return {key: value for key, value in data.items() if key in known}


def _attachment(data: dict[str, Any], more: Mapping[str, Any]) -> Attachment:
    origins = more.get("origins", {}).get(data["id"], ())
    return Attachment(**{**_of(Attachment, data), "origins": tuple(origins)})


NOTHING = dumps(Command("", Conversation("", "", "", None, Kind.CHANNEL), Person(""), "forgotten"))
"""Stands in for a question that was erased, so that a Retry of it finds no question."""


class Outsiders(StrEnum):
    """What guests and members of other workspaces or tenants may see.

    CHANNEL: the files of the place where they ask. LIBRARY: the library as well. NONE: they get no
    answers.
    """

    CHANNEL = "channel"
    LIBRARY = "library"
    NONE = "none"
