"""The environment, validated once."""

import pytest

from core.runtime.settings import SettingsError, load, log_format

WHOLE = {
    "AWS_REGION": "us-east-1",
    "PARLEY_BUCKET": "b",
    "PARLEY_TABLE": "t",
    "PARLEY_TURNS_QUEUE_URL": "https://sqs/turns.fifo",
    "PARLEY_FILES_QUEUE_URL": "https://sqs/files",
    "SLACK_SIGNING_SECRET": "s3cret",
    "SLACK_BOT_TOKEN": "xoxb-1",
}


TEAMS = {
    "MICROSOFT_APP_ID": "app",
    "MICROSOFT_APP_PASSWORD": "pa55word",
    "MICROSOFT_APP_TENANT_ID": "tenant",
}


def problems(**changes):
    environ = {k: v for k, v in {**WHOLE, **changes}.items() if v is not None}
    with pytest.raises(SettingsError) as error:
        load(environ)
    return error.value.problems


def test_a_whole_environment_loads_with_its_defaults():
    settings = load(WHOLE)
    assert settings.model_regions == ("us-east-1",)
    assert settings.default_model == "sonnet"
    assert settings.slack.api_url == "https://slack.com/api/"
    assert settings.port == 8400


def test_lists_are_split_and_trimmed():
    settings = load({**WHOLE, "PARLEY_MODEL_REGIONS": " us-east-1, eu-west-1 ,"})
    assert settings.model_regions == ("us-east-1", "eu-west-1")


def test_every_problem_is_named_at_once():
    found = problems(AWS_REGION=None, PARLEY_TABLE="", PARLEY_DEFAULT_MODEL="gpt", PORT="x")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SLACK_BOT_TOKEN": None}, "SLACK_BOT_TOKEN is not set"),
        ({"SLACK_SIGNING_SECRET": " "}, "SLACK_SIGNING_SECRET is not set"),
        ({"SLACK_BOT_TOKEN": "xoxp-1"}, "begins with xoxb-"),
        ({"SLACK_APP_TOKEN": "xoxb-1"}, "begins with xapp-"),
        ({"SLACK_API_URL": "http://slack.example/api/"}, "must be https"),
        ({"SLACK_BOT_TOKEN": None, "SLACK_SIGNING_SECRET": None}, "No platform"),
        ({"MICROSOFT_APP_ID": "app"}, "MICROSOFT_APP_PASSWORD is not set"),
        ({**TEAMS, "MICROSOFT_APP_TENANT_ID": " "}, "MICROSOFT_APP_TENANT_ID is not set"),
        ({**TEAMS, "GRAPH_URL": "http://graph.example"}, "GRAPH_URL must be https"),
        ({**TEAMS, "TEAMS_OPENID_URL": "http://login.example"}, "TEAMS_OPENID_URL must be https"),
        ({**TEAMS, "TEAMS_LOGIN_URL": "file:///etc"}, "TEAMS_LOGIN_URL must be https"),
    ],
)
def test_half_a_platform_or_a_wrong_token_stops_the_start(changes, said):
    assert any(said in problem for problem in problems(**changes))


def test_either_platform_may_be_left_out():
    no_slack = {k: v for k, v in WHOLE.items() if not k.startswith("SLACK_")}
    settings = load({**no_slack, **TEAMS})
    assert settings.slack is None
    assert settings.teams.service_hosts == ("smba.trafficmanager.net",)
    assert settings.teams.graph_url == "https://graph.microsoft.com/v1.0"
    assert load(WHOLE).teams is None


def test_secrets_are_not_in_its_representation():
    assert "s3cret" not in repr(load(WHOLE))
    assert "xoxb-1" not in repr(load(WHOLE))
    assert "pa55word" not in repr(load({**WHOLE, **TEAMS}))


def test_lines_are_written_for_people_unless_it_says_otherwise():
    assert log_format({}) == log_format({"PARLEY_LOG": " "}) == "text"
    assert log_format({"PARLEY_LOG": "json"}) == "json"
    with pytest.raises(SettingsError, match="choose text or json"):
        log_format({"PARLEY_LOG": "xml"})


def test_whoever_speaks_to_nobody_needs_no_platform_and_no_secret():
    named = {"SLACK_BOT_TOKEN": "arn:aws:secretsmanager:us-east-1:1:secret:token-1"}
    settings = load({**WHOLE, **named, "MICROSOFT_APP_ID": "app"}, talks=False)
    assert settings.slack is None
    assert settings.teams is None
