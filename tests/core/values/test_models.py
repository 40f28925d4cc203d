"""The catalogue."""

import pytest

from core.values.answer import Usage
from core.values.models import DEFAULT, MODELS, resolve
from core.wording.user_messages import described


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sonnet", "sonnet"),
        ("  Opus ", "opus"),
        ("`haiku`", "haiku"),
        ("Claude Sonnet 4.6", "sonnet-4.6"),
        ("sonnet 4.6", "sonnet-4.6"),
        ("claude opus 5.5", "opus"),
        ("anthropic.claude-haiku-5-5", "haiku"),
        ("us.anthropic.claude-haiku-5-5", "haiku"),
    ],
)
def test_a_model_is_found_by_what_people_call_it(text, name):
    assert resolve(text).name == name


@pytest.mark.parametrize("text", ["", "gpt", "claude", "sonnet 99", "x" * 10_000, "4.6"])
def test_what_is_no_model_is_not_guessed(text):
    assert resolve(text) is None


@pytest.mark.parametrize(
    ("region", "profile"),
    [
        ("us-east-1", "us.anthropic.claude-haiku-5-5"),
        ("eu-central-1", "eu.anthropic.claude-haiku-5-5"),
        ("ap-northeast-1", "jp.anthropic.claude-haiku-5-5"),
        ("ap-southeast-2", "au.anthropic.claude-haiku-5-5"),
        ("ap-northeast-2", "global.anthropic.claude-haiku-5-5"),
    ],
)
def test_a_region_calls_its_geographys_profile_or_the_global_one(region, profile):
    assert MODELS["haiku"].profile(region) == profile


def test_where_a_model_has_no_profile_of_a_geography_the_global_one_is_called():
    assert MODELS["sonnet"].profile("ap-northeast-1") == "global.anthropic.claude-sonnet-5-5"


def test_every_model_can_be_chosen_by_its_name_and_its_label():
    assert DEFAULT in MODELS
    for name, model in MODELS.items():
        assert resolve(name) is resolve(model.label) is model
        assert len(described(model)) < 140


def test_what_is_written_to_the_cache_costs_a_quarter_more():
    assert MODELS["sonnet"].cost(Usage(1_000_000, 0, 0, 1_000_000)) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("name", "dollars"), [("sonnet", 0.10), ("opus", 0.20), ("sonnet-5", 0.20), ("haiku-4.5", 0.10)]
)
def test_what_is_read_from_the_cache_costs_what_the_model_asks_for_it(name, dollars):
    assert MODELS[name].cost(Usage(1_000_000, 0, 1_000_000, 0)) == pytest.approx(dollars)


def test_haikus_long_prompts_cost_five_times_as_much_with_all_that_is_answered():
    haiku = MODELS["haiku"]
    assert haiku.cost(Usage(100_000, 1_000)) == pytest.approx((10_000 + 500) / 1e6)
    assert haiku.cost(Usage(100_001, 1_000)) == pytest.approx(5 * (10_000.1 + 500) / 1e6)
    assert haiku.cost(Usage(200_000, 0, 200_000, 0)) == pytest.approx(200_000 * 0.05 / 1e6)
    assert MODELS["sonnet"].cost(Usage(200_000, 0)) == pytest.approx(0.4)
