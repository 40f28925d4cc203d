"""Parse Teams' activities into our values: one pure function for each kind.

A value of an unexpected type counts as absent, so that no payload raises.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/conversation-messages
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bots.teams.inbound.fields import (
    PLATFORM,
    by_a_bot,
    extra_of,
    happened,
    names_us,
    person_of,
    targeted,
    where_of,
)
from bots.teams.inbound.said import Said, said_of
from bots.wire.fields import MOST_FILES, id_of, list_of, map_of, text_of, url_of
from core.values.conversation import Attachment, Command, Conversation, Incoming, Kind
from core.values.models import resolve

OURS = "parley"
"""The key of the command in our buttons' data."""
FEEDBACK = "message/submitAction"
"""The name of the invoke for Teams' own feedback buttons."""
CHOICE = "choice"
"""The id of a picker's input."""
COMMANDS = ("model", "files")
"""Commands that can be typed: the titles in the manifest's command lists."""
BUTTONS = ("stop", "retry", "regenerate", "up", "down", "model", "remove", "erase", "undo", "auto")
"""Commands our cards send. Card data comes from people's clients, so other names are ignored."""
DOWNLOAD = "application/vnd.microsoft.teams.file.download.info"

_COMMAND = re.compile(rf"(/?)({'|'.join(COMMANDS)})(?:\s+(.*))?", re.I | re.S)
WORDS = ("stop", "retry", "regenerate")
"""Words that replace a button when they are all that is said to the bot; they apply to the newest
answer in the conversation."""
RATED = {"like": "up", "dislike": "down"}
_FILES = re.compile(r"\d{0,4}|auto(?: on| off)?", re.I)


def parse(body: Mapping[str, Any], bot_id: str) -> Incoming | Command | None:
    """Return what an activity asks of the bot; None if it is not for us. `bot_id` is the app's
    id."""
    if (said := said_of(body, bot_id)) is not None:
        return _as_command(body, said) or _as_message(body, said)
    return action(body, bot_id) or notice(body, bot_id)


def message(body: Mapping[str, Any], bot_id: str) -> Incoming | None:
    """Return a question to the bot, or a post that may have files to read.

    In a channel or group chat the bot is addressed by a mention, or by a message that only it and
    its author see. Other posts arrive if the app may read them all (resource-specific consent).
    Only Graph knows their files: such a post is `files_unresolved`.
    """
    said = said_of(body, bot_id)
    return _as_message(body, said) if said and not _as_command(body, said) else None


def _as_message(body: Mapping[str, Any], said: Said) -> Incoming | None:
    attachments = tuple(_attachments(body, said.id))[:MOST_FILES]
    files_unresolved = said.rich and said.where.kind is not Kind.DIRECT
    if not said.addressed and not files_unresolved:
        return None
    return Incoming(
        event_id=f"{said.where.place}/{said.id}",
        conversation=said.where,
        person=person_of(body),
        text=said.whole,
        message_id=said.id,
        attachments=attachments,
        in_thread=said.where.kind is Kind.CHANNEL and said.where.thread != said.id,
        addressed=said.addressed,
        files_unresolved=files_unresolved,
        extra=extra_of(body),
        private=targeted(body) and said.where.kind is not Kind.DIRECT,
    )


def command(body: Mapping[str, Any], bot_id: str) -> Command | None:
    """Return a typed command: `/model`, or `model sonnet` after a mention. `model trains?` is not
    one."""
    said = said_of(body, bot_id)
    return _as_command(body, said) if said else None


def _as_command(body: Mapping[str, Any], said: Said) -> Command | None:
    found = _command(said) if said.addressed else None
    if not found:
        return None
    name, argument = found
    return _made(body, said.where, f"command/{said.id}", name=name, argument=argument)


def action(body: Mapping[str, Any], bot_id: str) -> Command | None:
    """Return a press of one of our buttons, a chosen option, or Teams' own feedback.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content
    """
    value = map_of(body.get("value"))
    match body.get("type"), body.get("name"):
        case "message", _:
            data = value
        case "invoke", "adaptiveCard/action":
            data = map_of(map_of(value.get("action")).get("data"))
        case "invoke", "message/submitAction" if value.get("actionName") == "feedback":
            data = map_of(value.get("actionValue"))
        case _:
            return None
    name, target = text_of(data.get(OURS)), id_of(body.get("replyToId"))
    argument = text_of(data.get(CHOICE)) or text_of(data.get("value"))
    if body.get("name") == FEEDBACK:
        name = argument = RATED.get(text_of(data.get("reaction")), "")
    where, once = where_of(body, target), id_of(body.get("id"))
    if name not in BUTTONS or where is None or not once or by_a_bot(body, bot_id):
        return None
    name = "feedback" if name in ("up", "down") else name
    return _made(body, where, f"action/{once}", name=name, argument=argument[:2000], target=target)


