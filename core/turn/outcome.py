"""How a stream ended, and what people are shown of that."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.ports.model import ModelError
from core.runtime.telemetry import Metric, count
from core.streaming.live import Ending
from core.values.answer import Button, Usage
from core.values.models import MODELS
from core.wording import user_messages


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stream ended."""

    stop: str | None = None
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    file_events: tuple[str, ...] = ()
    sources: str = ""
    stopped: bool = False
    error: ModelError | None = None


WORD = 40
"""Characters of a long word; where there is no space for longer, words are not set apart."""


def whole_words(text: str) -> str:
    """As much of a text that broke off as ends with a word and the space after it."""
    end = max(text.rfind(" "), text.rfind("\n")) + 1
    return text[:end] if len(text) - end <= WORD else text


USUAL = frozenset({None, "end_turn", "stop_sequence", "max_tokens"})
"""Stop reasons of answers that are whole, as far as they go."""


def counted(outcome: Outcome, *, partial: bool) -> None:
    """Counts an answer or, if it failed, why; `partial` says whether it has any text.

    A refusal by a filter, an answer cut off for another reason, and one without text are failures.
    """
    if outcome.error is not None:
        count(Metric.FAILURES, reason=type(outcome.error).__name__)
        return
    if not outcome.model:
        return
    if outcome.stop not in USUAL:
        count(Metric.FAILURES, reason=f"{outcome.stop}")
    elif not partial:
        count(Metric.FAILURES, reason="empty")
    else:
        count(Metric.ANSWERS)
        count(Metric.FAILURES, 0)  # so that the metric's average is the share that fails


def ending(run: str, outcome: Outcome, *, partial: bool, answered_by: str = "") -> Ending:
    """What goes under an answer; `partial` says whether it has any text, `answered_by` who is
    named there in place of the model."""
    if outcome.error is not None:
        failure = user_messages.failure(outcome.error, partial=partial)
        notice = "  ".join((*outcome.file_events, failure))
        return Ending(notice, (Button("retry", "Retry", run, "primary"),))
    again = Button("regenerate", "Regenerate", run)
    if outcome.stopped:
        return Ending(user_messages.STOPPED, (again,))
    if not outcome.model:
        retry = Button("retry", "Retry", run)
        return Ending("\n\n".join(outcome.file_events), (retry,) if outcome.file_events else ())
    if not partial:
        told = (*outcome.file_events, user_messages.unanswered(outcome.stop))
        return Ending("\n\n".join(told), (again,))
    label = MODELS[outcome.model].label if outcome.model in MODELS else outcome.model
    label = answered_by or label
    file_events = [*outcome.file_events, user_messages.ending(outcome.stop), label]
    rate = (Button("up", "👍", f"up {run}"), Button("down", "👎", f"down {run}"))
    return Ending("  ".join(n for n in file_events if n), (again, *rate))
