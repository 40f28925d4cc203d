"""Files as people share them: uploading, editing, deleting, and viewing them on the page."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import BodyPartReader, web

from local.slack.delivery import Delivery
from local.slack.viewers import file_headers
from local.slack.web import file_methods
from local.slack.workspace.errors import sentence
from local.slack.workspace.files import UNKNOWN, File
from local.slack.workspace.state import Message, SlackError, Workspace

LARGEST = 200 * 1024**2
PIECE = 256 * 1024
Shared = tuple[str, bytes, str]


class _Incoming:
    """Files of a message that is being posted; they are removed again if it never is."""

    def __init__(self, workspace: Workspace, user: str, connect: bool) -> None:
        self.files: list[File] = []
        self.posted = False
        self._workspace, self._user, self._connect = workspace, user, connect
        self._rooms: list[tuple[str, Path]] = []

    def room(self) -> Path:
        """Reserve an id for the next file. Returns the path to write its bytes to."""
        self._rooms.append(self._workspace.files.room())
        return self._rooms[-1][1]

    def add(self, name: str, media: str) -> None:
        """Create the record of the file written to the last reserved path."""
        file_id, now = self._rooms[-1][0], self._workspace.clock()
        self.files.append(
            self._workspace.files.add(file_id, self._user, name, media, now, connect=self._connect)
        )

    def close(self) -> None:
        """Remove the files and records if the message was not posted."""
        for file_id, path in self._rooms if not self.posted else ():
            self._workspace.files.drop(file_id)
            path.unlink(missing_ok=True)


@dataclass
class Hosting:
    """What people do with files in the workspace. Refusals are raised as SlackError."""

    workspace: Workspace
    delivery: Delivery

    def routes(self) -> list[web.RouteDef]:
        """Routes for uploading a file on the page and for viewing one."""
        return [
            web.post("/ui/upload", self._upload),
            web.get("/ui/file/{id}", self._view),
            web.get("/files/{user}/{id}/{name}", self._view),
        ]

    # people's actions

    def share(
        self,
        user: str,
        channel: str,
        files: Iterable[Shared],
        text: str = "",
        thread_ts: str | None = None,
        *,
        connect: bool = False,
    ) -> Message:
        """Post files, each (name, bytes, media type), as a person.

        With `connect` they belong to another workspace.
        """
        self.workspace.writable(channel, user)
        with self._incoming(user, connect=connect) as incoming:
            for name, data, media in files:
                incoming.room().write_bytes(data)
                incoming.add(name, media)
            return self._post(user, channel, text, incoming, thread_ts)

    def delete(self, user: str, file_id: str) -> None:
        """Delete a file as its owner; messages that showed it now show a deleted file."""
        file = self.workspace.files.get(file_id)
        if file["user"] != user:
            raise SlackError("cant_delete_file")
        seen = file_methods.visible(self.workspace, file)
        before = {
            ts: self.workspace.files.within(self.workspace.get(channel, ts))
            for channel, ts, _ in file["shares"]
        }
        for message in self.workspace.drop_file(file_id):
            was = before[message["ts"]]
            self.delivery.said(
                message, subtype="message_changed", previous=message["text"], files=was
            )
        if seen:
            self._gone(file_id)

    def reshare(
        self, user: str, channel: str, file_ids: Iterable[str], text: str, thread: str | None
    ) -> Message:
        """Post files that are already in the workspace, under their existing ids."""
        files = [self.workspace.files.get(each) for each in file_ids]
        if not all(file_methods.visible(self.workspace, each, user) for each in files):
            raise SlackError("file_not_found")
        marked = self.workspace.mentions_to_ids(text)
        message = self.workspace.share(channel, user, marked, files, thread or "")
        self.delivery.said(message)
        return message

    def edit(self, user: str, file_id: str, data: bytes | None = None, name: str = "") -> None:
        """Replace a snippet's content or rename a file. The `file_change` event carries only the
        id.

        https://docs.slack.dev/reference/events/file_change
        """
        file = self.workspace.files.get(file_id)
        if file["user"] != user or (data is not None and file["mode"] != "snippet"):
            raise SlackError("cant_edit")
        self.workspace.edit_file(file_id, data, name)
        if file_methods.visible(self.workspace, file):
            self.delivery.tell(
                {
                    "type": "file_change",
                    "file_id": file_id,
                    "file": {"id": file_id},
                    "event_ts": self.workspace.stamp(),
                }
            )

    def unshared(self, message: Message) -> None:
        """After a message is deleted, delete the files that were shared nowhere else."""
        for each in message.get("files") or ():
            if each["id"] in self._known() and not self.workspace.files.get(each["id"])["shares"]:
                self.workspace.drop_file(each["id"])
                self._gone(each["id"])

    def _known(self) -> set[str]:
        return {each["id"] for each in self.workspace.files}

    def _gone(self, file_id: str) -> None:
        stamp = self.workspace.stamp()
        self.delivery.tell({"type": "file_deleted", "file_id": file_id, "event_ts": stamp})

    def _post(
        self, user: str, channel: str, text: str, incoming: _Incoming, thread: str | None
    ) -> Message:
        if not incoming.files:
            raise SlackError("no_file_data")
        marked = self.workspace.mentions_to_ids(text)
        message = self.workspace.share(channel, user, marked, incoming.files, thread or "")
        incoming.posted = True
        self.delivery.said(message)
        return message

    @contextmanager
    def _incoming(self, user: str, *, connect: bool = False) -> Iterator[_Incoming]:
        incoming = _Incoming(self.workspace, user, connect)
        try:
            yield incoming
        finally:
            incoming.close()

    # requests of the page

    async def _upload(self, request: web.Request) -> web.Response:
        """Share files from a form. `user` and `channel` are in the query; `text`, `names` and any
        number of files are form fields.

        `names` is a JSON list, because a form's own file names lose quotes and backslashes.
        """
        user, channel = request.query.get("user", ""), request.query.get("channel", "")
        said = {"text": request.query.get("text", ""), "names": "[]"}
        try:
            self.workspace.writable(channel, user)
            with self._incoming(user) as incoming:
                async for part in await request.multipart():
                    if not isinstance(part, BodyPartReader):
                        continue
                    if part.filename is None:
                        said[part.name or ""] = (await part.read()).decode(errors="replace")
                    else:
                        await _saved(part, incoming.room())
                        names = json.loads(said["names"])
                        at = len(incoming.files)
                        name = str(names[at]) if at < len(names) else part.filename
                        incoming.add(name, part.headers.get("Content-Type", UNKNOWN))
                thread = request.query.get("thread_ts")
                message = self._post(user, channel, said["text"], incoming, thread)
        except SlackError as exc:
            return web.json_response({"ok": False, "error": sentence(exc)})
        except (ValueError, AssertionError):  # not a form, or a truncated one
            return web.json_response({"ok": False, "error": sentence(SlackError("no_file_data"))})
        return web.json_response({"ok": True, "ts": message["ts"]})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        """Serve a file to members of a channel where it is shared. No script in it may run."""
        try:
            file = self.workspace.files.get(request.match_info["id"])
        except SlackError:
            return web.Response(status=404, text="This file was deleted.")
        if not file_methods.visible(self.workspace, file, request.query.get("user", "")):
            return web.Response(status=403, text="You are not in a channel with this file.")
        path = self.workspace.files.path(file["id"])
        written = file["mode"] == "snippet"
        headers = file_headers(file["mimetype"], file["name"], written=written, utf8=_is_utf8(path))
        return web.FileResponse(path, headers=headers)


async def _saved(part: BodyPartReader, path: Path) -> None:
    size = 0
    with path.open("wb") as out:
        while piece := await part.read_chunk(PIECE):
            size += len(piece)
            if size > LARGEST:
                raise SlackError("file_too_large")
            out.write(piece)


def _is_utf8(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(file.read(PIECE))
        except UnicodeDecodeError:
            return False
    return True
