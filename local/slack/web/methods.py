"""The Web API methods that a bot like ours calls, with the errors that Slack documents.

https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from local.slack.web import directory, file_methods
from local.slack.web.blocks import accepted
from local.slack.workspace.state import APP_ID, BOT, BOT_ID, TEAM, Message, SlackError, Workspace

LONGEST_UPDATE = 4000
LONGEST_POST = 40_000
TRIGGER_LIVES = 3.0
"""Seconds after a command or button within which `views.open` must be called."""

Arguments = Mapping[str, Any]
Method = Callable[[Workspace, Arguments], dict[str, Any]]


def auth_test(_: Workspace, __: Arguments) -> dict[str, Any]:
    """`auth.test`: who the bot is and which workspace it is in."""
    team = {"team_id": TEAM["id"], "team": TEAM["name"], "url": "https://acme.slack.com/"}
    return {**team, "user": "parley", "user_id": BOT, "bot_id": BOT_ID}


def post_message(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`chat.postMessage`. Text beyond Slack's limit is cut."""
    text, blocks = _said(a)
    message = workspace.add(
        a.get("channel", ""),
        BOT,
        text[:LONGEST_POST],
        blocks=blocks,
        thread_ts=a.get("thread_ts"),
        metadata=_metadata(a),
        bot_id=BOT_ID,
        app_id=APP_ID,
        team=TEAM["id"],
    )
    workspace.echo("message", message, "")
    sent = {"channel": message["channel"], "ts": message["ts"], "message": told(workspace, message)}
    if len(text) > LONGEST_POST:
        sent["response_metadata"] = {"warnings": ["message_truncated"]}
    return sent


