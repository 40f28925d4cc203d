"""The status shown before an answer has text, and the metric of the time to its first text."""

from __future__ import annotations

from collections.abc import Iterable

from core.runtime.telemetry import Metric, count
from core.values.answer import Rendered, Stage
from core.values.conversation import Incoming
from core.values.post_time import posted_at
from core.values.runs import post_of
from core.wording.catalogue import phrase

ANSWERING = (Stage.GROWING, Stage.DONE)
DAY = 86_400.0
"""Seconds. If a message seems to be older, its id is not its time of posting."""


def waiting(status: str, seconds: float, *, thinks: bool) -> str:
    """A status that has been shown for a while, with the seconds since the answer was begun.

    `thinks`: the model is thinking before it writes.
    """
    passed = int(seconds)
    if status == phrase("progress.thinking"):
        return phrase(
            "progress.thinking_through" if thinks else "progress.still_thinking", seconds=passed
        )
    if status.startswith("_") and status.endswith("_"):
        return f"_{phrase('progress.waited', status=status[1:-1], seconds=passed)}_"
    return phrase("progress.waited", status=status, seconds=passed)


class FirstText:
    """Measures the time to the first text of an answer, once, as people experience it.

    `waited` are the seconds that they waited before the answer was begun. `seen`: text of the
    answer has been shown already, by this process or another.
    """

    def __init__(
        self, waited: float = 0.0, metric: Metric = Metric.FIRST_TEXT, *, seen: bool = False
    ) -> None:
        self.seen = seen
        self._waited = waited
        self._metric = metric

    def shown(self, messages: Iterable[Rendered], seconds: float) -> None:
        """Count the metric if `messages` are the first with text, `seconds` after the beginning.

        A status is not text.
        """
        if not self.seen and any(each.stage in ANSWERING for each in messages):
            self.seen = True
            count(self._metric, self._waited + seconds)


def first_text(question: Incoming, now: float) -> FirstText:
    """The measurement for a question, which starts when the question was posted.

    After Retry or Regenerate it starts when the button was pressed, which is about `now`. Answers
    about files attached to the question are counted in a separate metric, as files are read first.
    """
    first = question.event_id == post_of(question.event_id) and not question.replaces
    posted = posted_at(question.message_id) if first else None
    waited = now - posted if posted is not None and 0 <= now - posted < DAY else 0.0
    metric = Metric.FIRST_TEXT_OF_FILES if question.attachments else Metric.FIRST_TEXT
    return FirstText(waited, metric, seen=bool(question.answer_so_far))
