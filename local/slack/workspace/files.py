"""The workspace's files: their records, their bytes on disk, and the file objects apps receive.

https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

import mimetypes
import re
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local.slack.workspace.errors import SlackError
from local.slack.workspace.people import PRIVATE, TEAM

File = dict[str, Any]
LARGEST_SNIPPET = 1024**2
TYPES = {"txt": "text", "log": "text", "py": "python", "js": "javascript", "md": "markdown"}
TYPES |= {"ts": "typescript", "rs": "rust", "yml": "yaml", "htm": "html", "jpeg": "jpg"}
"""Slack's file types whose names differ from the file extension."""
MEDIA = {"md": "text/markdown", "go": "text/plain", "rs": "text/plain", "sql": "text/plain"}
MEDIA |= {"ts": "text/plain", "yml": "text/plain", "yaml": "text/plain", "log": "text/plain"}
TEXTS = ("application/json", "application/xml", "application/javascript", "application/x-sh")
UNKNOWN = "application/octet-stream"


class Files:
    """The files by id. `base` returns the stand-in's address, for a file's URLs.

    Without `folder` the bytes live only as long as this object. A record's `shares` are (channel,
    ts, thread_ts).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.base: Callable[[], str] = str
        self._folder = folder or Path(tempfile.mkdtemp(prefix="slack-files-"))
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._records: dict[str, File] = {}
        self._placed: dict[tuple[str, str], list[str]] = {}

    def room(self) -> tuple[str, Path]:
        """Reserve a file id. Returns it and the path to write the bytes to before `add`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file_id = f"F{uuid.uuid4().hex[:10].upper()}"
        return file_id, self._folder / file_id

    def add(
        self, file_id: str, user: str, name: str, media: str, created: float, *, connect: bool
    ) -> File:
        """Create the record of a file whose bytes were written; guess `media` if unknown."""
        ending = name.rpartition(".")[2].lower() if "." in name else ""
        if media in ("", UNKNOWN):
            media = MEDIA.get(ending) or mimetypes.guess_type(f"x.{ending}")[0] or UNKNOWN
        size = self.path(file_id).stat().st_size
        written = media.startswith("text/") or media in TEXTS
        record = {"id": file_id, "name": name, "mimetype": media, "size": size, "user": user}
        record |= {"filetype": TYPES.get(ending, ending) or ("text" if written else "binary")}
        record |= {"mode": "snippet" if written and size <= LARGEST_SNIPPET else "hosted"}
        record |= {"created": int(created), "connect": connect, "shares": []}
        self._records[file_id] = record
        return record

    def keep(self, record: File) -> None:
        """Restore a record from the journal."""
        known = self._records.get(record["id"], {})
        shares = known.get("shares", [])
        self._records[record["id"]] = {"connect": False, **record, "shares": shares}

    def edit(self, file_id: str, data: bytes | None, name: str) -> None:
        """Replace a file's bytes or its name."""
        record = self.get(file_id)
        if data is not None:
            self.path(file_id).write_bytes(data)
            record["size"] = len(data)
        record["name"] = name or record["name"]

    def place(self, message: dict[str, Any], *, there: bool = True) -> None:
        """Record that a message shows its files, or with `there=False` that it no longer does."""
        at = (message["channel"], message["ts"])
        for file_id in self._placed.pop(at, ()):
            if record := self._records.get(file_id):
                record["shares"] = [each for each in record["shares"] if each[:2] != at]
        shown = [each["id"] for each in message.get("files") or () if each["id"] in self._records]
        if there and shown:
            self._placed[at] = shown
            for file_id in shown:
                self._records[file_id]["shares"].append((*at, message.get("thread_ts")))

    def drop(self, file_id: str) -> None:
        """Delete a file's record and bytes; an unknown id is ignored."""
        if self._records.pop(file_id, None):
            self.path(file_id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete bytes that have no record: uploads interrupted by a kill."""
        for path in self._folder.glob("F*"):
            if path.name not in self._records:
                path.unlink(missing_ok=True)

    def get(self, file_id: str) -> File:
        """Return a file's record. Raises SlackError if there is none."""
        if file_id not in self._records:
            raise SlackError("file_not_found")
        return self._records[file_id]

    def path(self, file_id: str) -> Path:
        """Return the path of a file's bytes."""
        return self._folder / file_id

    def __iter__(self) -> Iterator[File]:
        return iter([*self._records.values()])

    def within(self, message: dict[str, Any], *, whole: bool = False) -> list[File]:
        """Return a message's files as apps get them; `whole` completes other workspaces' files."""
        told = []
        for each in message.get("files") or ():
            record = self._records.get(each["id"])
            if record is None:
                told.append({"id": each["id"], "mode": "tombstone"})
            elif record["connect"] and not whole:
                hidden = {"mode": "file_access", "file_access": "check_file_info"}
                told.append({"id": each["id"], **hidden})
            else:
                told.append(self.told(record))
        return told

    def told(self, record: File) -> File:
        """Return the file object. Its URLs contain the name as Slack shortens it."""
        file_id, name = record["id"], record["name"]
        slug = re.sub(r"[^a-z0-9._-]", "_", name.lower())[-100:].lstrip(".") or "file"
        where = [*dict.fromkeys(channel for channel, *_ in record["shares"])]
        groups = [each[0] for each in PRIVATE if each[0] in where]
        public = [each for each in where if each.startswith("C") and each not in groups]
        address = f"{self.base()}/slack/files/{file_id}/{slug}"
        shown = {key: value for key, value in record.items() if key not in ("connect", "shares")}
        return {
            **shown,
            "title": name,
            "timestamp": record["created"],
            "pretty_type": record["filetype"].upper(),
            "user_team": TEAM["id"],
            "editable": record["mode"] == "snippet",
            "is_external": False,
            "external_type": "",
            "is_public": bool(public),
            "public_url_shared": False,
            "url_private": address,
            "url_private_download": address,
            "permalink": f"{self.base()}/files/{record['user']}/{file_id}/{slug}",
            "channels": public,
            "ims": [channel for channel in where if channel.startswith("D")],
            "groups": groups,
            "file_access": "visible",
        }
