"""What a function writes to its log: metrics, and lines that carry the id of their turn."""

import io
import json
import logging

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from core.aws.telemetry import Telemetry
from core.telemetry import Metric, count, following


class Context:
    aws_request_id = "r-1"


@pytest.fixture
def written():
    return io.StringIO()


@pytest.fixture
def telemetry(monkeypatch, written):
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    root, level = logging.getLogger(), logging.getLogger().level
    others = list(root.handlers)
    made = Telemetry("worker")
    root.handlers[0].setStream(written)
    yield made
    ours = [each for each in root.handlers if isinstance(each.formatter, LambdaPowertoolsFormatter)]
    for each in ours:
        root.removeHandler(each)
    for each in others:
        root.addHandler(each)
    root.setLevel(level)


def test_an_invocations_counts_are_written_as_metrics_when_it_ends(telemetry, capsys):
    with telemetry.invocation(Context()):
        count(Metric.EDITS)
        count(Metric.EDITS)
        count(Metric.FIRST_TEXT, 1.5)
        count(Metric.FAILURES, reason="Overloaded")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (whole,) = [each for each in lines if "Edits" in each]
    assert (whole["Edits"], whole["TimeToFirstText"], whole["service"]) == ([1, 1], [1.5], "worker")
    (failure,) = [each for each in lines if "Failures" in each]
    assert (failure["reason"], failure["service"]) == ("Overloaded", "worker")
    units = {m["Name"]: m["Unit"] for m in whole["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units == {"Edits": "Count", "TimeToFirstText": "Seconds"}


def test_an_invocation_without_counts_writes_nothing(telemetry, capsys):
    with telemetry.invocation(Context()):
        pass
    assert capsys.readouterr().out == ""


def test_what_is_logged_of_a_turn_carries_its_id(telemetry, written):
    log = logging.getLogger("core.assistant")
    with following("slack/T1/C1/1.0"):
        log.info("done")
    log.info("idle")
    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert (first["message"], first["correlation_id"]) == ("done", "slack/T1/C1/1.0")
    assert "correlation_id" not in second
    assert first["service"] == "worker"


def test_libraries_that_write_requests_are_kept_quiet(telemetry, written):
    logging.getLogger("botocore.endpoint").info("Authorization: secret")
    assert written.getvalue() == ""
