"""The workspace's state: people, channels and messages, kept in a file. No network I/O here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.slack.workspace.errors import SlackError
from local.slack.workspace.files import File, Files
from local.slack.workspace.journal import Change, Journal
from local.slack.workspace.people import BOT, SLACKBOT, TEAM, marked, seeded

__all__ = ["APP_ID", "BOT", "BOT_ID", "TEAM", "Message", "SlackError", "Workspace"]

BOT_ID = "B0PARLEY"
APP_ID = "A0PARLEY"
DELETED = "This message was deleted."

Listener = Callable[[dict[str, Any]], None]
Message = dict[str, Any]


def _nobody(*_: object) -> None:
    pass


@dataclass
class Workspace:
    """People, channels and messages; refusals are raised as SlackError.

    `file` keeps them across restarts. Callbacks: `listeners` get every change; `echo` gets what the
    bot did (`message`, `message_changed` or `message_deleted`), the message and its previous text;
    `moved` gets `join` or `leave`, the channel and the person.
    """

    clock: Callable[[], float]
    file: Path | None = None
    listeners: list[Listener] = field(default_factory=list)
    echo: Callable[[str, Message, str], None] = _nobody
    moved: Callable[[str, dict[str, Any], str], None] = _nobody
    archived: set[str] = field(default_factory=set)
    messages: dict[str, dict[str, Message]] = field(default_factory=dict)
    ephemerals: dict[str, Message] = field(default_factory=dict)
    most: int = 1000
    """Most messages in a page of a response."""
    triggers: dict[str, float] = field(default_factory=dict)
    views: list[dict[str, Any]] = field(default_factory=list)
    _threads: dict[tuple[str, str], dict[str, Message]] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.users, self.channels = seeded()
        self.messages = {channel["id"]: {} for channel in self.channels}
        self.files = Files(self.file.parent / "slack-files" if self.file else None)
        self._journal = Journal(self.file)
        for change in self._journal.read():
            self._replay(change)
        self.files.sweep()
        self._journal.replace(self._everything())

    def state(self) -> dict[str, Any]:
        """Return what the page needs to start: team, users, channels and the bot's id."""
        return {"team": TEAM, "users": self.users, "channels": self.channels, "bot": BOT}

    def channel(self, channel: str) -> dict[str, Any]:
        """Return a channel by id or `#name`; a person's id stands for the bot's chat with them."""
        for each in self.channels:
            if channel in (each["id"], f"#{each['name']}"):
                return each
            if each["kind"] == "dm" and channel == each["members"][0]:
                return each
        raise SlackError("channel_not_found")

    def user(self, user: str) -> dict[str, Any]:
        """Return a user by id. Raises SlackError if there is none."""
        for each in self.users:
            if each["id"] == user:
                return each
        raise SlackError("user_not_found")

    def get(self, channel: str, ts: str) -> Message:
        """Return a message. Raises SlackError if it does not exist or was deleted."""
        found = self.messages[self.channel(channel)["id"]].get(ts)
        if found is None or found.get("subtype") == "tombstone":
            raise SlackError("message_not_found")
        return found

    def replies(self, channel: str, ts: str) -> dict[str, Message]:
        """Return a thread's replies by ts, oldest first, without its root."""
        return self._threads.get((channel, ts), {})

    def thread(self, channel: str, ts: str) -> list[Message]:
        """Return a thread's messages, oldest first; `ts` may be any of them."""
        where = self.channel(channel)["id"]
        found = self.messages[where].get(ts)
        root = self.messages[where].get(found.get("thread_ts") or ts) if found else None
        if root is None:
            raise SlackError("thread_not_found")
        return [root, *self.replies(where, root["ts"]).values()]

    def add(self, channel: str, user: str, text: str, **more: Any) -> Message:
        """Post a message; `more` holds its blocks, thread_ts, metadata and so on."""
        where = self.writable(channel, user)
        more = {name: value for name, value in more.items() if value}
        if "thread_ts" in more:
            more["thread_ts"] = self.thread(where["id"], more["thread_ts"])[0]["ts"]
        message: Message = {"type": "message", "ts": self.stamp(), "user": user, "text": text}
        message |= {"channel": where["id"], "blocks": [], **more}
        self._put(message)
        self._changed("message", message)
        return message

    def share(self, channel: str, user: str, text: str, files: list[File], thread: str) -> Message:
        """Post a message with files that are already in `files`."""
        listed = [{"id": each["id"]} for each in files]
        more = {"subtype": "file_share", "files": listed, "thread_ts": thread}
        for each in files:
            self._journal.add({"kind": "file", "file": each})
        return self.add(channel, user, text, **more)

    def edit_file(self, file_id: str, data: bytes | None, name: str) -> None:
        """Replace a file's bytes or its name, and update the messages that show it."""
        self.files.edit(file_id, data, name)
        self._journal.add({"kind": "file", "file": self.files.get(file_id)})
        for channel, ts, _ in self.files.get(file_id)["shares"]:
            self._changed("changed", self.messages[channel][ts])

    def drop_file(self, file_id: str) -> list[Message]:
        """Delete a file. Returns the messages that showed it, which now show a deleted file."""
        record = self.files.get(file_id)
        self.files.drop(file_id)
        self._journal.add({"kind": "file_deleted", "file": {"id": file_id}})
        showed = [self.messages[channel][ts] for channel, ts, _ in record["shares"]]
        for message in showed:
            self._changed("changed", message)
        return showed

    def change(self, channel: str, ts: str, text: str, blocks: list[Any] | None = None) -> Message:
        """Replace a message's text and, unless None, its blocks, and mark it as edited."""
        message = self.get(channel, ts)
        message["text"] = text
        if blocks is not None:
            message["blocks"] = blocks
        message["edited"] = {"user": message["user"], "ts": self.stamp()}
        self._changed("changed", message)
        return message

    def remove(self, channel: str, ts: str) -> Message:
        """Delete a message; a thread's root stays as a tombstone while it has replies."""
        message = self.get(channel, ts)
        where, root = message["channel"], message.get("thread_ts")
        if self.replies(where, ts):
            stone = {"type": "message", "subtype": "tombstone", "hidden": True, "ts": ts}
            stone |= {"user": SLACKBOT, "author": message["user"], "text": DELETED}
            stone |= {"channel": where, "thread_ts": ts, "blocks": []}
            self._put(stone)
            self._changed("changed", stone)
            return message
        self._drop(message)
        self._changed("deleted", message)
        above = self.messages[where].get(root or "", {})
        if above.get("subtype") == "tombstone" and not self.replies(where, above["ts"]):
            self._drop(above)
            self._changed("deleted", above)
        return message

    def post_ephemeral(self, channel: str, user: str, text: str, **more: Any) -> Message:
        """Show a message to one person until they dismiss it or the stand-in ends."""
        where = self.channel(channel)
        self.user(user)
        message: Message = {"ts": self.stamp(), "user": BOT, "text": text, "channel": where["id"]}
        message |= {"to": user, "ephemeral": True, "blocks": [], **more}
        self.ephemerals[message["ts"]] = message
        self._tell("ephemeral", message)
        return message

    def rewhisper(self, ts: str, text: str, blocks: list[Any]) -> None:
        """Replace the content of an ephemeral message."""
        message = self.ephemerals[ts]
        message |= {"text": text, "blocks": blocks}
        self._tell("ephemeral", message)

    def unwhisper(self, ts: str) -> None:
        """Remove an ephemeral message, if it is still shown."""
        message = self.ephemerals.pop(ts, None)
        if message is not None:
            self._tell("ephemeral_deleted", message)

    def join(self, channel: str, user: str) -> None:
        """Add a person to a channel."""
        self._move(channel, user, "join")

    def leave(self, channel: str, user: str) -> None:
        """Remove a person from a channel: its later messages are neither shown nor sent to them."""
        self._move(channel, user, "leave")

    def shown(self, message: Message) -> dict[str, Any]:
        """Return a message as the page shows it."""
        ephemeral = bool(message.get("ephemeral"))
        replies = {} if ephemeral else self.replies(message["channel"], message["ts"])
        return {
            "ts": message["ts"],
            "thread_ts": message.get("thread_ts"),
            "user": message.get("author") or message["user"],
            "text": message["text"],
            "blocks": message["blocks"],
            "edited": "edited" in message and not message.get("bot_id"),
            "reply_count": len(replies),
            "files": self.files.within(message, whole=True),
            "ephemeral": ephemeral,
            "to": message.get("to"),
        }

    def visible(self, channel: str, user: str) -> Iterator[dict[str, Any]]:
        """Yield a channel's messages for the page; ephemeral ones only to their addressee."""
        where = self.channel(channel)
        if user in where["members"]:
            yield from map(self.shown, self.messages[where["id"]].values())
            whispered = [m for m in self.ephemerals.values() if m["channel"] == where["id"]]
            yield from (self.shown(m) for m in whispered if m["to"] == user)

    def stamp(self) -> str:
        """Return the next message's ts: the time in seconds, unique and increasing."""
        now = max(int(self.clock() * 1e6), self._last + 1)
        self._last = now
        return f"{now // 10**6}.{now % 10**6:06d}"

    def mentions_to_ids(self, text: str) -> str:
        """Turn typed mentions into Slack's form, also where a particle follows: `@Parley야`."""
        return marked(text, self.users)

    def writable(self, channel: str, user: str) -> dict[str, Any]:
        """Return a channel that a person may write to. Raises SlackError for any other."""
        where = self.channel(channel)
        if where["id"] in self.archived:
            raise SlackError("is_archived")
        if user not in where["members"]:
            raise SlackError("not_in_channel")
        return where

    def _move(self, channel: str, user: str, kind: str) -> None:
        where, who = self.channel(channel), self.user(user)["id"]
        if where["kind"] == "dm":
            raise SlackError("method_not_supported_for_channel_type")
        if (who in where["members"]) != (kind == "join"):
            self._member(where, who, kind)
            self.moved(kind, where, who)

    def _member(self, where: dict[str, Any], user: str, kind: str) -> None:
        members = [each for each in where["members"] if each != user]
        where["members"] = [*members, user] if kind == "join" else members
        self._journal.add({"kind": kind, "channel": where["id"], "user": user})

    def _put(self, message: Message) -> None:
        where, ts, root = message["channel"], message["ts"], message.get("thread_ts")
        self.messages.setdefault(where, {})[ts] = message
        if root and root != ts:
            self._threads.setdefault((where, root), {})[ts] = message
        self.files.place(message)
        self._last = max(self._last, int(ts.replace(".", "")))

    def _drop(self, message: Message) -> None:
        where, ts = message["channel"], message["ts"]
        self.messages[where].pop(ts, None)
        self.files.place(message, there=False)
        self._threads.get((where, message.get("thread_ts") or ""), {}).pop(ts, None)

    def _changed(self, kind: str, message: Message) -> None:
        self._journal.add({"kind": kind, "message": message})
        self._tell(kind, message)
        root = message.get("thread_ts")
        parent = self.messages[message["channel"]].get(root or "")
        if parent is not None and kind != "changed" and root != message["ts"]:
            self._tell("changed", parent)

    def _tell(self, kind: str, message: Message) -> None:
        if not self.listeners:
            return
        event = {"type": kind, "channel": message["channel"], "message": self.shown(message)}
        for listener in [*self.listeners]:
            listener(event)

    def _replay(self, change: Change) -> None:
        kind, message = change.get("kind"), change.get("message")
        try:
            if kind in ("join", "leave"):
                self._member(self.channel(change["channel"]), change["user"], kind)
            elif kind == "file":
                self.files.keep(change["file"])
            elif kind == "file_deleted":
                self.files.drop(change["file"]["id"])
            elif kind == "deleted":
                self._drop(change["message"])
            elif isinstance(message, dict) and message["channel"] in self.messages:
                self._put({"user": "", "text": "", "blocks": [], **message})
        except (KeyError, AttributeError, TypeError, ValueError, SlackError):
            return  # a line that no version of the stand-in wrote

    def _everything(self) -> list[Change]:
        fresh = {each["id"]: each["members"] for each in seeded()[1]}
        changes: list[Change] = []
        for each in self.channels:
            at, before, now = each["id"], fresh[each["id"]], each["members"]
            gone = [user for user in before if user not in now]
            changes += [{"kind": "leave", "channel": at, "user": user} for user in gone]
            new = [user for user in now if user not in before]
            changes += [{"kind": "join", "channel": at, "user": user} for user in new]
        changes += [{"kind": "file", "file": each} for each in self.files]
        for within in self.messages.values():
            changes += [{"kind": "message", "message": message} for message in within.values()]
        return changes
