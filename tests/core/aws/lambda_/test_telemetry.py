"""What is written to the log: metrics, and lines that carry the id of their turn."""

import asyncio
import io
import json
import logging

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from core.aws.lambda_.telemetry import Telemetry, metered
from core.runtime.telemetry import Metric, count, following


class Context:
    aws_request_id = "r-1"


def told(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def dimensions(line):
    (only,) = line["_aws"]["CloudWatchMetrics"]
    return only["Dimensions"]


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
    lines = told(capsys)
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


async def test_what_is_counted_side_by_side_is_written_apart(capsys):
    async def work(service, metric, number):
        with metered(service):
            for _ in range(number):
                count(metric)
                await asyncio.sleep(0)

    await asyncio.gather(
        work("worker", Metric.EDITS, 3),
        work("ingester", Metric.INGESTED, 1),
        work("worker", Metric.EDITS, 2),
    )
    lines = sorted(told(capsys), key=lambda line: len(line.get("Edits", ())))
    assert [each["service"] for each in lines] == ["ingester", "worker", "worker"]
    assert [each.get("Edits") for each in lines] == [None, [1, 1], [1, 1, 1]]
    assert [each.get("Ingested") for each in lines] == [[1], None, None]
    assert [dimensions(each) for each in lines] == [[["service"]]] * 3


@pytest.mark.parametrize("number", [99, 100, 101, 250])
def test_each_of_more_values_than_a_line_takes_is_written_once(capsys, number):
    with metered("worker"):
        for each in range(number):
            count(Metric.EDITS, each)
    lines = told(capsys)
    assert [value for each in lines for value in each["Edits"]] == list(range(number))
    assert {each["service"] for each in lines} == {"worker"}


def test_what_has_a_reason_is_counted_for_its_service_as_well(capsys):
    with metered("reconciler"):
        count(Metric.REPAIRED, 2, reason="lost")
    (line,) = told(capsys)
    assert dimensions(line) == [["service"], ["service", "reason"]]
    assert (line["Repaired"], line["service"], line["reason"]) == ([2], "reconciler", "lost")


def test_what_was_counted_before_a_failure_is_written(capsys):
    with pytest.raises(ValueError), metered("worker"):
        count(Metric.EDITS)
        raise ValueError
    assert [each["Edits"] for each in told(capsys)] == [[1]]


def test_what_is_logged_of_a_turn_carries_its_id(telemetry, written):
    log = logging.getLogger("core.turn.assistant")
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
