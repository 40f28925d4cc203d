"""The workspace itself: people, channels and messages, kept in a file; no network here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEAM = {"id": "T0ACME", "name": "Acme"}
BOT = "U0PARLEY"
BOT_ID = "B0PARLEY"
APP_ID = "A0PARLEY"
PEOPLE = (
    ("U0ANA", "Ana Kim", "#3d6b8e", "Product"),
    ("U0BEN", "Ben Ortiz", "#8e5a3d", "Engineering"),
    ("U0CHAE", "Chae-won Lee", "#5c7a3a", "Support"),
    ("U0DARA", "Dara Singh", "#7a4a86", "Design"),
)
CHANNELS = (
    ("C0GENERAL", "general", "Company-wide talk"),
    ("C0SUPPORT", "support", "Customers' questions"),
    ("C0DESIGN", "design-review", "Show work, get comments"),
)

Listener = Callable[[dict[str, Any]], None]
Message = dict[str, Any]


class SlackError(Exception):
    """Slack's own error name."""


@dataclass
class Workspace:
    """`file` keeps it across restarts, one change a line. `tell` is called with every change."""

    clock: Callable[[], float]
    file: Path | None = None
    listeners: list[Listener] = field(default_factory=list)
    archived: set[str] = field(default_factory=set)
    messages: dict[str, dict[str, Message]] = field(default_factory=dict)
    ephemerals: dict[str, Message] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.users: list[dict[str, Any]] = [
            {"id": i, "name": n, "color": c, "is_bot": False, "title": t} for i, n, c, t in PEOPLE
        ]
        self.users.append(
            {"id": BOT, "name": "Parley", "color": "#2f6f62", "is_bot": True, "title": "Assistant"}
        )
        members = [user["id"] for user in self.users]
        self.channels: list[dict[str, Any]] = [
            {"id": i, "name": n, "kind": "channel", "members": members, "topic": t}
            for i, n, t in CHANNELS
        ]
        self.channels += [
            {"id": f"D{i[1:]}", "name": "Parley", "kind": "dm", "members": [i, BOT], "topic": ""}
            for i, *_ in PEOPLE
        ]
        self.messages = {channel["id"]: {} for channel in self.channels}
        if self.file is not None and self.file.exists():
            for line in self.file.read_text().splitlines():
                self._replay(line)
            self._keep_all()

    def state(self) -> dict[str, Any]:
        return {"team": TEAM, "users": self.users, "channels": self.channels, "bot": BOT}

    def channel(self, channel: str) -> dict[str, Any]:
        """Raises SlackError."""
        for each in self.channels:
            if channel in (each["id"], f"#{each['name']}"):
                return each
        raise SlackError("channel_not_found")

    def user(self, user: str) -> dict[str, Any]:
        for each in self.users:
            if each["id"] == user:
                return each
        raise SlackError("user_not_found")

    def get(self, channel: str, ts: str) -> Message:
        found = self.messages[self.channel(channel)["id"]].get(ts)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def thread(self, channel: str, ts: str) -> list[Message]:
        """A thread's messages, oldest first. Raises SlackError."""
        root = self.messages[self.channel(channel)["id"]].get(ts)
        if root is None:
            raise SlackError("thread_not_found")
        within = self.messages[channel].values()
        return [root, *(m for m in within if m.get("thread_ts") == ts and m["ts"] != ts)]

    def add(self, channel: str, user: str, text: str, **more: Any) -> Message:
        """Posts a message; `more` are its blocks, thread_ts, metadata and so on."""
        where = self.channel(channel)
        if where["id"] in self.archived:
            raise SlackError("is_archived")
        if user not in where["members"]:
            raise SlackError("not_in_channel")
        thread = more.get("thread_ts")
        if thread and thread not in self.messages[where["id"]]:
            raise SlackError("thread_not_found")
        message: Message = {"type": "message", "ts": self.stamp(), "user": user, "text": text}
        message |= {"channel": where["id"], "blocks": [], **{k: v for k, v in more.items() if v}}
        self.messages[where["id"]][message["ts"]] = message
        self._changed("message", message)
        return message

    def change(self, channel: str, ts: str, text: str, blocks: list[Any] | None = None) -> Message:
        message = self.get(channel, ts)
        message["text"] = text
        if blocks is not None:
            message["blocks"] = blocks
        message["edited"] = {"user": message["user"], "ts": self.stamp()}
        self._changed("changed", message)
        return message

    def remove(self, channel: str, ts: str) -> Message:
        message = self.get(channel, ts)
        del self.messages[message["channel"]][ts]
        self._changed("deleted", message)
        return message

    def whisper(self, channel: str, user: str, text: str, **more: Any) -> Message:
        """Shows something to one person, until the page is closed."""
        where = self.channel(channel)
        self.user(user)
        message: Message = {"ts": self.stamp(), "user": BOT, "text": text, "channel": where["id"]}
        message |= {"to": user, "ephemeral": True, "blocks": [], **more}
        self.ephemerals[message["ts"]] = message
        self._tell({"type": "ephemeral", "channel": where["id"], "message": self.shown(message)})
        return message

    def rewhisper(self, ts: str, text: str, blocks: list[Any]) -> None:
        message = self.ephemerals[ts]
        message |= {"text": text, "blocks": blocks}
        event = {"type": "ephemeral", "channel": message["channel"]}
        self._tell({**event, "message": self.shown(message)})

    def unwhisper(self, ts: str) -> None:
        message = self.ephemerals.pop(ts, None)
        if message is not None:
            event = {"type": "ephemeral_deleted", "channel": message["channel"]}
            self._tell({**event, "message": self.shown(message)})

    def shown(self, message: Message) -> dict[str, Any]:
        """A message as the page gets it."""
        replies = 0
        if not message.get("ephemeral"):
            within = self.messages[message["channel"]].values()
            ts = message["ts"]
            replies = sum(m.get("thread_ts") == ts and m["ts"] != ts for m in within)
        return {
            "ts": message["ts"],
            "thread_ts": message.get("thread_ts"),
            "user": message["user"],
            "text": message["text"],
            "blocks": message["blocks"],
            "edited": "edited" in message and not message.get("bot_id"),
            "reply_count": replies,
            "ephemeral": bool(message.get("ephemeral")),
            "to": message.get("to"),
        }

    def visible(self, channel: str, user: str) -> Iterator[dict[str, Any]]:
        where = self.channel(channel)
        if user in where["members"]:
            yield from map(self.shown, self.messages[where["id"]].values())
            whispered = [m for m in self.ephemerals.values() if m["channel"] == channel]
            yield from (self.shown(m) for m in whispered if m["to"] == user)

    def stamp(self) -> str:
        now = max(int(self.clock() * 1e6), self._last + 1)
        self._last = now
        return f"{now // 10**6}.{now % 10**6:06d}"

    def mentions_to_ids(self, text: str) -> str:
        """`@Parley` as people type it, in Slack's form."""
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for user in sorted(self.users, key=lambda u: -len(str(u["name"]))):
            text = re.sub(rf"@{re.escape(user['name'])}\b", f"<@{user['id']}>", text, flags=re.I)
        return text

    def _changed(self, kind: str, message: Message) -> None:
        self._keep(kind, message)
        self._tell({"type": kind, "channel": message["channel"], "message": self.shown(message)})
        root = message.get("thread_ts")
        parent = self.messages[message["channel"]].get(root or "")
        if parent is not None and kind != "changed" and root != message["ts"]:
            event = {"type": "changed", "channel": message["channel"]}
            self._tell({**event, "message": self.shown(parent)})

    def _tell(self, event: dict[str, Any]) -> None:
        for listener in [*self.listeners]:
            listener(event)

    def _keep(self, kind: str, message: Message) -> None:
        if self.file is not None:
            with self.file.open("a") as file:
                file.write(json.dumps({"kind": kind, "message": message}) + "\n")

    def _replay(self, line: str) -> None:
        try:
            change = json.loads(line)
        except ValueError:
            return  # the end of a file whose writer was killed
        message = change["message"]
        within = self.messages.setdefault(message["channel"], {})
        if change["kind"] == "deleted":
            within.pop(message["ts"], None)
        else:
            within[message["ts"]] = message

    def _keep_all(self) -> None:
        if self.file is None:
            return
        lines = [
            json.dumps({"kind": "message", "message": message})
            for within in self.messages.values()
            for message in within.values()
        ]
        fresh = self.file.with_suffix(".new")
        fresh.write_text("".join(line + "\n" for line in lines))
        fresh.replace(self.file)
