"""Web API methods about people, channels and members."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from local.slack.workspace.people import BOT, TEAM
from local.slack.workspace.state import SlackError, Workspace

Arguments = Mapping[str, Any]


def known(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """Return the requested channel. Raises SlackError for a private one without the bot."""
    where = workspace.channel(a.get("channel", ""))
    if not seen(where):
        raise SlackError("channel_not_found")
    return where


def seen(channel: Mapping[str, Any]) -> bool:
    """Whether the bot can see a channel: it is public, or the bot is a member."""
    return not channel.get("private") or BOT in channel["members"]


def conversation_info(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`conversations.info`."""
    return {"channel": _conversation(workspace, known(workspace, a))}


def conversation_list(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`conversations.list`: the channels of the requested types that the bot can see."""
    kinds = str(a.get("types") or "public_channel").split(",")
    found = [c for c in workspace.channels if kind(c) in kinds and seen(c)]
    listed = [_conversation(workspace, each) for each in found]
    return {"channels": listed, "response_metadata": {"next_cursor": ""}}


def user_conversations(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`users.conversations`: a person's channels; private ones only if the bot is a member too."""
    user = workspace.user(a.get("user") or BOT)["id"]
    kinds = str(a.get("types") or "public_channel").split(",")
    if not {*kinds} <= {"public_channel", "private_channel", "im", "mpim"}:
        raise SlackError("invalid_types")
    found = [
        each
        for each in workspace.channels
        if kind(each) in kinds and user in each["members"] and seen(each)
    ]
    if str(a.get("exclude_archived", "")).lower() in ("1", "true"):
        found = [each for each in found if each["id"] not in workspace.archived]
    page, following = cut(found, a, 100)
    listed = [_conversation(workspace, each) for each in page]
    return {"channels": listed, "response_metadata": {"next_cursor": following}}


def conversation_members(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`conversations.members`, a page at a time."""
    page, following = cut(known(workspace, a)["members"], a, 100)
    return {"members": [*page], "response_metadata": {"next_cursor": following}}


def conversation_open(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`conversations.open` for the direct message with one person."""
    users = [user for user in str(a.get("users") or "").split(",") if user]
    if len(users) != 1:
        raise SlackError(
            "method_not_supported_for_channel_type" if users else "users_list_not_supplied"
        )
    return {"channel": {"id": workspace.channel(workspace.user(users[0])["id"])["id"]}}


def user_info(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`users.info`."""
    return {"user": _user(workspace.user(a.get("user", "")))}


def user_list(workspace: Workspace, _: Arguments) -> dict[str, Any]:
    """`users.list`, always in one page."""
    members = [_user(each) for each in workspace.users]
    return {"members": members, "response_metadata": {"next_cursor": ""}}


def kind(channel: Mapping[str, Any]) -> str:
    """Return a channel's type as Slack's `types` argument names it."""
    if channel["kind"] == "dm":
        return "im"
    return "private_channel" if channel.get("private") else "public_channel"


def cut(things: Sequence[Any], a: Arguments, usual: int) -> tuple[Sequence[Any], str]:
    """Return the page selected by `limit` and `cursor`, and the cursor of the next one."""
    try:
        limit = int(a.get("limit") or usual)
        start = int(base64.b64decode(str(a.get("cursor") or "MA=="), validate=True))
    except (ValueError, TypeError, binascii.Error) as exc:
        raise SlackError("invalid_cursor") from exc
    if not 1 <= limit <= 1000:
        raise SlackError("invalid_limit")
    end = start + limit
    following = base64.b64encode(str(end).encode()).decode() if end < len(things) else ""
    return things[start:end], following


def _user(user: Mapping[str, Any]) -> dict[str, Any]:
    name = str(user["name"])
    profile = {"display_name": name, "real_name": name, "title": user["title"]}
    handle = name.split(maxsplit=1)[0].lower()
    team = {"team_id": user.get("team", TEAM["id"]), "deleted": False, "is_bot": user["is_bot"]}
    if user.get("team", TEAM["id"]) != TEAM["id"]:
        team["is_stranger"] = True
    else:
        rights = ("is_admin", "is_owner", "is_restricted", "is_ultra_restricted")
        team |= {name: user.get(name) is True for name in rights}
    return {"id": user["id"], "name": handle, "real_name": name, "profile": profile, **team}


def _conversation(workspace: Workspace, channel: Mapping[str, Any]) -> dict[str, Any]:
    direct = channel["kind"] == "dm"
    told_of = {"id": channel["id"], "is_im": direct, "is_channel": not direct}
    told_of["is_private"] = bool(channel.get("private"))
    if direct:
        return {**told_of, "user": channel["members"][0]}
    told_of["creator"] = channel.get("creator", "")
    archived, joined = channel["id"] in workspace.archived, BOT in channel["members"]
    named = {"name": channel["name"], "topic": {"value": channel["topic"]}}
    return {**told_of, **named, "is_archived": archived, "is_member": joined}
