"""The messages that people would see for a model's text: complete, as sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from bots.slack.rendering.blocks import shown_text, text_and_blocks
from bots.slack.rendering.mrkdwn import MrkdwnSurface
from bots.teams.rendering.cards import activity
from bots.teams.rendering.surface import TeamsSurface
from bots.wire.fields import list_of, map_of, text_of
from core.ports.chat import Chat, Surface
from core.ports.rates import Budget, Call, Priority
from core.streaming.citations import Citations
from core.streaming.live import Ending, LiveMessage
from core.streaming.markdown.presentable import Policy
from core.values.answer import MessageId, Rendered

PLATFORMS = ("slack", "teams")
TEXTS = frozenset({"TextBlock", "TextRun", "CodeBlock"})
"""Elements of a card that have text; of code it is in `codeSnippet`."""


async def messages(markdown: str, platform: str, hosts: frozenset[str]) -> list[dict[str, Any]]:
    """Return the messages sent for an answer with this text and without sources.

    `hosts` are those that the operator allows links to. Slack's messages are arguments of
    `chat.postMessage`, Teams' are activities.
    """
    chat = _Kept(MrkdwnSurface() if platform == "slack" else TeamsSurface())
    live = LiveMessage(
        cast(Chat, chat),
        cast(Budget, _Free()),
        Policy(hosts=hosts),
        mark="",
        running=(),
        posted=_nobody,
    )
    checked = Citations(0)
    live.feed(checked.feed(markdown))
    live.feed(checked.end())
    live.close()
    await live.finish(Ending())
    made = text_and_blocks if platform == "slack" else activity
    return [made(each) for each in chat.messages]


def as_text(sent: Sequence[Mapping[str, Any]], platform: str) -> str:
    """Return what is shown, in the platform's own markup, with a blank line between messages."""
    shown = (shown_text(each) if platform == "slack" else _of_activity(each) for each in sent)
    return "\n\n".join(part for part in shown if part)


def _of_activity(sent: Mapping[str, Any]) -> str:
    """Return an activity's text, and the text of its card."""
    cards = [map_of(map_of(each).get("content")) for each in list_of(sent.get("attachments"))]
    lines = [text_of(sent.get("text")), *(line for card in cards for line in _lines(card))]
    return "\n\n".join(each for each in lines if each)


def _lines(element: Any) -> Iterator[str]:
    """Yield the texts of a card in order, without the labels of its buttons."""
    if isinstance(element, list):
        for each in element:
            yield from _lines(each)
    elif isinstance(element, dict):
        if element.get("type") in TEXTS:
            yield text_of(element.get("text")) or text_of(element.get("codeSnippet"))
        yield from (each for each in list_of(element.get("inlines")) if isinstance(each, str))
        for name, value in element.items():
            if name not in ("actions", "fallback") and isinstance(value, (list, dict)):
                yield from _lines(value)


class _Kept:
    """A chat that stores what is posted to it, sufficient for a complete answer."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.messages: list[Rendered] = []

    async def post(self, message: Rendered, *, mark: str = "") -> MessageId:
        """Store a message."""
        del mark
        self.messages.append(message)
        return MessageId(str(len(self.messages)))

    async def edit(self, message_id: MessageId, message: Rendered) -> None:
        """Replace a stored message."""
        self.messages[int(message_id) - 1] = message


class _Free:
    """A budget without limits."""

    async def spend(self, call: Call, priority: Priority) -> None:
        """Spend nothing."""
        del call, priority

    def wait_for(self, call: Call, priority: Priority) -> float:
        """Return 0: no call waits."""
        del call, priority
        return 0.0

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Do nothing."""
        yield


async def _nobody(ids: Sequence[MessageId]) -> None:
    del ids
