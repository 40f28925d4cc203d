"""What docs/cost.md says an answer costs is what was counted, times the prices it names."""

import json

import pytest

from benchmarks import coldstart, cost
from deploy.bundle import FUNCTIONS
from tests.deploy.template import template

COUNTS = json.loads(cost.COUNTS.read_text())
ONE = {
    "calls": {
        "dynamodb write units": 10,
        "dynamodb read units": 20,
        "sqs SendMessage": 1,
        "sqs ChangeMessageVisibility": 2,
        "s3 PUT": 2,
        "s3 GET": 3,
        "slack bytes": 1_000_000,
        "bedrock embedded characters": 4_000,
    },
    "tokens": {"haiku input": 1_000, "sonnet input": 1_000, "sonnet output": 100},
    "functions": {
        "slack": {"invocations": 2, "seconds": 0.01, "logged bytes": 1_000},
        "worker": {"invocations": 1, "seconds": 8.0, "logged bytes": 2_000},
    },
}


def test_calls_are_priced_one_by_one():
    found = cost.dollars(ONE, {"slack": 1769, "worker": 1024})
    assert found["Lambda, time"] == pytest.approx((2 * 0.01 * 1769 / 1024 + 8) * 0.0000133334)
    assert found["Lambda, requests"] == pytest.approx(3 * 0.2e-6)
    assert found["DynamoDB, writes"] == pytest.approx(10 * 0.625e-6)
    assert found["DynamoDB, reads"] == pytest.approx(20 * 0.125e-6)
    assert found["SQS"] == pytest.approx((3 + 2) * 0.5e-6)  # two more, by Lambda itself
    assert found["S3"] == pytest.approx(2 * 5e-6 + 3 * 0.4e-6)
    assert found["CloudWatch, logs"] == pytest.approx(3_000 / 1e9 * 0.5)
    assert not any("Secrets" in name for name in found)  # they are read by the clock
    assert found["X-Ray"] == pytest.approx(3 * 5e-6)
    assert found["data out"] == pytest.approx(0.001 * 0.09)


def test_less_than_a_processor_makes_a_reckoning_function_slower_and_no_dearer():
    told = {"seconds": 0.1}
    assert cost.gb_seconds(told, 512) == pytest.approx(0.1 * 1769 / 1024)
    assert cost.gb_seconds(told, 2048) == pytest.approx(0.2)


def test_a_worker_that_waits_costs_by_its_memory():
    small, large = (cost.dollars(ONE, {"worker": size})["Lambda, time"] for size in (512, 1024))
    assert large - small == pytest.approx(8 * 0.5 * 0.0000133334)


def test_tokens_are_priced_by_the_catalogue_and_embeddings_by_four_characters():
    assert cost.tokens(ONE, "sonnet") == pytest.approx((1_000 * 0.1 + 1_000 * 2 + 100 * 10) / 1e6)
    cached = {"tokens": {"sonnet input": 1_000, "sonnet read": 600, "sonnet written": 200}}
    assert cost.tokens(cached, "sonnet") == pytest.approx((200 + 30 + 250) * 2 / 1e6)
    assert cost.embedded(ONE, "titan") == pytest.approx(1_000 * 0.02e-6)


def test_an_idle_month_has_every_alarm_and_secret_of_the_template():
    month = cost.idle(COUNTS)
    kinds = [each["Type"] for each in template()["Resources"].values()]
    assert month["CloudWatch, alarms"] == pytest.approx(0.1 * kinds.count("AWS::CloudWatch::Alarm"))
    assert month["Secrets Manager"] == pytest.approx(
        0.4 * kinds.count("AWS::SecretsManager::Secret")
    )
    assert month["SQS, two queues polled"] == pytest.approx(730 * 60 * 15 * 0.9e-6)


def test_the_pages_figures_are_those_of_the_stored_counts():
    page = cost.DOCUMENT.read_text()
    assert cost.filled(page, cost.report(COUNTS)) == page


def test_the_goal_is_met_or_missed_as_the_page_says():
    usual, _, long = COUNTS["answers"].values()

    def together(counted, size):
        return 1000 * sum(cost.dollars(counted, {"worker": size}).values())

    assert cost.memory("worker") == 1024
    assert together(usual, 1769) > 0.15 > together(usual, 1024)
    assert together(long, 512) > 0.15
    assert 25 < 1000 * cost.tokens(usual, "sonnet") / together(usual, 1024) < 35


def test_what_has_no_price_is_named_on_the_page():
    page = " ".join(cost.DOCUMENT.read_text().split())
    for name in ("gp3 disk", "`/tmp` beyond 512 MB", "point-in-time recovery", "ap-northeast-2"):
        assert name in page
    assert all(price.source and price.dated for price in cost.PRICES.values())


def test_the_benchmark_of_cold_starts_knows_every_function():
    assert {*coldstart.HANDLERS} == {*FUNCTIONS}
