"""A tenant's state: people, conversations, messages and files, kept in a file. No network here."""

from __future__ import annotations

import html
import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.slack.workspace.journal import Journal
from local.teams.tenant.errors import TeamsError
from local.teams.tenant.people import BOT, HUMANS, Human, Room, rooms

Message = dict[str, Any]
Listener = Callable[[dict[str, Any]], None]
File = dict[str, Any]
UNKNOWN = "application/octet-stream"


@dataclass
class Tenant:
    """People, conversations, messages and files; refusals are raised as TeamsError.

    `listeners` are called with every change. A message has `id` (milliseconds), `room`, `root` (the
    post it replies to, empty for none), `user`, `text` (Markdown if it is the bot's),
    `attachments`, `entities`, `feedback` (whether it has thumbs), `files`, `to` and `stream`.
    """

    clock: Callable[[], float]
    file: Path | None = None
    listeners: list[Listener] = field(default_factory=list)
    rooms: dict[str, Room] = field(default_factory=lambda: {each.id: each for each in rooms()})
    messages: dict[str, dict[str, Message]] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.humans = {each.id: each for each in HUMANS}
        self.messages = {room: {} for room in self.rooms}
        self._folder = self.file.parent / "teams-files" if self.file else None
        self._bytes: dict[str, bytes] = {}
        self._journal = Journal(self.file)
        for change in self._journal.read():
            self._replay(change)
        kept = [each for some in self.messages.values() for each in some.values()]
        moved = [
            {"kind": "members", "room": room.id, "members": room.members}
            for room in self.rooms.values()
        ]
        files = [{"kind": "file", "file": each} for each in self.files.values()]
        self._journal.replace([*moved, *files, *({"kind": "message", "message": m} for m in kept)])

    def room(self, room: str) -> Room:
        """Return a conversation. Raises TeamsError if there is none."""
        found = self.rooms.get(room)
        if found is None:
            raise TeamsError(404, "ConversationNotFound")
        return found

    def human(self, user: str) -> Human:
        """Return a person by any of their ids. Raises TeamsError if there is none."""
        if user in self.humans:
            return self.humans[user]
        for each in self.humans.values():
            if user in (each.aad, each.teams):
                return each
        raise TeamsError(404, "MemberNotFoundInConversation")

    def get(self, room: str, message: str) -> Message:
        """Return a message. Raises TeamsError if there is none."""
        found = self.messages[self.room(room).id].get(message)
        if found is None:
            raise TeamsError(404, "ActivityNotFoundInConversation", "The message is not there.")
        return found

    def thread(self, room: str, root: str) -> list[Message]:
        """Return a post and its replies, oldest first."""
        within = self.messages[self.room(room).id].values()
        return [each for each in within if root in (each["id"], each["root"])]

    def add(self, room: str, user: str, text: str, *, root: str = "", **more: Any) -> Message:
        """Post a message, with `more` of its fields. Raises TeamsError if `user` is no member."""
        where = self.room(room)
        if user not in where.members:
            raise TeamsError(403, "BotNotInConversationRoster", "The bot is not in the roster.")
        if root:
            root = self.get(room, root)["root"] or root
        message: Message = {"id": self.stamp(), "room": room, "user": user, "text": text}
        message |= {"root": root, "attachments": [], "entities": [], "files": []}
        message |= {"to": "", "stream": "", "edited": False, "feedback": False, **more}
        self._keep(message, "message")
        return message

    def change(self, message: Message, **more: Any) -> None:
        """Update fields of a message."""
        message |= more
        self._keep(message, "changed")

    def remove(self, message: Message) -> None:
        """Delete a message."""
        self.messages[message["room"]].pop(message["id"], None)
        self._journal.add({"kind": "deleted", "room": message["room"], "id": message["id"]})
        self._tell("deleted", message)

    def store(self, user: str, name: str, data: bytes, drive: str = "") -> File:
        """Store a file on a SharePoint `drive` or, without one, in its owner's OneDrive."""
        kind, now = mimetypes.guess_type(name)[0] or UNKNOWN, self.clock()
        record: File = {"id": str(uuid4()), "name": name, "user": user, "size": len(data)}
        record |= {"mimetype": kind, "created": now, "modified": now, "version": 1, "renamed": 0}
        record |= {"drive": drive or own_drive(self.human(user)), "grants": []}
        self.files[record["id"]] = record
        self._write(record["id"], data)
        self._journal.add({"kind": "file", "file": record})
        return record

    def replace_file(self, file: str, data: bytes) -> None:
        """Save a new version of a file: the item keeps its id, and its tags change."""
        record = self.files[file]
        record |= {"size": len(data), "version": record["version"] + 1, "modified": self.clock()}
        self._write(file, data)
        self._journal.add({"kind": "file", "file": record})

    def grant(self, file: str, **grant: Any) -> None:
        """Share a file with a `user`, or by a link of a `scope` (`users` limits it to some)."""
        self.files[file]["grants"].append(grant)
        self._journal.add({"kind": "file", "file": self.files[file]})

    def drop_file(self, file: str) -> None:
        """Delete a file; an unknown id is ignored."""
        self.files.pop(file, None)
        self._journal.add({"kind": "file_deleted", "file": file})

    def bytes_of(self, file: str) -> bytes:
        """Return a file's content. Raises TeamsError if there is none."""
        if file not in self.files:
            raise TeamsError(404, "itemNotFound")
        return self._bytes[file] if self._folder is None else (self._folder / file).read_bytes()

    def members(self, room: str, members: list[str]) -> None:
        """Set the members of a conversation."""
        self.rooms[room].members = members
        self._journal.add({"kind": "members", "room": room, "members": members})

    def visible(self, room: str, user: str) -> Iterator[Message]:
        """Yield the messages that a member can see, private ones only to their addressee."""
        if user in self.room(room).members:
            yield from (m for m in self.messages[room].values() if m["to"] in ("", user))

    def stamp(self) -> str:
        """Return the next message's id: the time in milliseconds, unique and increasing."""
        now = max(int(self.clock() * 1000), self._last + 1)
        self._last = now
        return str(now)

    def written(self, text: str) -> tuple[str, str, list[Human | str]]:
        """Convert typed text to what Teams sends: plain text, HTML, and the mentions in order."""
        names = {each.name: each for each in self.humans.values()} | {"Parley": BOT}
        pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        known = {name.lower(): name for name in names}
        mentioned: list[Any] = []
        plain, rich, at = "", "", 0
        for found in re.finditer(rf"@({pattern})(?![A-Za-z0-9_])", text, re.I):
            name = known[found[1].lower()]
            before = text[at : found.start()]
            plain += f"{before}<at>{name}</at>"
            itemid = f'itemtype="http://schema.skype.com/Mention" itemid="{len(mentioned)}"'
            rich += f'{_html(before)}<span itemscope="" {itemid}>{html.escape(name)}</span>'
            mentioned.append(names[name])
            at = found.end()
        rich += _html(text[at:])
        return plain + text[at:], f"<p>{rich}</p>", mentioned

    def _write(self, file: str, data: bytes) -> None:
        if self._folder is None:
            self._bytes[file] = data
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / file).write_bytes(data)

    def _keep(self, message: Message, kind: str) -> None:
        self.messages[message["room"]][message["id"]] = message
        self._last = max(self._last, int(message["id"]))
        if not message["to"]:
            self._journal.add({"kind": "message", "message": message})
        self._tell(kind, message)

    def _tell(self, kind: str, message: Message) -> None:
        for listener in self.listeners:
            listener({"type": kind, "message": message})

    def _replay(self, change: dict[str, Any]) -> None:
        try:
            match change.get("kind"):
                case "message":
                    message = change["message"]
                    self.messages[message["room"]][message["id"]] = {**message, "stream": ""}
                    self._last = max(self._last, int(message["id"]))
                case "deleted":
                    self.messages[change["room"]].pop(change["id"], None)
                case "file":
                    file = change["file"]
                    own = own_drive(self.human(file["user"]))
                    known = {"version": 1, "renamed": 0, "drive": own, "grants": []}
                    self.files[file["id"]] = {**known, "modified": file["created"], **file}
                case "file_deleted":
                    self.files.pop(change["file"], None)
                case "members":
                    self.rooms[change["room"]].members = list(change["members"])
        except (KeyError, TypeError, ValueError, TeamsError):
            return  # a line that no version of the stand-in wrote


def own_drive(human: Human) -> str:
    """Return the id of a person's OneDrive."""
    return f"b!{human.aad}"


def drive_of(room: Room) -> str:
    """Return the drive of a channel's files: the team's site, or a private channel's own."""
    return f"b!site-{room.name.lower()}" if room.private else "b!site"


def _html(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>").replace("  ", "&nbsp; ")
