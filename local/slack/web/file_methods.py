"""Web API methods about files.

https://docs.slack.dev/reference/methods/files.info
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.slack.web.directory import cut
from local.slack.workspace.files import File
from local.slack.workspace.people import BOT, TEAM
from local.slack.workspace.state import SlackError, Workspace

Arguments = Mapping[str, Any]


def info(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`files.info`: a file with the channels it is shared in."""
    file = found(workspace, str(a.get("file", "")))
    told = {**workspace.files.told(file), "shares": _shares(workspace, file)}
    return {"file": told, "comments": [], "response_metadata": {"next_cursor": ""}}


def listed(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`files.list`: files that the bot can see, newest first, optionally of one channel."""
    files = [each for each in workspace.files if visible(workspace, each)]
    if a.get("channel"):
        files = [each for each in files if a["channel"] in [share[0] for share in each["shares"]]]
    page, _ = cut(files[::-1], {"limit": a.get("count")}, 100)
    return {"files": [workspace.files.told(each) for each in page]}


def delete(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`files.delete`: only for the bot's own files."""
    file = found(workspace, str(a.get("file", "")))
    if file["user"] != BOT:
        raise SlackError("cant_delete_file")
    workspace.drop_file(file["id"])
    return {}


def found(workspace: Workspace, file_id: str) -> File:
    """Return a file that the bot can see. Raises SlackError for any other."""
    file = workspace.files.get(file_id)
    if not visible(workspace, file):
        raise SlackError("file_not_found")
    return file


def visible(workspace: Workspace, file: File, user: str = BOT) -> bool:
    """Whether `user` owns a file or is in a channel where it is shared."""
    places = [workspace.channel(channel) for channel, *_ in file["shares"]]
    return file["user"] == user or any(user in each["members"] for each in places)


def _shares(workspace: Workspace, file: File) -> dict[str, Any]:
    shares: dict[str, Any] = {}
    for channel, ts, thread in file["shares"]:
        where = workspace.channel(channel)
        private = where["kind"] == "dm" or where.get("private")
        share = {"ts": ts, "channel_name": where["name"], "team_id": TEAM["id"]}
        share |= {"reply_users": [], "reply_users_count": 0, "reply_count": 0}
        if thread:
            share["thread_ts"] = thread
        kind = shares.setdefault("private" if private else "public", {})
        kind.setdefault(channel, []).append(share)
    return shares
