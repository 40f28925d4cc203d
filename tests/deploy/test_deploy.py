"""The deployed stack: what it does for people, and what is left of it afterwards.

The tests run in this order, over one stack: the update and the deletion come last. The stand-in
checks every call against the policies of the role that makes it.
"""

import asyncio
import json
import os
import signal
import time
import urllib.error
import urllib.request

import pytest

from core.aws.sqs.lambda_batch import RESERVE
from local.bedrock.server import Script
from tests.ingestion.pdfs import pdf
from tests.support.teams_world import ANA as TEAMS_ANA
from tests.support.teams_world import GENERAL as TEAMS_GENERAL
from tests.support.world import ANA, GENERAL, PARLEY, until

pytestmark = pytest.mark.timeout(300)  # the first one builds and deploys

SECRET_WORDS = "pomegranate custard"
HERON = pdf(["The grey heron nests in tall trees near water.", "It eats frogs and small fish."])
GIVEN_SEARCH = ("OpenSearchUrl", "OpenSearchArn")
PIECES = [f"piece{number:03d} " for number in range(120)]


async def asked(world, text):
    number = len(world.answers()) + 1
    world.slack.say(ANA, GENERAL, text)
    return world.text((await world.answered(number=number, seconds=60))[-1])


def http(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read()


async def test_a_signed_mention_is_answered_by_edits(world):
    world.bedrock.script = Script(text="forty-two " * 60, pace=0.03)
    answer = await asked(world, f"@Parley {SECRET_WORDS}?")
    assert answer == ("forty-two " * 60).strip()
    assert len(world.called("chat.update")) > 2
    assert len(world.called("chat.postMessage")) == 1


async def test_a_signed_activity_of_teams_is_answered_by_edits(both):
    answer = await both.asked(TEAMS_GENERAL, "@Parley what is the answer?", TEAMS_ANA)
    assert "forty-two" in answer
    assert both.sent("put")


async def test_what_is_not_signed_or_not_asked_for_has_no_effect(deployed, world):
    slack, teams = deployed.url("SlackEventsUrl"), deployed.url("TeamsMessagesUrl")
    assert http(slack, "POST", b"{}", {"Content-Type": "application/json"})[0] == 401
    assert http(teams, "POST", b"{}", {"Content-Type": "application/json"})[0] == 401
    assert http(slack)[0] == 405
    assert http(slack.replace("/slack/events", "/healthz")) == (200, b'{"ok": true}')
    assert http(slack.replace("/slack/events", "/elsewhere"), "POST", b"{}")[0] == 404
    assert not world.answers()


async def test_over_plain_http_the_bucket_is_closed_to_everybody(deployed):
    (only,) = deployed.bucket_policy["Statement"]
    assert (only["Effect"], only["Principal"]) == ("Deny", "*")
    assert only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


async def test_a_file_in_the_bucket_is_answered_about(deployed, world):
    bucket = deployed.outputs["DocumentsBucket"]
    world.bedrock.script = Script(size=200, pace=0.001)
    deployed.client("s3").put_object(Bucket=bucket, Key="library/birds/heron.pdf", Body=HERON)
    await until(lambda: _state(deployed, "library/birds/heron.pdf") == "ready", 60)
    answer = await asked(world, "@Parley does the heron eat frogs or fish?")
    assert "frogs and small fish" in answer
    assert "heron.pdf" in answer


async def test_a_shared_file_is_kept_read_and_summarised(deployed, world):
    world.bedrock.script = Script(size=200, pace=0.001)
    world.slack.share(ANA, GENERAL, [("heron.pdf", HERON, "application/pdf")])
    (summary,) = await world.answered(seconds=60)
    assert "heron nests in tall trees" in world.text(summary)


async def test_an_answer_that_outlives_its_invocation_goes_on_in_the_same_message(deployed, world):
    functions, name = deployed.client("lambda"), deployed.resources["WorkerFunction"]
    functions.update_function_configuration(FunctionName=name, Timeout=int(RESERVE) + 5)
    try:
        world.bedrock.script = Script(text="".join(PIECES), size=len(PIECES[0]), pace=0.1)
        world.slack.say(ANA, GENERAL, "@Parley at length")
        await until(lambda: world.bedrock.calls, 30)
        await until(lambda: world.bedrock.closed == 1, 30)
        world.bedrock.script = Script(text="and so it ends.")  # as a model would go on
        said = _said_so_far(await _second_call(world))
        assert 10 < len(said.split()) < len(PIECES)
        (answer,) = await world.answered(seconds=60)
    finally:
        functions.update_function_configuration(FunctionName=name, Timeout=300)
    assert world.text(answer) == f"{said}and so it ends."
    assert len(world.called("chat.postMessage")) == 1
    sizes = [len(c.arguments["blocks"][0]["text"]["text"]) for c in world.called("chat.update")]
    assert sizes == sorted(sizes)


async def test_a_worker_that_is_killed_is_followed_by_another(deployed, world):
    world.bedrock.script = Script(text="".join(PIECES), size=len(PIECES[0]), pace=0.05)
    world.slack.say(ANA, GENERAL, "@Parley at length")
    await until(lambda: any("piece010" in world.text(each) for each in world.answers()), 30)
    for process in deployed.running(deployed.resources["WorkerFunction"]):
        os.kill(process, signal.SIGKILL)
    began = time.monotonic()
    (answer,) = await world.answered(seconds=90)
    assert world.text(answer).split() == [each.strip() for each in PIECES]
    assert len(world.called("chat.postMessage")) == 1
    assert time.monotonic() - began < 60  # the promise


async def test_the_doctor_finds_nothing_to_mend(deployed, both, tmp_path):
    doctor = await asyncio.create_subprocess_exec(
        *PARLEY, "doctor", env=deployed.settings, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    told = (await doctor.communicate())[0].decode()
    assert told.endswith("all is well\n"), told
    named = ("bucket's notifications", "table", "OpenSearch", "Slack's scopes", "Teams' sign-in")
    assert all(f"ok   {name}: " in told for name in named)


async def test_poison_ends_in_the_dead_letter_queues_and_holds_nothing_up(deployed, world):
    sqs, made = deployed.client("sqs"), deployed.resources
    for queue, more in (
        ("Turns", {"MessageGroupId": "g", "MessageDeduplicationId": "d"}),
        ("Files", {}),
    ):
        dead = sqs.get_queue_attributes(QueueUrl=made[f"{queue}Dead"], AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": dead["Attributes"]["QueueArn"], "maxReceiveCount": 1}
        sqs.set_queue_attributes(
            QueueUrl=made[queue], Attributes={"RedrivePolicy": json.dumps(policy)}
        )
        sqs.send_message(QueueUrl=made[queue], MessageBody="poison", **more)
    assert "forty-two" in await asked(world, "@Parley and meanwhile?")
    await until(lambda: all(_waiting(deployed, f"{each}Dead") for each in ("Turns", "Files")), 60)


async def test_one_id_leads_from_the_request_to_the_answer_and_nothing_said_is_logged(
    deployed, world
):
    asked_at = world.slack.say(ANA, GENERAL, f"@Parley {SECRET_WORDS}")
    await world.answered(seconds=60)
    await asyncio.sleep(1)
    for name in ("slack", "worker"):
        lines = [json.loads(e) for e in deployed.logged(name) if e.startswith("{")]
        ids = {line.get("correlation_id", "") for line in lines}
        assert any(each.endswith(asked_at) for each in ids), name
    told = [line for name in ("slack", "worker", "ingester") for line in deployed.logged(name)]
    said = (*SECRET_WORDS.split(), "forty-two", "heron", "xoxb-", "s3cret", "piece0")
    assert [line for line in told if any(word in line for word in said)] == []
    metrics = {name for line in told for name in _metrics(line)}
    assert {"Answers", "TimeToFirstText", "Edits", "OutputTokens", "Cost", "Ingested"} <= metrics


def test_the_clock_is_set_and_the_sweep_runs(deployed):
    rules = deployed.client("events").list_rules()["Rules"]
    expressions = sorted(rule["ScheduleExpression"] for rule in rules)
    assert expressions == ["rate(1 hour)", "rate(1 minute)"]
    name = deployed.resources["ScheduleFunction"]
    answer = deployed.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"orphans": 0}


def test_bucket_table_and_index_are_compared(deployed):
    name = deployed.resources["ReconcilerFunction"]
    answer = deployed.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"forgotten": 0, "repaired": {}}
    cursors = deployed.client("dynamodb").query(
        TableName=deployed.resources["Table"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "cursor"}},
    )["Items"]
    assert {each["sk"]["S"] for each in cursors} == {"bucket", "chunks", "rows"}


