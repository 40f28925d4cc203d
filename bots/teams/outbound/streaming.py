"""Teams' native streams in personal chats: one message that Teams itself shows growing.

1. One stream per chat at a time, with its calls in sequence.
2. Streamed text only grows: each chunk begins with the previous one. Marks that only close
   something
unfinished are left out until they are certain.
3. Nothing is lost when a stream ends early: the message keeps its id and is edited in place from
then on.
4. A chunk without a response may have been accepted: the next one begins with it, so it is sent
   again.
5. A text that is too large for a stream is not sent to it again: the stream is over, as in 3.
6. A stream ends as text alone. A message that needs a card (Retry) becomes one afterwards, in
   place.

https://learn.microsoft.com/microsoftteams/platform/bots/streaming-ux
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bots.teams.api.refusals import StreamRefused
from bots.teams.rendering.cards import as_text, has_controls
from bots.teams.rendering.guard import beginning
from bots.teams.rendering.markup import links_of, plain, render, units
from core.ports.chat import Forbidden, Gone, RateLimited, Stopped, TooLong
from core.runtime.ttl_cache import Remembered
from core.values.answer import MessageId, Rendered, Stage

LONGEST = 105.0
"""Seconds after which we end a stream ourselves; Teams ends it after 120."""
INFORMATIVE = 900
"""The most UTF-16 units of a status; Teams accepts 1,000."""
PAUSE, LONGEST_PAUSE = 130.0, 3600.0
"""Seconds without streams in a chat after it refused one, doubled each time. A first refusal may be
due to a stream that this process does not know of, which will have ended by then."""


Post = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Posts an activity to the conversation and returns its id."""


@dataclass(slots=True)
class _Stream:
    id: str
    began: float
    sequence: int = 1
    sent: str = ""
    certain: bool = True
    """Whether Teams has confirmed what was sent."""


class Streams:
    """The streams of this process, by chat."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, _Stream] = {}
        self._refused: Remembered[tuple[float, float]] = Remembered(clock, 2 * LONGEST_PAUSE)
        """By chat: until when it gets no stream, and for how long after the next refusal."""

    async def start(self, chat: str, message: Rendered, post: Post) -> MessageId | None:
        """Begin a stream. Returns the message's id, empty if Teams returns none; None if the
        message must be an ordinary one."""
        now = self._clock()
        busy = self._open.get(chat)
        if busy is not None and now - busy.began < 2 * LONGEST:
            return None
        until, pause = self._refused.get(chat) or (now, PAUSE)
        if now < until:
            return None
        self._drop_abandoned(now)
        stream = self._open[chat] = _Stream("", now)
        growing = message.stage is Stage.GROWING
        text = _growing(message) if growing else ""
        status = "…" if growing else _status(message)
        chunk = _chunk(text or status, stream, informative=not text)
        try:
            stream.id = await post(chunk)
        except (StreamRefused, Forbidden, Gone):
            # if the refusal is not about streaming, the ordinary message will be refused as well
            self._refused.put(chat, (now + pause, min(2 * pause, LONGEST_PAUSE)))
            self._end(chat, stream)
            return None
        except BaseException:
            self._end(chat, stream)
            raise
        if not stream.id:
            self._refused.put(chat, (now + pause, pause))
            self._end(chat, stream)
            return MessageId("")
        stream.sent = text
        self._refused.forget(chat)
        return MessageId(stream.id)

    def _drop_abandoned(self, now: float) -> None:
        """Forget the oldest streams, whose workers were cancelled."""
        chat = next(iter(self._open), "")
        if chat and now - self._open[chat].began >= 2 * LONGEST:
            del self._open[chat]

    async def edit(self, chat: str, message_id: str, message: Rendered, post: Post) -> bool:
        """Continue a stream or end it; False if the message must be edited in place.

        Raises Stopped if the person ended it, and what `post` raises.
        """
        stream = self._open.get(chat)
        if stream is None or stream.id != message_id:
            return False
        grows = message.stage in (Stage.STATUS, Stage.GROWING)
        grows = grows and self._clock() - stream.began < LONGEST
        try:
            if grows:
                await self._grow(stream, message, post)
                return True
            # if it keeps growing, it does so as an ordinary message, with our own Stop button
            return await self._close(chat, stream, message, post)
        except StreamRefused as exc:
            self._end(chat, stream)
            if exc.cancelled:
                raise Stopped("by its reader") from exc
            return False
        except (Forbidden, Gone, TooLong):
            # the edit in place will show whether the message still exists
            self._end(chat, stream)
            return False

    def forget(self, chat: str, message_id: str) -> None:
        """Forget the stream of a deleted message."""
        stream = self._open.get(chat)
        if stream is not None and stream.id == message_id:
            self._end(chat, stream)

    async def _grow(self, stream: _Stream, message: Rendered, post: Post) -> None:
        status = message.stage is Stage.STATUS
        if status and stream.sent:
            return  # streamed text cannot be withdrawn
        text = _status(message) if status else _growing(message)
        stands = not text or (text == stream.sent and stream.certain)
        if not status and (stands or not text.startswith(stream.sent)):
            return  # wait for more text, or for the end
        stream.sequence += 1
        before = stream.sent, stream.certain
        if not status:
            stream.sent, stream.certain = text, False
        try:
            await post(_chunk(text, stream, informative=status))
        except (RateLimited, TooLong, StreamRefused, Forbidden, Gone):
            stream.sent, stream.certain = before
            raise
        stream.certain = True

    async def _close(self, chat: str, stream: _Stream, message: Rendered, post: Post) -> bool:
        """End a stream with the message's text or, if that does not begin with the streamed text,
        with the streamed text. False if the message needs more than that text."""
        whole = as_text(message)
        fits = str(whole["text"]).startswith(stream.sent)
        controls = has_controls(message)
        streamed = {"type": "message", "textFormat": "markdown"}
        streamed["text"] = whole["text"] if fits else stream.sent
        ending = whole if fits and not controls else streamed
        await post({**ending, "entities": [*ending.get("entities", ()), _info(stream, "final")]})
        self._end(chat, stream)
        return fits and not controls

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
    """Return the text that is certain to stay; empty if there is none yet."""
    return beginning(render(message.markdown), links_of(message.markdown))


def _status(message: Rendered) -> str:
    text = plain(message.markdown) or "…"
    while units(text) > INFORMATIVE:
        text = text[: len(text) * 3 // 4]
    return text
