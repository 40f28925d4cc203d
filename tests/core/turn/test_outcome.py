"""How a stream ended."""

import pytest

from core.ports.model import Overloaded
from core.runtime.telemetry import Metric, count, counting
from core.turn.outcome import Outcome, counted, ending, whole_words
from core.values.answer import Usage


class Meter:
    def __init__(self):
        self.counted = {}

    def add(self, metric, value, reason):
        self.counted[metric, reason] = value


@pytest.mark.parametrize(
    "text, kept",
    [
        ("one two thr", "one two "),
        ("one two ", "one two "),
        ("- one\n- tw", "- one\n- "),
        ("one", ""),
        ("", ""),
        ("漢字" * 30, "漢字" * 30),
    ],
)
def test_an_answer_that_is_handed_on_ends_with_a_whole_word(text, kept):
    assert whole_words(text) == kept


def test_an_answer_is_signed_with_its_model_or_whom_a_setting_names():
    outcome = Outcome("end_turn", Usage(), "sonnet")
    assert ending("run", outcome, partial=True).notice == "Claude Sonnet 5.5"
    assert ending("run", outcome, partial=True, answered_by="A stand-in").notice == "A stand-in"


def test_an_answer_is_counted():
    meter = Meter()
    with counting(meter):
        counted(Outcome("end_turn", Usage(2000, 1000, 1000, 0), "sonnet"), partial=True)
    assert meter.counted == {(Metric.ANSWERS, ""): 1, (Metric.FAILURES, ""): 0}
    count(Metric.ANSWERS)  # nobody counts any more
    assert len(meter.counted) == 2


def test_a_failure_is_counted_by_its_reason_and_nothing_else():
    meter = Meter()
    with counting(meter):
        counted(Outcome(error=Overloaded("throttled")), partial=False)
    assert meter.counted == {(Metric.FAILURES, "Overloaded"): 1}


@pytest.mark.parametrize(
    "stop, partial, reason",
    [
        ("end_turn", False, "empty"),
        ("max_tokens", False, "empty"),
        ("content_filtered", False, "content_filtered"),
        ("content_filtered", True, "content_filtered"),
        ("guardrail_intervened", False, "guardrail_intervened"),
        ("model_context_window_exceeded", False, "model_context_window_exceeded"),
    ],
)
def test_a_refusal_and_an_answer_without_text_are_failures(stop, partial, reason):
    meter = Meter()
    with counting(meter):
        counted(Outcome(stop, Usage(), "sonnet"), partial=partial)
    assert meter.counted == {(Metric.FAILURES, reason): 1}


@pytest.mark.parametrize(
    "stop, words",
    [
        ("end_turn", "No answer came."),
        (None, "No answer came."),
        ("max_tokens", "Claude reached its limit while thinking"),
        ("content_filtered", "a content filter stopped it"),
        ("model_context_window_exceeded", "too long for Claude"),
    ],
)
def test_an_answer_without_text_says_so_and_can_be_had_anew(stop, words):
    end = ending("run", Outcome(stop, Usage(), "sonnet"), partial=False)
    assert words in end.notice
    assert "Claude Sonnet 5.5" not in end.notice
    assert [button.name for button in end.buttons] == ["regenerate"]