def test_the_stand_in_does_check_policies(deployed):
    iam, role = deployed.client("iam"), deployed.resources["ScheduleRole"]
    whole = iam.get_role_policy(RoleName=role, PolicyName="parley")["PolicyDocument"]
    less = [each for each in whole["Statement"] if each["Sid"] != "Table"]
    name = deployed.resources["ScheduleFunction"]
    try:
        iam.put_role_policy(
            RoleName=role,
            PolicyName="parley",
            PolicyDocument=json.dumps({**whole, "Statement": less}),
        )
        answer = deployed.client("lambda").invoke(FunctionName=name, Payload=b"{}")
        assert b"AccessDenied" in answer["Payload"].read()
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="parley", PolicyDocument=json.dumps(whole))


def test_an_update_keeps_what_there_is(deployed):
    before = deployed.resources
    items = deployed.client("dynamodb").scan(TableName=before["Table"])["Count"]
    assert items
    deployed.deploy(DefaultModel="haiku", SlackSigningSecret='""', SlackBotToken='""')
    after = deployed.resources
    kept = ("Table", "Documents", "Turns", "TurnsDead", "Files", "FilesDead", "WorkerFunction")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert deployed.client("dynamodb").scan(TableName=after["Table"])["Count"] == items
    variables = deployed.client("lambda").get_function_configuration(
        FunctionName=after["WorkerFunction"]
    )["Environment"]["Variables"]
    assert variables["PARLEY_DEFAULT_MODEL"] == "haiku"
    assert not [name for name in after if name.startswith("Slack")]  # a platform can be left out


