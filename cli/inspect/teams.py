"""What an activity of Teams becomes, and how a thread reads in a prompt. Makes no calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from bots.teams.chat import Microsoft, TeamsChat
from bots.teams.inbound.parse import parse
from bots.wire.fields import map_of, text_of
from cli.inspect.reading import Unusable
from core.turn.prompt.prompt import THREAD_LIMIT
from core.values.answer import Message
from core.values.conversation import Command, Conversation, Incoming, Kind

PLACE = Conversation("teams", "tenant", "19:channel@thread.tacv2", "0", Kind.CHANNEL)
BOT = "28:"
"""What a bot's id in Teams begins with; the rest is its app's id."""


def becomes(activity: Any, us: str = "") -> Incoming | Command | None:
    """What is queued for an activity. `us` is the app's id, by default that of its recipient.

    Raises Unusable.
    """
    if not isinstance(activity, dict):
        raise Unusable("That is a list, or a single value: a thread's messages want --thread.")
    recipient = text_of(map_of(activity.get("recipient")).get("id"))
    return parse(activity, us or recipient.removeprefix(BOT))


async def thread(messages: Sequence[Mapping[str, Any]], us: str = "") -> Sequence[Message]:
    """What was said, as the product reads it from Graph's messages of a thread.

    With their dates they may stand in any order, as Graph gives the newest first.
    """
    microsoft = _Microsoft(us or "-", _Graph(messages))
    chat = TeamsChat(cast(Microsoft, microsoft), PLACE, {"group": "group"})
    return await chat.thread(THREAD_LIMIT)


class _Nobody:
    """What a thread is read without: it can be handed on, and not called."""

    def __getattr__(self, name: str) -> _Nobody:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class _Microsoft(_Nobody):
    """Only Graph is there."""

    def __init__(self, app_id: str, graph: _Graph) -> None:
        self.app_id = app_id
        self.graph = graph


class _Graph(_Nobody):
    """Answers with the messages given, oldest first."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self._messages = sorted(messages, key=lambda each: str(each.get("createdDateTime") or ""))

    async def messages(self, place: str, thread: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the newest messages."""
        del place, thread
        return self._messages[-limit:]
