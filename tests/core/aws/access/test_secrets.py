"""Secrets named by ARN."""

import pytest

from core.aws.access.secrets import looked_up
from core.runtime.settings import SettingsError


def test_an_arn_is_replaced_by_its_secret_and_nothing_else_changes(aws):
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name=aws.resources.table, SecretString="xoxb-kept\n")["ARN"]
    environ = {"SLACK_BOT_TOKEN": arn, "SLACK_SIGNING_SECRET": "plain", "PORT": "1"}
    assert looked_up(environ, secrets) == {**environ, "SLACK_BOT_TOKEN": "xoxb-kept"}


def test_a_secret_that_cannot_be_read_is_named_with_what_to_do(aws):
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"
    with pytest.raises(SettingsError) as error:
        looked_up({"SLACK_APP_TOKEN": arn}, aws.client("secretsmanager"))
    assert "SLACK_APP_TOKEN" in error.value.problems[0]
    assert "GetSecretValue" in error.value.problems[0]
