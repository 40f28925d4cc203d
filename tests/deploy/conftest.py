"""The template, built and deployed by SAM on the local AWS, once for all tests here.

Its functions are the bundles that `sam build` makes, of wheels for this machine. What they speak to
besides AWS (Slack, Bedrock) stands at ports that are chosen once, and is served by each test.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from core.aws.clients import client
from local.aws import LocalAws, free_port
from local.bedrock import BedrockStandIn, Script
from local.slack.server import SlackStandIn
from tests.world import World, served

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".venv-sam" / "bin" / "sam"
REGION = "ap-northeast-2"
STACK = "parley"
LIMIT = 300


@dataclass
class Deployed:
    """One local AWS, and the stacks that are deployed there."""

    aws: LocalAws
    folder: Path
    slack_port: int
    bedrock_port: int
    opensearch: str

    def __post_init__(self):
        self.session = boto3.Session("test", "test", region_name=REGION)
        self.clients = {}

    def client(self, name):
        if name not in self.clients:
            with_endpoint = {**os.environ, **self.aws.env}
            before = dict(os.environ)
            os.environ.update(with_endpoint)
            try:
                self.clients[name] = client(name, REGION, self.session)
            finally:
                os.environ.clear()
                os.environ.update(before)
        return self.clients[name]

    @property
    def environ(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAM_"))}
        return kept | self.aws.env | {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_CHECK_VERSION": "0",
            "PARLEY_BUNDLE_FOR": "here",
            "PYTHON": sys.executable,
        }

    def sam(self, *arguments):
        """Runs a command of SAM; fails with what it said."""
        done = subprocess.run(
            [str(SAM), *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"sam {arguments[0]}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def build(self):
        return self.sam("build", "--build-dir", str(self.folder / "build"))

    def deploy(self, **parameters):
        """Deploys with these parameters over the usual ones."""
        given = {
            "SlackSigningSecret": "s3cret",
            "SlackBotToken": "xoxb-test-token",
            "Search": "endpoint",
            "OpenSearchUrl": self.opensearch,
            "OpenSearchArn": f"arn:aws:es:{REGION}:000000000000:domain/test",
            "DataPolicy": "Delete",
            "AlarmEmail": "ops@example.com",
            **parameters,
        }
        self.sam(
            "deploy",
            "--config-file",
            str(ROOT / "samconfig.toml"),
            "--template-file",
            str(self.folder / "build" / "template.yaml"),
            "--no-confirm-changeset",
            "--no-progressbar",
            "--no-fail-on-empty-changeset",
            "--parameter-overrides",
            *(f"{name}={value}" for name, value in given.items()),
        )
        self._mend()

    def _mend(self):
        """ministack keeps a number that is a parameter as text, and then cannot compare it."""
        functions = self.client("lambda")
        for each in functions.list_event_source_mappings()["EventSourceMappings"]:
            most = int(each["ScalingConfig"]["MaximumConcurrency"])
            functions.update_event_source_mapping(
                UUID=each["UUID"], ScalingConfig={"MaximumConcurrency": most}
            )

    def delete(self):
        self.sam("delete", "--no-prompts", "--stack-name", STACK, "--region", REGION)

    @property
    def outputs(self):
        (stack,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    @property
    def resources(self):
        """Physical ids of what the stack made, by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        found = {}
        for page in pages.paginate(StackName=STACK):
            for each in page["StackResourceSummaries"]:
                found[each["LogicalResourceId"]] = each["PhysicalResourceId"]
        return found

    def url(self, output):
        """A function URL as the local AWS serves it."""
        host, _, path = self.outputs[output].removeprefix("https://").partition("/")
        return f"{self.aws.url}/_aws/lambda-url/{host.partition('.')[0]}/{path}"


@pytest.fixture(scope="session")
def deployed(tmp_path_factory, opensearch):
    folder = tmp_path_factory.mktemp("deploy")
    slack, bedrock = free_port(), free_port()
    more = {
        "SLACK_API_URL": f"http://127.0.0.1:{slack}/slack/api/",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"http://127.0.0.1:{bedrock}",
    }
    with LocalAws(folder / "aws", free_port(), region=REGION, more=more) as aws:
        made = Deployed(aws, folder, slack, bedrock, opensearch)
        print(made.build())
        made.deploy()
        yield made
        for each in made.clients.values():
            each.close()


@pytest.fixture
async def world(deployed):
    """Slack and Bedrock around the deployed stack."""
    bedrock = BedrockStandIn(Script(text="The answer is **forty-two**.", pace=0.01))
    slack = SlackStandIn(
        signing_secret="s3cret",
        bot_token="xoxb-test-token",
        events_url=deployed.url("SlackEventsUrl"),
        base_url=f"http://127.0.0.1:{deployed.slack_port}",
        retry_delays=(3.0, 6.0, 9.0),
    )
    world = World(slack, bedrock, {}, 0)
    async with served(slack.app, deployed.slack_port):
        async with served(bedrock.app, deployed.bedrock_port):
            yield world
