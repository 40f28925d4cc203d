"""What people see, and what is counted, while an answer has no text yet."""

from __future__ import annotations

from collections.abc import Iterable

from core.runtime.telemetry import Metric, count
from core.values.answer import Rendered, Stage
from core.values.conversation import Incoming
from core.values.post_time import posted_at
from core.values.runs import post_of

THINKING = "_Thinking…_"
ANSWERING = (Stage.GROWING, Stage.DONE)
DAY = 86_400.0
"""A post that seems to be older was not made when its id says."""


def waiting(status: str, seconds: float, *, thinks: bool) -> str:
    """A status that has stood for a while, with the seconds since the question was taken up.

    `thinks`: the model was asked, and thinks before it writes.
    """
    passed = f"{int(seconds)} s"
    if status == THINKING:
        return f"_{'Thinking it through' if thinks else 'Still thinking'}… {passed}_"
    if status.startswith("_") and status.endswith("_"):
        return f"{status[:-1]} ({passed})_"
    return f"{status} ({passed})"


class FirstText:
    """The wait for the first text of an answer, counted once, as people feel it.

    `waited` are the seconds that they had waited before the answer was begun. `seen`: they have
    seen text of it, in this process or another.
    """

    def __init__(
        self, waited: float = 0.0, metric: Metric = Metric.FIRST_TEXT, *, seen: bool = False
    ) -> None:
        self.seen = seen
        self._waited = waited
        self._metric = metric

    def shown(self, messages: Iterable[Rendered], seconds: float) -> None:
        """What people see, so many seconds after the answer was begun: a status is no text."""
        if not self.seen and any(each.stage in ANSWERING for each in messages):
            self.seen = True
            count(self._metric, self._waited + seconds)


def first_text(question: Incoming, now: float) -> FirstText:
    """The wait for the answer to a question, from its post.

    Whoever pressed Retry or Regenerate has waited since they did, which is about now. An answer
    about files that came with the question is counted apart: they are read first.
    """
    first = question.event_id == post_of(question.event_id) and not question.shown
    posted = posted_at(question.message_id) if first else None
    waited = now - posted if posted is not None and 0 <= now - posted < DAY else 0.0
    metric = Metric.FIRST_TEXT_OF_FILES if question.attachments else Metric.FIRST_TEXT
    return FirstText(waited, metric, seen=bool(question.said))
