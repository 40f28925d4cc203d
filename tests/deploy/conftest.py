"""The template, built and deployed by SAM on the local AWS, once for all tests here.

Its functions are the bundles that `sam build` makes, of wheels for this machine. What they speak to
besides AWS (Slack, Bedrock) stands at ports that are chosen once, and is served by each test.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws import LocalAws, free_port
from local.bedrock.server import BedrockStandIn, Script
from local.slack.server import SlackStandIn
from local.teams.tenant.people import TENANT
from tests.support.processes import descendants
from tests.support.teams_world import Both, serving, standin
from tests.support.world import World, served

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".venv-sam" / "bin" / "sam"
REGION = "ap-northeast-2"
STACK = "parley"
LIMIT = 300
TEAMS_APP = standin(0, 0).app_id
GIVEN = ("MICROSOFT_APP_ID", "MICROSOFT_APP_PASSWORD", "MICROSOFT_APP_TENANT_ID")
"""Settings that the template's parameters make."""
TTL = "TimeToLiveDescription"


@dataclass
class Deployed:
    """One local AWS, and the stacks that are deployed there, of the version that lies in `root`."""

    aws: LocalAws
    folder: Path
    ports: dict
    opensearch: str
    root: Path = ROOT
    before: frozenset = frozenset()
    bucket_policy: dict | None = None

    def __post_init__(self):
        self.session = boto3.Session("test", "test", region_name=REGION)
        self.clients = {}

    def client(self, name):
        if name not in self.clients:
            self.clients[name] = self.session.client(
                name, endpoint_url=self.aws.url, config=Config(read_timeout=20)
            )
        return self.clients[name]

    @property
    def environ(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAM_"))}
        return (
            kept
            | self.aws.env
            | {
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "SAM_CLI_TELEMETRY": "0",
                "SAM_CLI_CHECK_VERSION": "0",
                "PARLEY_BUNDLE_FOR": "here",
                "PYTHON": sys.executable,
            }
        )

    def sam(self, *arguments):
        """Runs a command of SAM; fails with what it said."""
        done = subprocess.run(
            [str(SAM), *arguments],
            cwd=self.root,
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
            "MicrosoftAppId": TEAMS_APP,
            "MicrosoftAppPassword": "pa55",
            "MicrosoftAppTenantId": TENANT,
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
            str(self.root / "samconfig.toml"),
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
        """What the stand-in makes necessary.

        ministack keeps a number that is a parameter as text, and then cannot compare it. It passes
        over a table's time to live. And it speaks plain HTTP, which the bucket's policy forbids to
        everybody, our functions too.
        """
        s3, bucket = self.client("s3"), self.outputs["DocumentsBucket"]
        with suppress(ClientError):
            self.bucket_policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
            s3.delete_bucket_policy(Bucket=bucket)
        table, lives = self.outputs["TableName"], {"Enabled": True, "AttributeName": "ttl"}
        dynamodb = self.client("dynamodb")
        if "AttributeName" not in dynamodb.describe_time_to_live(TableName=table)[TTL]:
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=lives)
        functions = self.client("lambda")
        for each in functions.list_event_source_mappings()["EventSourceMappings"]:
            most = int(each["ScalingConfig"]["MaximumConcurrency"])
            functions.update_event_source_mapping(
                UUID=each["UUID"], ScalingConfig={"MaximumConcurrency": most}
            )

    def delete(self):
        """`sam delete`, which looks every half a minute whether it is done: we look oftener."""
        command = [str(SAM), "delete", "--no-prompts", "--stack-name", STACK, "--region", REGION]
        log = self.folder / "delete.log"
        with log.open("w") as out:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=out, stderr=out)
        end = time.monotonic() + LIMIT
        while self._stands() and process.poll() in (None, 0) and time.monotonic() < end:
            time.sleep(0.5)
        process.kill()
        process.wait()
        assert not self._stands(), log.read_text()

    def _stands(self):
        with suppress(ClientError):
            (stack,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
            return stack["StackStatus"] != "DELETE_COMPLETE"
        return False

    def everything(self):
        """All that is in the account, but for what SAM keeps its uploads in, as names."""
        ask = self.client
        functions = ask("lambda").list_functions()["Functions"]
        mappings = ask("lambda").list_event_source_mappings()["EventSourceMappings"]
        roles = ask("iam").list_roles()["Roles"]
        groups = ask("logs").describe_log_groups()["logGroups"]
        found = {
            "function": [each["FunctionName"] for each in functions],
            "source": [each["UUID"] for each in mappings],
            "role": [each["RoleName"] for each in roles],
            "logs": [each["logGroupName"] for each in groups],
            "queue": ask("sqs").list_queues().get("QueueUrls", []),
            "table": ask("dynamodb").list_tables()["TableNames"],
            "bucket": [each["Name"] for each in ask("s3").list_buckets()["Buckets"]],
            "secret": [e["Name"] for e in ask("secretsmanager").list_secrets()["SecretList"]],
            "topic": [each["TopicArn"] for each in ask("sns").list_topics()["Topics"]],
            "domain": [
                each["DomainName"] for each in ask("opensearch").list_domain_names()["DomainNames"]
            ],
            "rule": [each["Name"] for each in ask("events").list_rules()["Rules"]],
            "alarm": [
                each["AlarmName"] for each in ask("cloudwatch").describe_alarms()["MetricAlarms"]
            ],
            "dashboard": [
                each["DashboardName"]
                for each in ask("cloudwatch").list_dashboards()["DashboardEntries"]
            ],
        }
        names = {(kind, name) for kind, several in found.items() for name in several}
        return frozenset(each for each in names if "aws-sam-cli" not in each[1])

    def logged(self, group):
        """What a function has written, as lines."""
        events = self.client("logs").filter_log_events(
            logGroupName=f"/parley/{STACK}/{group}", limit=10_000
        )["events"]
        return [each["message"] for each in events]

    @property
    def settings(self):
        """What `parley` commands are told: docs/deploy.md, with secrets by their ARNs."""
        outputs, names = self.outputs, self.resources
        secrets = self.client("secretsmanager").list_secrets()["SecretList"]
        arns = {each["Name"]: each["ARN"] for each in secrets}
        return self.environ | {
            "PARLEY_BUCKET": outputs["DocumentsBucket"],
            "PARLEY_TABLE": outputs["TableName"],
            "PARLEY_TURNS_QUEUE_URL": outputs["TurnsQueueUrl"],
            "PARLEY_FILES_QUEUE_URL": outputs["FilesQueueUrl"],
            "OPENSEARCH_URL": outputs["SearchUrl"],
            "SLACK_SIGNING_SECRET": arns[names["SlackSigningSecretValue"]],
            "SLACK_BOT_TOKEN": arns[names["SlackBotTokenValue"]],
            "MICROSOFT_APP_ID": TEAMS_APP,
            "MICROSOFT_APP_PASSWORD": arns[names["MicrosoftAppPasswordValue"]],
            "MICROSOFT_APP_TENANT_ID": TENANT,
            **surroundings(self.ports),
        }

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

    def running(self, function):
        """Processes that this local AWS runs a function in; another's may have the same name."""
        return [pid for pid, line in descendants(self.aws.pid).items() if function in line]

    def url(self, output):
        """A function URL as the local AWS serves it."""
        host, _, path = self.outputs[output].removeprefix("https://").partition("/")
        return f"{self.aws.url}/_aws/lambda-url/{host.partition('.')[0]}/{path}"


def surroundings(ports):
    """What the functions' processes are told of the stand-ins at these ports."""
    return {
        "AUTH": "true",  # the roles' policies count
        "SLACK_API_URL": f"http://127.0.0.1:{ports['slack']}/slack/api/",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"http://127.0.0.1:{ports['bedrock']}",
        **{k: v for k, v in standin(ports["teams"], 0).settings().items() if k not in GIVEN},
    }


@pytest.fixture(scope="session")
def deployed(tmp_path_factory, opensearch):
    folder = tmp_path_factory.mktemp("deploy")
    ports = {name: free_port() for name in ("slack", "teams", "bedrock")}
    with LocalAws(folder / "aws", free_port(), region=REGION, more=surroundings(ports)) as aws:
        made = Deployed(aws, folder, ports, opensearch)
        made.before = made.everything()
        made.build()
        made.deploy()
        yield made
        for each in made.clients.values():
            each.close()


@asynccontextmanager
async def slack_around(deployed, bedrock):
    """Slack and this Bedrock around the deployed stack."""
    ports = deployed.ports
    slack = SlackStandIn(
        signing_secret="s3cret",
        bot_token="xoxb-test-token",
        events_url=deployed.url("SlackEventsUrl"),
        base_url=f"http://127.0.0.1:{ports['slack']}",
        retry_delays=(3.0, 6.0, 9.0),
    )
    async with served(slack.app, ports["slack"]), served(bedrock.app, ports["bedrock"]):
        yield World(slack, bedrock, {}, 0)


@asynccontextmanager
async def teams_around(deployed, world):
    """Teams as well."""
    teams = standin(deployed.ports["teams"], 0)
    teams.delivery.messages_url = deployed.url("TeamsMessagesUrl")
    async with serving(teams, deployed.ports["teams"]):
        yield Both(world, teams)


@asynccontextmanager
async def around(deployed, bedrock):
    """Both platforms and this Bedrock."""
    async with slack_around(deployed, bedrock) as world, teams_around(deployed, world) as both:
        yield both


@pytest.fixture
async def world(deployed):
    bedrock = BedrockStandIn(Script(text="The answer is **forty-two**.", pace=0.01))
    async with slack_around(deployed, bedrock) as world:
        yield world


@pytest.fixture
async def both(deployed, world):
    async with teams_around(deployed, world) as both:
        yield both
