"""What this process posted for which event, where the messages themselves do not tell.

A card tells it to Graph for good (`cards.marked`). But what streams has none yet, and text alone
never gets one; and of a post whose answer was lost only the text is known.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

MOST = 4000
"""Answers that are remembered."""
EARLIER = 60.0
"""Seconds that Teams' clock may be behind ours."""


@dataclass(slots=True)
class _Posted:
    ids: list[str] = field(default_factory=list)
    lost: list[tuple[float, str]] = field(default_factory=list)


class Marks:
    """One for a process. `clock` gives seconds since the epoch, as messages' ids do.

    An empty mark is none.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], _Posted] = {}

    def posted(self, chat: str, mark: str, message_id: str) -> None:
        if mark:
            self._of(chat, mark).ids.append(message_id)

    def lost(self, chat: str, mark: str, text: str) -> None:
        """Whether it was posted is not known."""
        if mark:
            self._of(chat, mark).lost.append((self._clock(), _letters(text)))

    def ids(self, chat: str, mark: str) -> Sequence[str]:
        known = self._known.get((chat, mark))
        return tuple(known.ids) if known else ()

    def may_be(self, chat: str, mark: str, message_id: str, text: str) -> bool:
        """Whether a message without a mark, and which nobody here has posted, is a lost one."""
        known = self._known.get((chat, mark))
        if known is None or not known.lost or not message_id.isdecimal():
            return False
        if any(message_id in each.ids for (where, _), each in self._known.items() if where == chat):
            return False
        at, letters = int(message_id) / 1000, _letters(text)
        return any(each and letters == each and at > since - EARLIER for since, each in known.lost)

    def forget(self, chat: str, message_id: str) -> None:
        """It was deleted."""
        for (where, _), each in self._known.items():
            if where == chat and message_id in each.ids:
                each.ids.remove(message_id)

    def _of(self, chat: str, mark: str) -> _Posted:
        if len(self._known) >= MOST and (chat, mark) not in self._known:
            del self._known[next(iter(self._known))]
        return self._known.setdefault((chat, mark), _Posted())


def _letters(text: str) -> str:
    """What is left of a text whatever it is written in."""
    return re.sub(r"[\W_]+", "", html.unescape(text))
