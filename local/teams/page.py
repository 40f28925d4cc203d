"""The page's requests about Teams: the same actions and JSON as in the Slack half, under `/ui`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from aiohttp import BodyPartReader, web

from local.slack.uploads import LARGEST, PIECE
from local.slack.viewers import Viewers, file_headers
from local.slack.workspace.people import COMMANDS
from local.teams.acts import Acts
from local.teams.tenant.errors import TeamsError, sentence
from local.teams.tenant.people import BOT, HUMANS
from local.teams.tenant.state import Message

TOO_LARGE = "Together these files are larger than 200 MB. Share fewer or smaller ones."
LABEL = "https://schema.org/Message"


class Page:
    """Serves the page for Teams.

    A message's content is in `blocks`: `said` (what people wrote), `teams` (the bot's Markdown) and
    `card`. Its `ts` is in seconds, as in the Slack half.
    """

    def __init__(self, teams: Acts) -> None:
        self.viewers = Viewers(TeamsError, sentence)
        self._teams = teams
        teams.tenant.listeners.append(self._changed)

    def routes(self) -> list[web.RouteDef]:
        """Routes of the page's requests."""
        return [
            web.get("/ui/state", self._state),
            web.get("/ui/messages", self._messages),
            web.get("/ui/socket", self.viewers.socket),
            web.get("/ui/file/{id}", self._view),
            web.post("/ui/upload", self._upload),
            web.post("/ui/{verb}", self._act),
        ]

    def set_banner(self, level: str, text: str) -> None:
        """Show a banner at the top of the page; an empty text removes it."""
        self.viewers.set_banner(level, text)

    def shown(self, message: Message) -> dict[str, Any]:
        """Return a message as the page shows it."""
        tenant = self._teams.tenant
        ours = message["user"] == BOT
        kind = "teams" if ours else "said"
        cards = [e["content"] for e in message["attachments"] if "content" in e]
        blocks: list[dict[str, Any]] = [{"type": "card", "card": each} for each in cards]
        if message["text"] or not cards:
            blocks.insert(0, {"type": kind, "text": message["text"]})
        labels = [each for each in message["entities"] if each.get("type") == LABEL]
        replies = tenant.thread(message["room"], message["id"])[1:] if not message["root"] else ()
        return {
            "ts": ts_of(message["id"]),
            "thread_ts": ts_of(message["root"]) if message["root"] else None,
            "user": message["user"],
            "text": message["text"],
            "blocks": blocks,
            "ai": bool(labels),
            "citations": [_cited(each) for one in labels for each in one.get("citation", ())],
            "stream": message["stream"],
            "feedback": bool(message.get("feedback")),
            "edited": message["edited"],
            "reply_count": len(replies),
            "files": [self._file(each) for each in message["files"]],
            "ephemeral": bool(message["to"]),
            "to": message["to"] or None,
        }

    def _file(self, file_id: str) -> dict[str, Any]:
        file = self._teams.tenant.files.get(file_id)
        if file is None:
            return {"id": file_id, "mode": "tombstone"}
        address = f"{self._teams.base_url}/ui/file/{file_id}"
        return {**file, "permalink": address}

    async def _state(self, _: web.Request) -> web.Response:
        users: list[dict[str, Any]] = [
            {"id": e.id, "name": e.name, "color": e.color, "is_bot": False, "title": e.title}
            for e in HUMANS
        ]
        bot = {"id": BOT, "name": "Parley", "color": "#2f6f62", "is_bot": True}
        rooms = [
            {
                "id": each.id,
                "name": each.name,
                "kind": each.kind,
                "members": each.members,
                "topic": each.topic,
                "private": each.private,
            }
            for each in self._teams.tenant.rooms.values()
        ]
        return web.json_response(
            {
                "platform": "teams",
                "team": {"id": "acme", "name": "Acme"},
                "users": [*users, {**bot, "title": "Assistant"}],
                "channels": rooms,
                "bot": BOT,
                "banner": self.viewers.banner,
                "commands": COMMANDS,
            }
        )

    async def _messages(self, request: web.Request) -> web.Response:
        def visible(room: str, user: str) -> Iterator[dict[str, Any]]:
            return map(self.shown, self._teams.tenant.visible(room, user))

        return self.viewers.messages(request, visible)

    async def _act(self, request: web.Request) -> web.Response:
        return await self.viewers.act(request, self._verb)

    async def _verb(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        user, room = body["user"], body["channel"]
        message, error = id_of(body.get("ts") or ""), ""
        teams = self._teams
        match verb:
            case "say":
                text = str(body["text"])
                if not text.strip():
                    return {"ok": False, "error": "Write something first."}
                said = teams.say(user, room, text, id_of(body.get("thread_ts") or ""))
                return {"ok": True, "ts": ts_of(said)}
            case "edit":
                teams.edit(user, room, message, str(body["text"]))
            case "delete":
                teams.delete(user, room, message)
            case "delete_file":
                self._delete_file(user, room, body["file"])
            case "dismiss":
                teams.tenant.remove(teams.tenant.get(room, message))
            case "command":
                text = f"{body['command']} {body.get('text', '')}".strip()
                error = _refused(await teams.command(user, room, text))
            case "submit":
                error = _refused(await teams.submit(user, room, message, dict(body["data"])))
            case "rate":
                reaction = "like" if body["reaction"] == "like" else "dislike"
                error = _refused(await teams.rate(user, room, message, reaction))
            case "stop_stream":
                if not teams.stop_stream(user, room):
                    error = "That answer has already ended."
            case _:
                error = "The page asked for something unknown: reload it."
        return {"ok": not error, **({"error": error} if error else {})}

    def _delete_file(self, user: str, room: str, file_id: str) -> None:
        """Delete a file with its message, as Teams has no event for files."""
        for message in [*self._teams.tenant.messages[room].values()]:
            if file_id in message["files"]:
                self._teams.delete(user, room, message["id"])

    async def _upload(self, request: web.Request) -> web.Response:
        """Share files from a form. `user` and `channel` are in the query; `text`, `names` and the
        files are form fields."""
        query = request.query
        said: dict[str, str] = {"text": "", "names": "[]"}
        files: list[bytes] = []
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    continue
                # read in chunks: `read` enforces the application's limit for other requests
                data = bytearray()
                while piece := await part.read_chunk(PIECE):
                    data += piece
                    if sum(map(len, files)) + len(data) > LARGEST:
                        return web.json_response({"ok": False, "error": TOO_LARGE})
                if part.filename is None:
                    said[part.name or ""] = data.decode(errors="replace")
                else:
                    files.append(bytes(data))
            names = [str(each) for each in json.loads(said["names"])]
            if not files or len(names) != len(files):
                return web.json_response({"ok": False, "error": "The upload did not come whole."})
            root = id_of(query.get("thread_ts", ""))
            shared = [*zip(names, files, strict=True)]
            where = query.get("user", ""), query.get("channel", "")
            ts = ts_of(self._teams.share(*where, shared, said["text"], root))
        except TeamsError as exc:
            return web.json_response({"ok": False, "error": sentence(exc)})
        except (ValueError, AssertionError):  # not a form, or a truncated one
            return web.json_response({"ok": False, "error": "The upload did not come whole."})
        return web.json_response({"ok": True, "ts": ts})

    async def _view(self, request: web.Request) -> web.Response:
        """Serve a file to members of a conversation that shows it. No script in it may run."""
        tenant, file_id = self._teams.tenant, request.match_info["id"]
        file, user = tenant.files.get(file_id), request.query.get("user", "")
        if file is None:
            return web.Response(status=404, text="This file was deleted.")
        if not any(
            user in room.members
            for room in tenant.rooms.values()
            for message in tenant.messages[room.id].values()
            if file_id in message["files"]
        ):
            return web.Response(status=403, text="You are not in a conversation with this file.")
        headers = file_headers(file["mimetype"], file["name"], written=False, utf8=True)
        return web.Response(body=tenant.bytes_of(file_id), headers=headers)

    def _changed(self, event: dict[str, Any]) -> None:
        message = event["message"]
        kind = event["type"]
        if message["to"]:
            kind = "ephemeral_deleted" if kind == "deleted" else "ephemeral"
        shown = {"type": kind, "channel": message["room"], "message": self.shown(message)}
        members = self._teams.tenant.room(message["room"]).members
        self.viewers.tell(shown, members, message["to"])
        root = self._teams.tenant.messages[message["room"]].get(message["root"])
        if root is not None and event["type"] != "changed":
            above = {"type": "changed", "channel": root["room"], "message": self.shown(root)}
            self.viewers.tell(above, members)


def ts_of(message_id: str) -> str:
    """Convert a message id (milliseconds) to a ts (seconds)."""
    return f"{message_id[:-3]}.{message_id[-3:]}"


def id_of(ts: str) -> str:
    """Convert a ts (seconds) to a message id (milliseconds)."""
    return ts.replace(".", "")


def _refused(status: int | None) -> str:
    return "" if status == 200 else "The bot does not answer. Try again."


def _cited(claim: dict[str, Any]) -> dict[str, Any]:
    appearance = claim.get("appearance", {})
    return {"number": claim.get("position"), **appearance}
