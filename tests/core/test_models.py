"""The catalogue."""

import pytest

from core.models import DEFAULT, MODELS, resolve


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
        assert len(f"{model.good_for} {model.price_line}") < 140
