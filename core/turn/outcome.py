"""How a stream ended, and what is shown and counted then."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.ports.model import ModelError
from core.runtime.telemetry import Metric, count
from core.streaming.live import Ending
from core.values.answer import Button, Usage
from core.values.documents import DocumentId
from core.values.models import MODELS
from core.wording import user_messages
from core.wording.catalogue import phrase


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stream ended: `stop` is Bedrock's stop reason, `stopped` that a person stopped it.

    `awaits`: the model was not asked, because these documents are not read yet.
    """

    stop: str | None = None
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    notes: tuple[str, ...] = ()
    sources: str = ""
    stopped: bool = False
    error: ModelError | None = None
    awaits: tuple[DocumentId, ...] = ()


WORD = 40
"""Characters of a long word; a text without a space for longer is not divided into words."""


def whole_words(text: str) -> str:
    """An interrupted text up to the space after its last whole word."""
    end = max(text.rfind(" "), text.rfind("\n")) + 1
    return text[:end] if len(text) - end <= WORD else text


USUAL = frozenset({None, "end_turn", "stop_sequence", "max_tokens"})
"""The stop reasons of regular answers."""


def counted(outcome: Outcome, *, partial: bool) -> None:
    """Count an answer, or the reason of its failure. `partial`: it has some text.

    Answers that a filter refused or that were cut off, and answers without text, are failures.
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
        count(Metric.FAILURES, 0)  # so that the metric's average is the share of failures


def ending(run: str, outcome: Outcome, *, partial: bool, answered_by: str = "") -> Ending:
    """The notice and buttons below an answer.

    `partial`: it has some text. `answered_by` is named in place of the model.
    """
    if outcome.error is not None:
        failure = user_messages.failure(outcome.error, partial=partial)
        notice = "  ".join((*outcome.notes, failure))
        return Ending(notice, (Button("retry", phrase("button.retry"), run, "primary"),))
    again = Button("regenerate", phrase("button.regenerate"), run)
    if outcome.stopped:
        return Ending(phrase("ending.stopped"), (again,))
    if not outcome.model:
        retry = Button("retry", phrase("button.retry"), run)
        return Ending("\n\n".join(outcome.notes), (retry,) if outcome.notes else ())
    if not partial:
        told = (*outcome.notes, user_messages.unanswered(outcome.stop))
        return Ending("\n\n".join(told), (again,))
    label = MODELS[outcome.model].label if outcome.model in MODELS else outcome.model
    label = answered_by or label
    notes = [*outcome.notes, user_messages.ending(outcome.stop), label]
    rate = (Button("up", "👍", f"up {run}"), Button("down", "👎", f"down {run}"))
    return Ending("  ".join(n for n in notes if n), (again, *rate))
