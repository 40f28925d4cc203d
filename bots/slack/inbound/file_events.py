"""Events other than questions: deletions, changed files, and channels joined or left.

A value of an unexpected type counts as absent, so that no payload raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bots.slack.inbound.parse import PLATFORM, kind_of
from bots.slack.inbound.tenancy import installed
from bots.wire.fields import id_of, map_of, text_of
from core.values.conversation import EVERYWHERE, Command, Conversation, Kind, Person

NOTICES = (
    "app_uninstalled",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "file_change",
    "file_deleted",
    "file_unshared",
    "group_deleted",
    "group_left",
    "member_joined_channel",
    "member_left_channel",
)
"""The types of the events handled here, apart from `message`."""

MOVED = ("joined", "left", "uninstalled")
"""Notices that are ordered by when they happened, as events may arrive late."""
LATEST = 1e11
"""Seconds since the epoch; an event with a later time is malformed."""


class _Told(NamedTuple):
    """A notice: its name, the channel it is about, the file or channel it names, and the post."""

    name: str
    channel: str
    argument: str = ""
    target: str = ""

    @property
    def whole(self) -> bool:
        """Whether it has everything that a notice of its name needs."""
        needed = self.argument or self.target or self.name not in ("gone", "changed", "rehomed")
        return bool(self.name and self.channel and needed)


def notice(body: Mapping[str, Any]) -> Command | None:
    """Return the notice in an Events API envelope; None if it is another kind or incomplete.

    `gone`: a post (`target`) or file (`argument`) was deleted. `changed`: a file's content may have
    changed. `joined`, `left`, `closed`: of a channel. `rehomed`: a channel has a new id
    (`argument`). `uninstalled`: the workspace removed the app.
    """
    event = map_of(body.get("event"))
    tenant, bot = installed(body)
    once = id_of(body.get("event_id")) or id_of(event.get("event_ts"))
    told = _told(event, bot)
    if told is None or not (tenant and once and told.whole):
        return None
    earlier = map_of(event.get("previous_message"))
    kind = kind_of(told.channel, event.get("channel_type"))
    thread = id_of(earlier.get("thread_ts")) or (None if kind is Kind.DIRECT else told.target)
    return Command(
        event_id=f"{PLATFORM}/{tenant}/{told.channel}/notice/{once}",
        conversation=Conversation(PLATFORM, tenant, told.channel, thread or None, kind),
        person=Person(id_of(event.get("user")) or id_of(earlier.get("user"))),
        name=told.name,
        argument=told.argument,
        target=told.target or None,
        at=_happened(body) if told.name in MOVED else 0.0,
    )


def _happened(body: Mapping[str, Any]) -> float:
    """Return when an event happened, by Slack's clock; 0 if it does not say.

    https://docs.slack.dev/apis/events-api#event-type-structure
    """
    for told in (map_of(body.get("event")).get("event_ts"), body.get("event_time")):
        try:
            at = float(told if isinstance(told, str | int | float) else 0)
        except (ValueError, OverflowError):
            continue
        if 0 < at < LATEST:
            return at
    return 0.0


def _told(event: Mapping[str, Any], bot: str) -> _Told | None:
    channel = id_of(event.get("channel")) or id_of(event.get("channel_id"))
    file = id_of(event.get("file_id")) or id_of(map_of(event.get("file")).get("id"))
    about_us = bool(bot) and event.get("user") == bot
    match event.get("type"):
        case "message":
            return _of_message(event, channel)
        case "file_deleted":
            return _Told("gone", EVERYWHERE, file)
        case "file_unshared":
            return _Told("gone", channel, file)
        case "file_change":
            return _Told("changed", EVERYWHERE, file)
        case "member_joined_channel" if about_us:
            return _Told("joined", channel)
        case "member_left_channel" if about_us:
            return _Told("left", channel)
        case "channel_left" | "group_left":
            return _Told("left", channel)
        case "channel_deleted" | "group_deleted":
            return _Told("closed", channel)
        case "channel_id_changed":
            new = id_of(event.get("new_channel_id"))
            return _Told("rehomed", id_of(event.get("old_channel_id")), new)
        case "app_uninstalled":
            return _Told("uninstalled", EVERYWHERE)
        case _:
            return None


def _of_message(event: Mapping[str, Any], channel: str) -> _Told | None:
    """Return the notice of a deleted post.

    A thread's root deleted while it has replies is changed into a tombstone instead.
    https://github.com/slack-edge/slack-edge/pull/10
    """
    match text_of(event.get("subtype")):
        case "message_deleted":
            return _Told("gone", channel, target=id_of(event.get("deleted_ts")))
        case "message_changed":
            changed = map_of(event.get("message"))
            if changed.get("subtype") == "tombstone":
                return _Told("gone", channel, target=id_of(changed.get("ts")))
    return None
