"""What this process posted for which event, where the messages themselves do not say.

While an answer grows, its card tells Graph (`cards.marked`). But a stream has no card, a finished
answer is text alone, and of a post whose response was lost we know only the text.

A text is taken for the lost one only if it can hardly belong to another answer: it is long, written
by a model, the only one like it, and posted during our call. When in doubt it counts as not found:
posting again is better than overwriting another message.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

MOST = 4000
"""The most answers remembered."""
LEAST = 200
"""The fewest letters that identify a text; a shorter one may be in another answer as well."""
SKEW = 5.0
"""Seconds by which Teams' clock may differ from ours."""
TARGET = re.compile(r"\]\([^()\s]*\)")


@dataclass(frozen=True, slots=True)
class _Lost:
    since: float
    until: float
    text: bytes


@dataclass(slots=True)
class _Posted:
    ids: list[str] = field(default_factory=list)
    lost: list[_Lost] = field(default_factory=list)


class Marks:
    """Remembers marks and messages. An empty mark is ignored.

    `clock` returns seconds since the epoch, as in messages' ids; `sleep` waits.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self._known: dict[tuple[str, str], _Posted] = {}

    def posted(self, chat: str, mark: str, message_id: str) -> None:
        """Remember the id of a message posted for a mark."""
        if mark and message_id.isdecimal() and message_id not in self.ids(chat, mark):
            self._of(chat, mark).ids.append(message_id)

    def lost(self, chat: str, mark: str, text: str, since: float) -> None:
        """Remember a text whose post, in a call begun at `since`, may or may not have taken
        effect."""
        if mark and (told := _told(text)):
            self._of(chat, mark).lost.append(_Lost(since, self.clock(), told))

    def ids(self, chat: str, mark: str) -> Sequence[str]:
        """Return the ids of the messages posted for a mark."""
        known = self._known.get((chat, mark))
        return tuple(known.ids) if known else ()

    def recover(self, chat: str, mark: str, unmarked: Iterable[tuple[str, str]]) -> None:
        """Add lost posts that were found to `ids`. `unmarked` are our messages without a mark: ids
        and texts."""
        known = self._known.get((chat, mark))
        if known is None or not known.lost:
            return
        told = [(each, _told(text)) for each, text in unmarked if each.isdecimal()]
        others = list(self._others(chat, mark))
        taken = {each for posted in (known, *others) for each in posted.ids}
        for one in tuple(known.lost):
            rivals = [each for posted in others for each in posted.lost if each.text == one.text]
            found = [
                message_id
                for message_id, text in told
                if text == one.text
                and message_id not in taken
                and one.since - SKEW <= int(message_id) / 1000 <= one.until + SKEW
            ]
            if len(found) == 1 and not rivals:
                known.ids += found
                known.lost.remove(one)
                taken.update(found)

    def forget(self, chat: str, message_id: str) -> None:
        """Forget a deleted message."""
        for posted in self._others(chat, ""):
            if message_id in posted.ids:
                posted.ids.remove(message_id)

    def _others(self, chat: str, mark: str) -> Iterator[_Posted]:
        return (e for (where, of), e in self._known.items() if where == chat and of != mark)

    def _of(self, chat: str, mark: str) -> _Posted:
        if len(self._known) >= MOST and (chat, mark) not in self._known:
            del self._known[next(iter(self._known))]
        return self._known.setdefault((chat, mark), _Posted())


def is_before(message_id: str, since: float) -> bool:
    """Whether a message is older, by its id: the milliseconds at which Teams accepted it."""
    return message_id.isdecimal() and int(message_id) / 1000 < since - SKEW


def _told(text: str) -> bytes:
    """Return a digest of a text that is the same in every format; empty if the text is too
    short."""
    letters = re.sub(r"[\W_]+", "", html.unescape(TARGET.sub("]", text)))
    return sha256(letters.encode(errors="replace")).digest() if len(letters) >= LEAST else b""
