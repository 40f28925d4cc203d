"""What `parley serve` writes for CloudWatch: the lines and metrics that functions write."""

import asyncio
import json
import signal
from collections import defaultdict

import pytest
from opensearchpy import OpenSearch

from local.bedrock.server import Script
from tests.deploy.template import resources
from tests.ingestion.pdfs import pdf
from tests.support.world import ANA, GENERAL, HURRIED, PARLEY, Served, until, world_at

HERON = pdf(["The grey heron nests in tall trees near water.", "It eats frogs and small fish."])
QUESTION = "@Parley what does the zebrafinch whistle?"
ANSWER = "It whistles marimbas. " * 20
CONTENT = ("zebrafinch", "marimbas", "heron", "frogs", "Ana Kim", "s3cret", "xoxb-")


class Written:
    """What a process wrote, as the log driver gets it: each stream by itself, line by line."""

    def __init__(self, process, folder):
        self.process = process
        self._out, self._err = folder / "out", folder / "err"

    def text(self):
        return self._out.read_text() + self._err.read_text()

    def lines(self):
        """Log lines: all of standard error."""
        return [json.loads(line) for line in self._err.read_text().splitlines()]

    def metrics(self):
        """Values by name and dimensions: all of standard output after its first line."""
        found = defaultdict(list)
        for line in self._out.read_text().splitlines()[1:]:
            told = json.loads(line)
            for each in told["_aws"]["CloudWatchMetrics"]:
                assert each["Namespace"] == "Parley"
                for names in each["Dimensions"]:
                    where = tuple(sorted((name, told[name]) for name in names))
                    for metric in each["Metrics"]:
                        found[metric["Name"], where] += told[metric["Name"]]
        return found


@pytest.fixture
def started(tmp_path):
    """Starts `parley serve` with its streams kept."""

    async def start(world, **more):
        folder = tmp_path / str(len(world.running))
        folder.mkdir()
        environ = {**world.environ, "PORT": str(world.port), **more}
        environ.pop("PYTHONUNBUFFERED", None)
        out = (folder / "out").open("w+b")
        with (folder / "err").open("wb") as err:
            process = Served(world.command or PARLEY, environ, out, err)
        world.running.append(process)
        await process.ready()
        return Written(process, folder)

    return start


@pytest.fixture
async def reading(aws, opensearch):
    """A world with files."""
    async with world_at(aws) as world:
        world.environ["OPENSEARCH_URL"] = opensearch
        yield world
    client = OpenSearch(opensearch)
    for name in client.indices.get(index="parley-chunks-*"):
        client.delete_by_query(
            index=name, body={"query": {"match_all": {}}}, refresh=True, conflicts="proceed"
        )
    client.close()


async def stopped(written):
    written.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await written.process.wait() == 0


def of(service, **more):
    return tuple(sorted({"service": service, **more}.items()))


def watched():
    """What the template's alarms and dashboard look at of our metrics, by name and dimensions."""
    for alarm in resources("AWS::CloudWatch::Alarm").values():
        if alarm.get("Namespace") == "Parley":
            where = tuple((each["Name"], each["Value"]) for each in alarm["Dimensions"])
            yield alarm["MetricName"], where
    (board,) = resources("AWS::CloudWatch::Dashboard").values()
    for widget in json.loads(board["DashboardBody"]["Fn::Sub"])["widgets"]:
        before = []
        for metric in widget["properties"]["metrics"]:
            names = [each for each in metric if isinstance(each, str)]
            if names and names[0] != "..." and len(names) == 4:
                before = [b if a == "." else a for a, b in zip(names, before or names, strict=True)]
                if before[0] == "Parley":
                    yield before[1], ((before[2], before[3]),)


def wanted(service):
    return {(name, where) for name, where in watched() if where == of(service)}


async def test_answers_are_counted_where_alarms_and_the_dashboard_look(world, started):
    world.bedrock.script = Script(text=ANSWER, pace=0.005)
    world.slack.api.faults["chat.update"] = ["", "ratelimited:1"]
    written = await started(world, PARLEY_LOG="json")
    for _ in range(3):  # side by side
        world.slack.say(ANA, GENERAL, QUESTION)
    await world.answered(number=3)
    await stopped(written)
    found = written.metrics()
    assert {name for name, _ in wanted("worker")} >= {"TimeToFirstText", "RateLimited", "Answers"}
    seldom = {"HandedOn", "CacheReadTokens", "CacheWriteTokens", "TimeToFirstTextOfFiles"}
    assert wanted("worker") - {(name, of("worker")) for name in seldom} <= set(found)
    assert sum(found["Answers", of("worker")]) == 3
    assert len(found["TimeToFirstText", of("worker")]) == 3
    assert all(0 <= each < 20 for each in found["TimeToFirstText", of("worker")])
    assert {where for _, where in found} == {of("worker")}