def test_functions_leave_their_queues_to_containers_where_that_is_asked_for(deployed):
    def states():
        sources = deployed.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return {each["FunctionArn"].rpartition(":")[2]: each["State"] for each in sources}

    assert set(states().values()) == {"Enabled"}
    before = states()
    none = dict.fromkeys(("SlackSigningSecret", "SlackBotToken", *GIVEN_SEARCH), '""')
    deployed.deploy(Workers="elsewhere", Search="create", **none)
    assert states() == dict.fromkeys(before, "Disabled")


def test_a_search_domain_was_made_when_that_was_asked_for_too(deployed):
    name = deployed.resources["SearchDomain"]
    domain = deployed.client("opensearch").describe_domain(DomainName=name)["DomainStatus"]
    assert domain["DomainEndpointOptions"]["EnforceHTTPS"]
    assert domain["EncryptionAtRestOptions"]["Enabled"]
    assert deployed.outputs["SearchUrl"] == f"https://{domain['Endpoint']}"
    for function in ("WorkerFunction", "IngesterFunction", "ReconcilerFunction"):
        found = deployed.client("lambda").get_function_configuration(
            FunctionName=deployed.resources[function]
        )
        assert found["Environment"]["Variables"]["OPENSEARCH_URL"] == deployed.outputs["SearchUrl"]
        policy = deployed.client("iam").get_role_policy(
            RoleName=found["Role"].rpartition("/")[2], PolicyName="parley"
        )["PolicyDocument"]
        (search,) = [each for each in policy["Statement"] if each["Sid"] == "Search"]
        assert search["Resource"] == f"{domain['ARN']}/*"


def test_a_deleted_stack_leaves_nothing(deployed):
    assert deployed.everything() > deployed.before
    deployed.delete()
    assert deployed.everything() == deployed.before


def _state(deployed, key):
    found = deployed.client("dynamodb").query(
        TableName=deployed.resources["Table"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "files#library"}},
    )["Items"]
    return next((each["state"]["S"] for each in found if each["key"]["S"] == key), "")


async def _second_call(world):
    await until(lambda: len(world.bedrock.calls) > 1, 30)
    return world.bedrock.calls[1]


def _said_so_far(call):
    question, said, wish = call["body"]["messages"][-3:]
    assert [each["role"] for each in (question, said, wish)] == ["user", "assistant", "user"]
    return said["content"][0]["text"]


def _waiting(deployed, queue):
    name = "ApproximateNumberOfMessages"
    answer = deployed.client("sqs").get_queue_attributes(
        QueueUrl=deployed.resources[queue], AttributeNames=[name]
    )
    return int(answer["Attributes"][name])


def _metrics(line):
    if '"_aws"' not in line:
        return
    for each in json.loads(line)["_aws"]["CloudWatchMetrics"]:
        yield from (metric["Name"] for metric in each["Metrics"])
