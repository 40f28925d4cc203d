"""The wait for the first text, from the question's arrival."""

from dataclasses import replace

import pytest

from core.runtime.telemetry import Metric, counting
from core.streaming.progress import first_text
from core.values.answer import Rendered, Stage
from core.values.conversation import Attachment, Conversation, Incoming, Kind, Person
from core.values.post_time import posted_at

NOW = 1_800_000_040.0
CHANNEL = Conversation("slack", "T1", "C1", None, Kind.CHANNEL)
ASKED = Incoming("C1/1", CHANNEL, Person("U1"), "Why?", "1800000000.000100")


@pytest.mark.parametrize(
    "message_id, at",
    [
        ("1800000000.000100", 1_800_000_000.0001),
        ("1800000000123", 1_800_000_000.123),
        ("f:9a3b", None),
        ("1", None),
        ("9.0", None),
        ("", None),
        (17, None),
        ("9" * 400, None),
    ],
)
def test_the_ids_of_slack_and_teams_tell_when_a_message_was_posted(message_id, at):
    assert posted_at(message_id) == (None if at is None else pytest.approx(at))


class Meter:
    def __init__(self):
        self.counted = []

    def add(self, metric, value, _reason):
        self.counted.append((metric, value))


def counted(question, *shown, seconds=2.0):
    meter = Meter()
    first = first_text(question, NOW)
    with counting(meter):
        for stage in shown:
            first.shown([Rendered("x", stage=stage)], seconds)
    return meter.counted


@pytest.mark.parametrize("stage", [Stage.GROWING, Stage.DONE])
def test_the_wait_begins_with_the_post_and_ends_with_text(stage):
    found = counted(ASKED, Stage.STATUS, Stage.NOTICE, stage, stage)
    assert found == [(Metric.FIRST_TEXT, pytest.approx(42, abs=0.01))]


def test_a_status_and_a_notice_are_no_text():
    assert counted(ASKED, Stage.STATUS, Stage.NOTICE) == []


@pytest.mark.parametrize(
    "question",
    [
        replace(ASKED, event_id="C1/1~2"),
        replace(ASKED, replaces=("m1",)),
        replace(ASKED, message_id="f:1"),
        replace(ASKED, message_id="1600000000.000100"),
        replace(ASKED, message_id="1900000000.000100"),
    ],
    ids=["retried", "regenerated", "untimed", "replayed", "from the future"],
)
def test_where_the_post_does_not_tell_the_wait_begins_with_the_answer(question):
    assert counted(question, Stage.DONE) == [(Metric.FIRST_TEXT, 2.0)]


def test_the_rest_of_an_answer_that_was_handed_on_is_not_a_first_text():
    assert counted(replace(ASKED, answer_so_far="Because"), Stage.DONE) == []


def test_an_answer_about_files_is_counted_apart():
    question = replace(ASKED, attachments=(Attachment("F1", "a.pdf", "application/pdf", 1, ""),))
    assert [metric for metric, _ in counted(question, Stage.DONE)] == [Metric.FIRST_TEXT_OF_FILES]