def update(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`chat.update`: only the bot's own messages; too long a text is an error."""
    text, blocks = _said(a)
    if len(text) > LONGEST_UPDATE:
        raise SlackError("msg_too_long")
    message = _own(workspace, a, "cant_update_message")
    before = message["text"]
    if metadata := _metadata(a):
        message["metadata"] = metadata
    workspace.change(message["channel"], message["ts"], text, blocks)
    workspace.echo("message_changed", message, before)
    where = {"channel": message["channel"], "ts": message["ts"], "text": text}
    return {**where, "message": told(workspace, message)}


def delete(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`chat.delete`: only the bot's own messages."""
    message = _own(workspace, a, "cant_delete_message")
    workspace.remove(message["channel"], message["ts"])
    workspace.echo("message_deleted", message, message["text"])
    return {"channel": message["channel"], "ts": message["ts"]}


def post_ephemeral(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`chat.postEphemeral`: show a message to one member of a channel."""
    text, blocks = _said(a)
    where = _joined(workspace, a)
    if where["id"] in workspace.archived:
        raise SlackError("is_archived")
    if a.get("user") not in where["members"]:
        raise SlackError("user_not_in_channel")
    thread = {"thread_ts": a["thread_ts"]} if a.get("thread_ts") else {}
    whispered = workspace.post_ephemeral(
        where["id"], a["user"], text[:LONGEST_POST], blocks=blocks, **thread
    )
    return {"message_ts": whispered["ts"]}


def replies(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`conversations.replies`: a thread's root, then its replies, oldest first, in pages."""
    where = _joined(workspace, a)
    root, *rest = workspace.thread(where["id"], str(a.get("ts", "")))
    page = _page(workspace, [m for m in rest if _within(m, a)], a, 1000)
    if not a.get("cursor"):
        page["messages"].insert(0, told(workspace, root, metadata=_flag(a, "include_all_metadata")))
    return page


def history(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`conversations.history`: messages outside threads, newest first, in pages."""
    within = workspace.messages[_joined(workspace, a)["id"]].values()
    top = [m for m in within if m.get("thread_ts") in (None, m["ts"]) and _within(m, a)]
    return _page(workspace, top[::-1], a, 100)


def view_open(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`views.open`, within seconds of the command or button whose trigger it names."""
    born = workspace.triggers.pop(str(a.get("trigger_id", "")), None)
    if born is None:
        raise SlackError("invalid_trigger_id")
    if workspace.clock() - born > TRIGGER_LIVES:
        raise SlackError("expired_trigger_id")
    return _view(workspace, a, "")


def view_publish(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`views.publish`: set a person's home tab."""
    return _view(workspace, a, workspace.user(a.get("user_id", ""))["id"])


def react(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    """`reactions.add`, once per emoji and message."""
    message = workspace.get(a.get("channel", ""), a.get("timestamp", ""))
    given = message.setdefault("reactions", [])
    if a.get("name") in [each["name"] for each in given]:
        raise SlackError("already_reacted")
    given.append({"name": str(a.get("name", "")), "users": [BOT], "count": 1})
    return {}


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "auth.test": auth_test,
        "chat.delete": delete,
        "chat.postEphemeral": post_ephemeral,
        "chat.postMessage": post_message,
        "chat.update": update,
        "conversations.history": history,
        "conversations.info": directory.conversation_info,
        "conversations.list": directory.conversation_list,
        "conversations.members": directory.conversation_members,
        "conversations.open": directory.conversation_open,
        "conversations.replies": replies,
        "files.delete": file_methods.delete,
        "files.info": file_methods.info,
        "files.list": file_methods.listed,
        "reactions.add": react,
        "users.info": directory.user_info,
        "users.conversations": directory.user_conversations,
        "users.list": directory.user_list,
        "views.open": view_open,
        "views.publish": view_publish,
    }
)
NO_JSON = frozenset(
    name for name in METHODS if name.startswith(("conversations.", "files.", "users."))
) - {"conversations.open", "files.delete"}
"""Methods that read their arguments from a form or the query only and ignore a JSON body."""


def told(workspace: Workspace, message: Message, *, metadata: bool = True) -> dict[str, Any]:
    """Return a message as the API returns it to apps."""
    hidden = {"channel", "author", "files"} | (set() if metadata else {"metadata"})
    shown = {name: value for name, value in message.items() if name not in hidden}
    if files := workspace.files.within(message):
        shown["files"] = files
    if answers := workspace.replies(message["channel"], message["ts"]):
        users = [*dict.fromkeys(each["user"] for each in answers.values())]
        shown |= {"thread_ts": message["ts"], "reply_count": len(answers), "reply_users": users}
        shown["latest_reply"] = next(reversed(answers))
    return shown


def _said(a: Arguments) -> tuple[str, list[dict[str, Any]]]:
    text, blocks = a.get("text") or "", accepted(a.get("blocks") or [])
    if not isinstance(text, str):
        raise SlackError("invalid_arguments", "text must be a string")
    if not text and not blocks:
        raise SlackError("no_text")
    return text, blocks


def _metadata(a: Arguments) -> dict[str, Any]:
    metadata = a.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise SlackError("invalid_metadata_format")
    if metadata and not (
        isinstance(metadata.get("event_type"), str)
        and metadata["event_type"]
        and isinstance(metadata.get("event_payload"), Mapping)
    ):
        raise SlackError("invalid_metadata_schema")
    return dict(metadata)


def _own(workspace: Workspace, a: Arguments, error: str) -> Message:
    message = workspace.get(a.get("channel", ""), a.get("ts", ""))
    if message["channel"] in workspace.archived:
        raise SlackError("is_inactive")
    if message["user"] != BOT:
        raise SlackError(error)
    return message


def _joined(workspace: Workspace, a: Arguments) -> dict[str, Any]:
    where = directory.known(workspace, a)
    if BOT not in where["members"]:
        raise SlackError("not_in_channel")
    return where


def _within(message: Message, a: Arguments) -> bool:
    """Whether a message is between `oldest` and `latest`; the bounds count only if `inclusive`."""
    at = float(message["ts"])
    oldest, latest = _number(a, "oldest", 0.0), _number(a, "latest", float("inf"))
    if _flag(a, "inclusive"):
        return oldest <= at <= latest
    return oldest < at < latest


def _page(
    workspace: Workspace, messages: list[Message], a: Arguments, usual: int
) -> dict[str, Any]:
    limit = int(_number(a, "limit", usual))
    if not 1 <= limit <= 1000:
        raise SlackError("invalid_limit")
    try:
        start = int(base64.b64decode(str(a.get("cursor") or "MA=="), validate=True))
    except (ValueError, binascii.Error) as exc:
        raise SlackError("invalid_cursor") from exc
    metadata, end = _flag(a, "include_all_metadata"), start + min(limit, workspace.most)
    page = [told(workspace, each, metadata=metadata) for each in messages[start:end]]
    more = end < len(messages)
    result: dict[str, Any] = {"messages": page, "has_more": more}
    if more:
        following = base64.b64encode(str(end).encode()).decode()
        result["response_metadata"] = {"next_cursor": following}
    return result


def _number(a: Arguments, name: str, usual: float) -> float:
    try:
        return float(a.get(name) or usual)
    except (TypeError, ValueError) as exc:
        raise SlackError("invalid_arguments", f"{name} must be a number") from exc


def _flag(a: Arguments, name: str) -> bool:
    return str(a.get(name, "")).lower() in ("1", "true")


def _view(workspace: Workspace, a: Arguments, user: str) -> dict[str, Any]:
    view = a.get("view")
    if not isinstance(view, Mapping) or view.get("type") not in ("modal", "home"):
        raise SlackError("invalid_arguments", "view must be a modal or a home")
    kept = {**view, "id": f"V{uuid.uuid4().hex[:9].upper()}", "team_id": TEAM["id"], "user": user}
    kept["blocks"] = accepted(view.get("blocks") or [])
    workspace.views.append(kept)
    return {"view": kept}
