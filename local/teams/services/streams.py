"""Native streams, with the rules that Teams enforces.

https://learn.microsoft.com/microsoftteams/platform/bots/streaming-ux
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.teams.tenant.errors import TeamsError
from local.teams.tenant.people import BOT
from local.teams.tenant.state import Message, Tenant

LONGEST = 120.0
INFORMATIVE = 1000
REFUSED = "ContentStreamNotAllowed"
NOT_ALLOWED = "Content stream is not allowed"
COMPLETED = "Content stream is not allowed on an already completed streamed message"
EXCEEDED = "Content stream finished due to exceeded streaming time."
CANCELLED = "Content stream was canceled by user."
DROPPED = "ContentStreamSequenceOrderPreConditionFailed"


@dataclass
class _Stream:
    message: Message
    began: float
    sequence: int = 1
    sent: str = ""
    end: str = ""


class Streams:
    """The native streams. `allowed` switches the feature on or off."""

    def __init__(self, tenant: Tenant, clock: Callable[[], float]) -> None:
        self.allowed = True
        self._tenant = tenant
        self._clock = clock
        self._streams: dict[str, _Stream] = {}

    def take(
        self, room: str, activity: Mapping[str, Any], info: Mapping[str, Any], shown: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Take a streaming call. Returns the status and body; `shown` is the message's content."""
        kind, stream_id = info.get("streamType", "streaming"), info.get("streamId")
        if not self.allowed or self._tenant.room(room).kind != "dm":
            raise TeamsError(403, REFUSED, NOT_ALLOWED)
        final = kind == "final"
        text, sequence = activity.get("text") or "", info.get("streamSequence")
        if activity.get("type") != ("message" if final else "typing"):
            raise _bad("Streaming activities are of type typing, the final one of type message")
        if not text:
            raise _bad("Start streaming activities should include text")
        if final != (sequence is None):
            raise _bad("streamSequence is for all but the final activity")
        if not final and activity.get("attachments"):
            raise _bad("Attachments are for the final activity")
        if kind == "informative" and len(text) > INFORMATIVE:
            raise _bad("Informative messages are of 1000 characters at most")
        if not stream_id:
            return self._start(room, kind, text, sequence, shown)
        stream = self._running(str(stream_id), room)
        return self._go_on(stream, kind, text, sequence, shown)

    def stop(self, room: str) -> bool:
        """Press the reader's Stop button. False if nothing streams."""
        for stream in self._streams.values():
            if stream.message["room"] == room and not stream.end:
                self._ended(stream, CANCELLED)
                return True
        return False

    def updated(self, message_id: str) -> None:
        """End the stream of a message that was edited in place."""
        stream = self._streams.get(message_id)
        if stream is not None and not stream.end:
            stream.end = COMPLETED

    def _start(
        self, room: str, kind: str, text: str, sequence: object, shown: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if sequence != 1:
            raise _bad("streamSequence begins with 1")
        now = self._clock()
        for other in self._streams.values():
            if other.message["room"] == room and not other.end and now - other.began < LONGEST:
                raise TeamsError(403, REFUSED, NOT_ALLOWED)
        message = self._tenant.add(room, BOT, text, **{**shown, "stream": kind})
        sent = text if kind == "streaming" else ""
        self._streams[message["id"]] = _Stream(message, now, sent=sent)
        return 201, {"id": message["id"]}

    def _running(self, stream_id: str, room: str) -> _Stream:
        stream = self._streams.get(stream_id)
        if stream is None or stream.message["room"] != room:
            raise _bad("streamId is not known")
        if not stream.end and self._clock() - stream.began > LONGEST:
            self._ended(stream, EXCEEDED)
        if stream.end:
            raise TeamsError(403, REFUSED, stream.end)
        return stream

    def _go_on(
        self, stream: _Stream, kind: str, text: str, sequence: object, shown: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if kind != "final" and (not isinstance(sequence, int) or sequence <= stream.sequence):
            return 202, {"error": {"code": DROPPED, "message": "PreCondition failed exception"}}
        if kind == "informative" and stream.sent:
            raise _bad("Informative updates come before the text")
        if kind != "informative" and not text.startswith(stream.sent):
            raise _bad("Streamed content must contain what was streamed before")
        if kind != "informative":
            stream.sent = text
        if kind == "final":
            stream.end = COMPLETED
        else:
            stream.sequence = int(str(sequence))
        label = "" if kind == "final" else kind
        self._tenant.change(stream.message, **{**shown, "text": text, "stream": label})
        return 202, {}

    def _ended(self, stream: _Stream, why: str) -> None:
        stream.end = why
        self._tenant.change(stream.message, stream="")


def _bad(message: str) -> TeamsError:
    return TeamsError(400, "BadRequest", message)
