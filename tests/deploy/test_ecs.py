"""deploy/ecs.yaml, deployed on the stand-in next to what template.yaml exports.

No container runs: without Docker the stand-in only keeps books of tasks. It knows nothing of
application autoscaling, so that part is left out.
"""

import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws, free_port
from tests.deploy.template import ECS, template

REGION = "ap-northeast-2"
EXPORTED = ("Documents", "Table", "Turns", "Files")
BESIDE = ("TurnsDead", "FilesDead", "FilesPolicy")  # those cannot be without
ARN = f"arn:aws:{{}}:{REGION}:000000000000:{{}}"
GIVEN = {
    "Image": "parley:1",
    "RepositoryArn": ARN.format("ecr", "repository/parley"),
    "Subnets": "subnet-1,subnet-2",
    "SecurityGroups": "sg-1",
}
SLACK = {
    "SlackSigningSecretArn": ARN.format("secretsmanager", "secret:signing"),
    "SlackBotTokenArn": ARN.format("secretsmanager", "secret:token"),
}
TEAMS = {
    "MicrosoftAppId": "app",
    "MicrosoftAppTenantId": "tenant",
    "MicrosoftAppPasswordArn": ARN.format("secretsmanager", "secret:password"),
}
SEARCH = {
    "OpenSearchUrl": "https://search.example.com",
    "OpenSearchArn": ARN.format("es", "domain/parley"),
}


def exporting():
    """The part of template.yaml that is imported."""
    whole = template()
    made = {name: whole["Resources"][name] for name in (*EXPORTED, *BESIDE)}
    outputs = {name: each for name, each in whole["Outputs"].items() if "Export" in each}
    parts = {name: whole[name] for name in ("Parameters", "Conditions")}
    return {"Transform": "AWS::LanguageExtensions", "Resources": made, "Outputs": outputs, **parts}


def tasks():
    """deploy/ecs.yaml as far as the stand-in can follow."""
    whole = json.loads(json.dumps(template(ECS)))
    made = whole["Resources"]
    for name in ("Scaling", "More", "Fewer"):
        del made[name]
    for name in ("Waiting", "Nobody"):
        del made[name]["Properties"]["AlarmActions"]
    made["Service"]["Properties"]["DesiredCount"] = 2  # it keeps a parameter's number as text
    return whole


class Account:
    def __init__(self, url):
        session = boto3.Session("test", "test", region_name=REGION)
        names = ("cloudformation", "ecs", "iam", "logs", "cloudwatch")
        self.clients = {name: session.client(name, endpoint_url=url) for name in names}
        self.stacks = self.clients["cloudformation"]

    def create(self, name, body, given):
        """The state that the stack ends in."""
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()]
        self.stacks.create_stack(
            StackName=name,
            TemplateBody=json.dumps(body),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=parameters,
        )
        return self.settled(name)["StackStatus"]

    def delete(self, name):
        self.stacks.delete_stack(StackName=name)
        with pytest.raises(ClientError, match="does not exist"):
            self.settled(name)

    def settled(self, name):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            (found,) = self.stacks.describe_stacks(StackName=name)["Stacks"]
            if not found["StackStatus"].endswith("IN_PROGRESS"):
                return found
            time.sleep(0.05)
        raise TimeoutError(name)

    def made(self, name):
        """Physical ids by logical id."""
        found = self.stacks.list_stack_resources(StackName=name)["StackResourceSummaries"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def rights(self, role):
        """What a role may be used on, by the statement's name."""
        answer = self.clients["iam"].get_role_policy(RoleName=role, PolicyName="parley")
        return {e["Sid"]: e["Resource"] for e in answer["PolicyDocument"]["Statement"]}

    def everything(self):
        ask = self.clients
        return (
            ask["ecs"].list_clusters()["clusterArns"],
            ask["ecs"].list_task_definitions()["taskDefinitionArns"],
            [each["RoleName"] for each in ask["iam"].list_roles()["Roles"]],
            [each["logGroupName"] for each in ask["logs"].describe_log_groups()["logGroups"]],
            [a["AlarmName"] for a in ask["cloudwatch"].describe_alarms()["MetricAlarms"]],
        )


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    with LocalAws(tmp_path_factory.mktemp("ecs"), free_port(), region=REGION) as aws:
        made = Account(aws.url)
        first = {"DataPolicy": "Delete"}
        assert made.create("parley", exporting(), first) == "CREATE_COMPLETE"
        yield made
        for each in made.clients.values():
            each.close()


def test_tasks_work_on_what_the_first_stack_made_and_may_touch_nothing_else(account):
    given = {**GIVEN, **SLACK, **TEAMS, **SEARCH}
    assert account.create("parley-ecs", tasks(), given) == "CREATE_COMPLETE"
    first, second = account.made("parley"), account.made("parley-ecs")
    task = account.clients["ecs"].describe_task_definition(taskDefinition=second["Task"])
    (only,) = task["taskDefinition"]["containerDefinitions"]
    told = {each["name"]: each["value"] for each in only["environment"]}
    assert told["PARLEY_BUCKET"] == first["Documents"]
    assert told["PARLEY_TABLE"] == first["Table"]
    assert told["PARLEY_TURNS_QUEUE_URL"] == first["Turns"]
    assert told["PARLEY_FILES_QUEUE_URL"] == first["Files"]
    rights = account.rights(second["TaskRole"])
    assert rights["Turns"] == ARN.format("sqs", first["Turns"].rpartition("/")[2])
    assert rights["Files"] == ARN.format("sqs", first["Files"].rpartition("/")[2])
    assert rights["Table"] == ARN.format("dynamodb", f"table/{first['Table']}")
    assert rights["Documents"] == f"arn:aws:s3:::{first['Documents']}/*"
    assert rights["SlackSecrets"] == list(SLACK.values())
    assert rights["TeamsSecrets"] == TEAMS["MicrosoftAppPasswordArn"]
    assert rights["Search"] == f"{SEARCH['OpenSearchArn']}/*"
    with pytest.raises(ClientError, match="is imported by stack parley-ecs"):
        account.stacks.delete_stack(StackName="parley")
    account.delete("parley-ecs")
    assert not any(account.everything())


def test_a_platform_and_search_can_be_left_out(account):
    assert account.create("less", tasks(), {**GIVEN, **SLACK}) == "CREATE_COMPLETE"
    rights = set(account.rights(account.made("less")["TaskRole"]))
    assert "SlackSecrets" in rights
    assert not rights & {"TeamsSecrets", "Search", "ServerlessSearch"}
    account.delete("less")


@pytest.mark.parametrize("whole", [SLACK, TEAMS, SEARCH])
def test_half_of_a_platform_is_refused(account, whole):
    for name in set(whole) - {"SlackBotTokenArn", "MicrosoftAppId", "OpenSearchUrl"}:
        with pytest.raises(ClientError, match=r"rule \w+IsWhole failed"):
            account.create("half", tasks(), {**GIVEN, **whole, name: ""})
