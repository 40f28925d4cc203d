"""The doctor: what is wrong is named, with its fix, and nothing else."""

import base64
import json
import re
from pathlib import Path

import pytest
import yaml

from bots.slack.scopes import SCOPES
from cli.doctor.account import account
from cli.doctor.examine import examine
from cli.doctor.finding import Finding
from cli.doctor.models import models
from cli.doctor.slack import slack
from cli.doctor.teams import PERMISSIONS, _permissions, teams
from core.runtime.settings import load
from local.aws import free_port
from local.bedrock.server import BedrockStandIn
from local.slack.server import SlackStandIn
from tests.support import teams_world
from tests.support.world import served

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environ(aws):
    return {
        "AWS_REGION": "us-east-1",
        "PARLEY_BUCKET": aws.resources.bucket,
        "PARLEY_TABLE": aws.resources.table,
        "PARLEY_TURNS_QUEUE_URL": aws.resources.turns_queue,
        "PARLEY_FILES_QUEUE_URL": aws.resources.files_queue,
        "SLACK_SIGNING_SECRET": "s3cret",
        "SLACK_BOT_TOKEN": "xoxb-test-token",
    }


def failed(findings):
    return {each.name: each for each in findings if each.failed}


def test_what_init_makes_is_found_whole(environ):
    findings = list(account(load(environ)))
    assert failed(findings) == {}
    assert len(findings) == 8


def test_each_thing_that_is_missing_is_named_with_its_fix(aws, environ):
    s3, sqs, dynamodb = aws.client("s3"), aws.client("sqs"), aws.client("dynamodb")
    s3.put_bucket_notification_configuration(
        Bucket=aws.resources.bucket, NotificationConfiguration={}
    )
    sqs.send_message(QueueUrl=aws.resources.files_dead_queue, MessageBody="{}")
    sqs.delete_queue(QueueUrl=aws.resources.turns_queue)
    dynamodb.delete_table(TableName=aws.resources.table)
    found = failed(account(load(environ)))
    assert set(found) == {
        "bucket's notifications",
        "turns queue",
        "turns queue's dead letters",
        "files queue's dead letters",
        "table",
    }
    assert "1 messages failed for good" in found["files queue's dead letters"].problem
    assert all("Fix: " in each.line for each in found.values())


async def test_wrong_settings_are_named_and_nothing_is_tried():
    findings = [each async for each in examine({"SLACK_BOT_TOKEN": "xoxp-1"})]
    assert len(findings) > 4
    assert all(each.failed for each in findings)


async def test_a_region_that_refuses_or_does_not_answer_is_named(environ, monkeypatch):
    port, nobody = free_port(), free_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings = load({**environ, "OPENSEARCH_URL": f"http://127.0.0.1:{nobody}"})
    async with served(BedrockStandIn().app, port):
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", f"http://127.0.0.1:{port}")
        found = failed([each async for each in models(settings)])
    assert set(found) == {"OpenSearch"}
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", f"http://127.0.0.1:{nobody}")
    found = failed([each async for each in models(load(environ))])
    assert [*found] == ["Claude Sonnet 5.5 in us-east-1"]


async def test_slacks_token_scopes_and_socket_are_looked_at(environ):
    port = free_port()
    standin = SlackStandIn(
        signing_secret="s", bot_token="xoxb-test-token", app_token="xapp-1", events_url=""
    )
    told = {**environ, "SLACK_API_URL": f"http://127.0.0.1:{port}/slack/api/"}

    async def found(**more):
        return failed([each async for each in slack(load({**told, **more}).slack)])

    async with served(standin.app, port):
        assert await found(SLACK_APP_TOKEN="xapp-1") == {}
        assert [*await found(SLACK_APP_TOKEN="xapp-2")] == ["Slack's Socket Mode"]
        assert [*await found(SLACK_BOT_TOKEN="xoxb-other")] == ["Slack's bot token"]
        standin.api.scopes = SCOPES - {"files:read"}
        (missing,) = (await found()).values()
        assert missing.problem == "missing: files:read"


async def test_a_platform_that_cannot_be_reached_is_told_from_one_that_refuses(environ):
    nobody = f"http://127.0.0.1:{free_port()}"
    (told,) = [e async for e in slack(load({**environ, "SLACK_API_URL": nobody}).slack)]
    assert "could not be asked" in told.problem
    assert "check the network" in told.fix
    standin = teams_world.standin(free_port(), 1)
    (told,) = [e async for e in teams(load({**environ, **standin.settings()}).teams)]
    assert "could not be asked" in told.problem
    assert "check the network" in told.fix


async def test_an_endpoint_that_is_not_awss_is_named_beside_the_answer(environ, monkeypatch):
    port = free_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", f"http://127.0.0.1:{port}")
    async with served(BedrockStandIn().app, port):
        claude = next(iter([each async for each in models(load(environ))]))
    assert f"http://127.0.0.1:{port} and not at AWS" in claude.line


async def test_teams_sign_in_permissions_and_keys_are_looked_at(environ):
    port = free_port()
    standin = teams_world.standin(port, 1)
    told = {**environ, **standin.settings()}

    async def found(**more):
        return [each async for each in teams(load({**told, **more}).teams)]

    async with teams_world.serving(standin, port):
        assert [each.failed for each in await found()] == [False] * 3
        (wrong,) = await found(MICROSOFT_APP_PASSWORD="other")
        assert "no token" in wrong.problem
        *_, keys = await found(TEAMS_OPENID_URL=f"{standin.base_url}/nowhere")
        assert keys.failed


@pytest.mark.parametrize(
    ("roles", "problem"),
    [
        (sorted(PERMISSIONS), ""),
        (["Files.Read.All"], "missing: Channel.ReadBasic.All, ChannelMember.Read.All, "),
    ],
)
def test_permissions_are_read_from_the_token(roles, problem):
    body = base64.urlsafe_b64encode(json.dumps({"roles": roles}).encode()).rstrip(b"=").decode()
    assert _permissions(f"x.{body}.y").problem.startswith(problem)
    assert bool(_permissions(f"x.{body}.y").problem) is bool(problem)


def test_the_scopes_are_those_of_the_manifest():
    manifest = yaml.safe_load((ROOT / "bots/slack/manifest.yaml").read_text())
    assert frozenset(manifest["oauth_config"]["scopes"]["bot"]) == SCOPES


def test_a_line_says_at_its_start_how_it_stands():
    lines = (Finding("a", "b"), Finding("a", problem="b", fix="c"), Finding("a"))
    assert [re.split(r"\s+", each.line)[0] for each in lines] == ["ok", "FAIL", "--"]
