"""Teams' native streams, in personal chats: one message that Teams itself shows growing.

1. One stream a chat at a time, and its calls one after another.
2. Streamed text only grows: what is sent begins with what was sent before. Marks that only close
   what is unfinished are left out until they are certain.
3. Nothing is lost when a stream ends early: the message has the same id, and is changed in place
   from then on.
4. A chunk without an answer may have been taken: what follows begins with it, and it is sent again.
5. A text that a stream finds too large is not sent to it again: the stream is over, as in 3.
6. A stream ends with text alone. What needs a card (Retry) becomes one afterwards, in place.

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
"""Seconds after which we end a stream ourselves; Teams does so after 120."""
INFORMATIVE = 900
"""UTF-16 units of a status; Teams takes 1,000."""
PAUSE, LONGEST_PAUSE = 130.0, 3600.0
"""Seconds that a chat is not asked again after it refused to stream, doubled each time. The first
time it may have had a stream that this process does not know of, which has ended by then."""


Post = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Posts an activity to the conversation and gives its id."""


@dataclass(slots=True)
class _Stream:
    id: str
    began: float
    sequence: int = 1
    sent: str = ""
    certain: bool = True
    """Whether Teams has said that it took what was sent."""


class Streams:
    """The streams of this process, by chat."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, _Stream] = {}
        self._refused: Remembered[tuple[float, float]] = Remembered(clock, 2 * LONGEST_PAUSE)
        """By chat: until when it is not asked, and how long after the next refusal."""

    async def start(self, chat: str, message: Rendered, post: Post) -> MessageId | None:
        """Begins a stream; None where it must be an ordinary message, empty where no id is told."""
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
            # if it is not the stream that is refused, the ordinary message is refused as well
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
        """Of those whose worker was cancelled the oldest are no streams any more."""
        chat = next(iter(self._open), "")
        if chat and now - self._open[chat].began >= 2 * LONGEST:
            del self._open[chat]

    async def edit(self, chat: str, message_id: str, message: Rendered, post: Post) -> bool:
        """Goes on with a stream, or ends it; False where the message must be changed in place.

        Raises Stopped when the person ended it, and what `post` raises.
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
            # if it goes on growing, then as an ordinary message, with our own Stop button
            return await self._close(chat, stream, message, post)
        except StreamRefused as exc:
            self._end(chat, stream)
            if exc.cancelled:
                raise Stopped("by its reader") from exc
            return False
        except (Forbidden, Gone, TooLong):
            # whether there is anything to be shown here, the change in place will tell
            self._end(chat, stream)
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
        stands = not text or (text == stream.sent and stream.certain)
        if not status and (stands or not text.startswith(stream.sent)):
            return  # more will come, or the end
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
        """Ends a stream with a message's text, or, where that does not begin with what was
        streamed, with what was. False where the message is to be more than that text."""
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
    """Empty while there is nothing that is certain to stay."""
    return beginning(render(message.markdown), links_of(message.markdown))


def _status(message: Rendered) -> str:
    text = plain(message.markdown) or "…"
    while units(text) > INFORMATIVE:
        text = text[: len(text) * 3 // 4]
    return text