def notice(body: Mapping[str, Any], bot_id: str) -> Command | None:
    """Return a notice: a deleted post, or that the bot was added to a place or removed from it."""
    once, where = id_of(body.get("id")), where_of(body, "")
    if not once or where is None:
        return None
    name = target = argument = ""
    event = map_of(body.get("channelData")).get("eventType")
    match body.get("type"):
        case "messageDelete" if event in ("softDeleteMessage", None):
            name, target = "gone", once
            if where.kind is Kind.CHANNEL and where.thread is None:
                where = replace(where, thread=once)
        case "conversationUpdate" if names_us(body, "membersAdded", bot_id):
            name, argument = "joined", _team(body)
        case "conversationUpdate" if names_us(body, "membersRemoved", bot_id):
            name, where = "left", _whole(body, where)
        case "conversationUpdate" if event in ("channelDeleted", "channelRestored"):
            # about the one channel that `channelData` names
            name = "left" if event == "channelDeleted" else "restored"
            deleted = id_of(map_of(map_of(body.get("channelData")).get("channel")).get("id"))
            if not deleted:
                return None
            where = Conversation(PLATFORM, where.tenant, deleted, None, Kind.CHANNEL)
        case "installationUpdate" if body.get("action") == "remove":
            name, where = "left", _whole(body, where)
    if not name:
        return None
    at = happened(body) if name != "gone" else 0.0
    return _made(body, where, f"notice/{once}", name=name, argument=argument, target=target, at=at)


def _made(
    body: Mapping[str, Any],
    where: Conversation,
    event: str,
    *,
    name: str,
    argument: str,
    target: str = "",
    at: float = 0.0,
) -> Command:
    """Return a command by the activity's author; `event` identifies it within its place."""
    return Command(
        event_id=f"{where.place}/{event}",
        conversation=where,
        person=person_of(body),
        name=name,
        argument=argument,
        target=target or None,
        extra=extra_of(body),
        at=at,
    )


def _team(body: Mapping[str, Any]) -> str:
    """Return the channel that stands for a team: General, whose id is the team's.

    Empty if the bot was added to, or removed from, something else, or one private or shared
    channel.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context
    """
    data = map_of(body.get("channelData"))
    alone = map_of(data.get("channel")).get("type") in ("private", "shared")
    return "" if alone else id_of(map_of(data.get("team")).get("id"))


def _whole(body: Mapping[str, Any], where: Conversation) -> Conversation:
    """Return the team that the bot left, whichever channel the event names; else the place."""
    team = _team(body) if where.kind is Kind.CHANNEL else ""
    return replace(where, channel=team, thread=None) if team else where


def _command(said: Said) -> tuple[str, str] | None:
    if (word := said.text.strip().lower().removeprefix("/")) in WORDS:
        return word, ""
    found = _COMMAND.fullmatch(said.text.strip())
    if not found:
        return None
    slash, name, argument = found[1], found[2].lower(), " ".join((found[3] or "").split())
    match name:
        case "model":
            known = not argument or resolve(argument) is not None
        case _:
            known = bool(_FILES.fullmatch(argument))
    return (name, argument) if known or slash else None


def _attachments(body: Mapping[str, Any], once: str) -> Sequence[Attachment]:
    """Return the files of a personal chat, and pictures in the text. Elsewhere only Graph knows
    files."""
    found = []
    for number, each in enumerate(map(map_of, list_of(body.get("attachments")))):
        kind, content = text_of(each.get("contentType")), map_of(each.get("content"))
        link, name = _web_of(each.get("contentUrl")), text_of(each.get("name"))
        own = f"{once}-{number}"
        if kind == DOWNLOAD and (url := _web_of(content.get("downloadUrl"))):
            file = id_of(content.get("uniqueId")) or own
            found.append(Attachment(file, name[:1024], "", 0, url, link))
        elif kind.startswith("image/") and link:
            media_type = "" if kind == "image/*" else kind[:255]
            found.append(Attachment(own, name[:1024] or "image", media_type, 0, link))
    return found


def _web_of(value: object) -> str:
    """Return a web URL; our own schemes must not come from messages."""
    url = url_of(value)
    return url if url.lower().startswith(("https://", "http://")) else ""
