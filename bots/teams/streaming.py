"""Teams' native streams, in personal chats: one message that Teams itself shows growing.

1. One stream a chat at a time, and its calls one after another.
2. Streamed text only grows: what is sent begins with what was sent before. Marks that only close
   what is unfinished are left out until they are certain.
3. Nothing is lost when a stream ends early: the message has the same id, and is changed in place
   from then on.

https://learn.microsoft.com/microsoftteams/platform/bots/streaming-ux
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bots.teams.cards import activity
from bots.teams.markup import plain, render, units
from bots.teams.web import StreamRefused
from core.answer import MessageId, Rendered, Stage
from core.ports import Stopped, TooLong

LONGEST = 105.0
"""Seconds after which we end a stream ourselves; Teams does so after 120."""
INFORMATIVE = 900
"""UTF-16 units of a status; Teams takes 1,000."""
REFUSED_FOR = 3600.0
"""Seconds that a chat is not asked again after it refused to stream at all."""
CLOSERS = re.compile(r"[\s*_~`\u200b\\]+\Z")
"""What the end of growing Markdown may take back."""


Post = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Posts an activity to the conversation and gives its id."""


@dataclass(slots=True)
class _Stream:
    id: str
    began: float
    sequence: int = 1
    sent: str = ""


class Streams:
    """The streams of this process, by chat."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, _Stream] = {}
        self._refused: dict[str, float] = {}

    async def start(self, chat: str, message: Rendered, post: Post) -> MessageId | None:
        """Begins a stream; None where it must be an ordinary message."""
        now = self._clock()
        busy = self._open.get(chat)
        if busy is not None and now - busy.began < 2 * LONGEST:
            return None
        if now - self._refused.get(chat, float("-inf")) < REFUSED_FOR:
            return None
        stream = self._open[chat] = _Stream("", now)
        growing = message.stage is Stage.GROWING
        text = _growing(message) if growing else _status(message)
        try:
            stream.id = await post(_chunk(text, stream, informative=not growing))
        except StreamRefused:
            self._refused[chat] = now
            self._end(chat, stream)
            return None
        except BaseException:
            self._end(chat, stream)
            raise
        if not stream.id:
            self._end(chat, stream)
            return None
        stream.sent = text if growing else ""
        return MessageId(stream.id)

    async def edit(
        self, chat: str, message_id: str, message: Rendered, post: Post, *, mark: str = ""
    ) -> bool:
        """Goes on with a stream, or ends it; False where the message must be changed in place.

        Raises Stopped when the person ended it, TooLong, and what `post` raises.
        """
        stream = self._open.get(chat)
        if stream is None or stream.id != message_id:
            return False
        try:
            grows = message.stage in (Stage.STATUS, Stage.GROWING)
            if grows and self._clock() - stream.began < LONGEST:
                await self._grow(stream, message, post)
                return True
            # if it goes on growing, then as an ordinary message, with our own Stop button
            return await self._close(chat, stream, activity(message, mark), post)
        except StreamRefused as exc:
            why = exc.why.lower()
            if "too large" in why:
                raise TooLong("stream") from exc
            self._end(chat, stream)
            if "cancel" in why:
                raise Stopped("by its reader") from exc
            return False

    def forget(self, chat: str, message_id: str) -> None:
        """The message was deleted."""
        stream = self._open.get(chat)
        if stream is not None and stream.id == message_id:
            self._end(chat, stream)

    async def _grow(self, stream: _Stream, message: Rendered, post: Post) -> None:
        status = message.stage is Stage.STATUS
        if status and stream.sent:
            return  # text is not taken back
        text = _status(message) if status else _growing(message)
        if not status and (not text.startswith(stream.sent) or text == stream.sent):
            return  # more will come, or the end
        stream.sequence += 1
        await post(_chunk(text, stream, informative=status))
        stream.sent = stream.sent if status else text

    async def _close(
        self, chat: str, stream: _Stream, whole: Mapping[str, Any], post: Post
    ) -> bool:
        """Ends a stream with a message, or, where that does not begin with what was streamed, with
        what was."""
        fits = str(whole["text"]).startswith(stream.sent)
        streamed = {"type": "message", "textFormat": "markdown", "text": stream.sent}
        ending = whole if fits else streamed
        await post({**ending, "entities": [*ending.get("entities", ()), _info(stream, "final")]})
        self._end(chat, stream)
        return fits

    def _end(self, chat: str, stream: _Stream) -> None:
        if self._open.get(chat) is stream:
            del self._open[chat]


def _chunk(text: str, stream: _Stream, *, informative: bool) -> dict[str, Any]:
    kind = "informative" if informative else "streaming"
    entity = {**_info(stream, kind), "streamSequence": stream.sequence}
    return {"type": "typing", "textFormat": "markdown", "text": text, "entities": [entity]}


def _info(stream: _Stream, kind: str) -> dict[str, Any]:
    known = {"streamId": stream.id} if stream.id else {}
    return {"type": "streaminfo", "streamType": kind, **known}


def _growing(message: Rendered) -> str:
    text = CLOSERS.sub("", render(message.markdown))
    return text or "…"


def _status(message: Rendered) -> str:
    text = plain(message.markdown) or "…"
    while units(text) > INFORMATIVE:
        text = text[: len(text) * 3 // 4]
    return text