async def test_an_id_leads_from_receipt_to_answer_and_nothing_that_was_said_is_written(
    world, started
):
    world.bedrock.script = Script(text=ANSWER, pace=0.005)
    written = await started(world, PARLEY_LOG="json", LOG_LEVEL="DEBUG")
    asked = [world.slack.say(ANA, GENERAL, QUESTION) for _ in range(2)]
    await world.answered(number=2)
    await stopped(written)
    for ts in asked:
        followed = [each for each in written.lines() if ts in each.get("correlation_id", "")]
        messages = [each["message"] for each in followed]
        assert (messages[0], messages[-1]) == ("queued", "Incoming done")
        assert len({each["correlation_id"] for each in followed}) == 1
    assert {each["service"] for each in written.lines()} == {"serve"}
    assert [word for word in CONTENT if word in written.text()] == []


async def test_metrics_are_written_when_an_answer_ends_not_when_the_process_does(world, started):
    written = await started(world, PARLEY_LOG="json")
    world.slack.say(ANA, GENERAL, QUESTION)
    await until(lambda: written.metrics().get(("Answers", of("worker"))))
    assert written.process.returncode is None


async def test_answers_that_are_taken_up_again_are_counted_for_their_alarm(world, aws, started):
    world.command = HURRIED
    first = await started(world, PARLEY_LOG="json")
    world.bedrock.script = Script(text=ANSWER, pace=0.03)
    world.slack.say(ANA, GENERAL, QUESTION)
    await until(lambda: any("marimbas" in world.text(each) for each in world.answers()))
    await world.kill(first.process)
    # else the queue shows the question again before the answer is missed
    aws.client("sqs").purge_queue(QueueUrl=aws.resources.turns_queue)
    world.bedrock.script = Script(text=ANSWER, pace=0.001)
    second = await started(world, PARLEY_LOG="json")
    await world.answered(seconds=75)
    await stopped(second)
    assert wanted("schedule") == {("Orphans", of("schedule"))}
    assert second.metrics()["Orphans", of("schedule")] == [1]


async def test_without_the_setting_lines_are_plain_and_nothing_is_counted(world, started):
    world.bedrock.script = Script(text=ANSWER, pace=0.005)
    written = await started(world, LOG_LEVEL="DEBUG")
    world.slack.say(ANA, GENERAL, QUESTION)
    await world.answered()
    await stopped(written)
    assert "INFO bots.worker: Incoming done" in written.text()
    assert "_aws" not in written.text()
    assert [word for word in CONTENT if word in written.text()] == []


async def test_a_format_that_is_unknown_is_refused(world):
    environ = {**world.environ, "PARLEY_LOG": "xml"}
    process = await asyncio.create_subprocess_exec(
        *PARLEY, "serve", env=environ, stderr=asyncio.subprocess.PIPE, cwd="/"
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode() == "- PARLEY_LOG is unknown: choose text or json.\n"


async def test_files_are_counted_apart_from_answers_at_the_same_time(reading, started):
    reading.bedrock.script = Script(text=ANSWER * 5, pace=0.02)
    written = await started(reading, PARLEY_LOG="json")
    reading.slack.say(ANA, GENERAL, QUESTION)
    await until(lambda: any("marimbas" in reading.text(each) for each in reading.answers()))
    reading.slack.share(ANA, GENERAL, [("heron.pdf", HERON, "application/pdf")])
    reading.slack.share(ANA, GENERAL, [("frogs.pdf", b"%PDF-1.7 broken", "application/pdf")])
    await reading.answered(number=3)
    await stopped(written)
    found = written.metrics()
    assert wanted("ingester") <= set(found)
    assert found["Ingested", of("ingester")] == [1]
    assert found["Failures", of("ingester", reason="damaged")] == [1]
    both = {"QueueLag", "PutOff", "Failures"}
    of_files = {name for name, where in found if where == of("ingester")}
    assert of_files - both == {"Ingested", "IngestLag"}
    of_answers = {name for name, where in found if where == of("worker")}
    assert of_answers & of_files <= both
    assert {"Answers", "Edits", "TimeToFirstText"} <= of_answers
    assert [word for word in CONTENT if word in written.text()] == []
