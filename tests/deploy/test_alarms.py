"""Each alarm of the template rings once when its trouble begins, and in no ordinary hour.

Our own metrics are those that our code writes in virtual time; AWS's are as documented (CLAIMS.md).
"""

import random

import pytest

from core.aws.lambda_.telemetry import metered
from core.ports.model import Broken, Overloaded, Refused
from core.runtime.telemetry import Metric, count
from core.turn.outcome import Outcome, counted
from core.turn.prompt.metering import MeteredModel
from core.values.answer import Delta, Message, Prompt, Usage
from tests.core.streaming.test_live import Scene, words
from tests.deploy.alarms import METRICS, Points, rings, watched
from tests.deploy.template import resources, template
from tests.support.virtual import run

HOUR = 3600
ALARMS = resources("AWS::CloudWatch::Alarm")
PARAMETERS = {
    name: each["Default"] for name, each in template()["Parameters"].items() if "Default" in each
}
RECEIVERS = ("SlackFunction", "TeamsFunction")
FUNCTIONS = (
    *RECEIVERS, "WorkerFunction", "IngesterFunction", "ScheduleFunction", "ReconcilerFunction",
)  # fmt: skip
QUEUES = ("Turns.QueueName", "Files.QueueName", "TurnsDead.QueueName", "FilesDead.QueueName")
DOMAIN = {"DomainName": "SearchDomain", "ClientId": "AWS::AccountId"}
MIB_FREE = 8_000
LONG, SHORT = Usage(20_000, 2_000), Usage(3_000, 400)


class Model:
    """Answers at once, having taken `usage`."""

    def __init__(self, usage):
        self._usage = usage

    async def stream(self, prompt):
        yield Delta("words", "end_turn", self._usage)


async def asked(model, usage):
    """One call of Claude, counted as each of the product's is."""
    prompt = Prompt(model, "", (Message("user", "question"),))
    async for _ in MeteredModel(Model(usage)).stream(prompt):
        pass


class Hours:
    """Data points as they come about; `read` gives what our code has printed."""

    def __init__(self, read):
        self.points, self._read = Points(), read

    def ours(self, at, service, work):
        with metered(service):
            work()
        self.points.take(self._read(), at)

    def answer(self, at, first=1.0, usage=SHORT, model="sonnet", error=None):
        """An answer whose first words come after `first` seconds, as a worker counts it."""

        def work():
            run(lambda: Scene().answer([] if error else words(1), gap=first))
            if error is None:
                run(lambda: asked(model, usage))
            counted(Outcome("end_turn", usage, model, error=error), partial=error is None)

        self.ours(at, "worker", work)

    def lambda_(self, at, name, value, *functions):
        for each in functions:
            self.points.add("AWS/Lambda", name, {"FunctionName": each}, at, value)

    def queue(self, at, name, value, queue):
        self.points.add("AWS/SQS", name, {"QueueName": queue}, at, value)

    def ordinary(self, begin, end):
        """People ask, now and then something small goes wrong, and nobody is to be called."""
        chance = random.Random(begin)
        for minute in range(begin, end, 60):
            for _ in range(chance.randrange(3)):
                self.answer(minute + chance.randrange(60), first=chance.uniform(0.4, 4))
                self.lambda_(minute, "Duration", chance.uniform(20, 400), *RECEIVERS)
            for queue in QUEUES:
                age = 0 if "Dead" in queue else chance.uniform(0, 20)
                self.queue(minute, "ApproximateNumberOfMessagesVisible", 0, queue)
                self.queue(minute, "ApproximateAgeOfOldestMessage", age, queue)
            self.lambda_(minute, "Errors", 0, *FUNCTIONS)
            self.points.add("AWS/ES", "ClusterStatus.red", DOMAIN, minute, 0)
            self.points.add("AWS/ES", "FreeStorageSpace", DOMAIN, minute, MIB_FREE)
            self.ours(minute, "schedule", lambda: count(Metric.ORPHANS, 0))
        # within an hour: a broken stream, a cold start, one crash of a worker, a burst of edits
        self.answer(begin + 700, error=Broken())
        self.lambda_(begin + 900, "Duration", 2_900, "SlackFunction")
        self.lambda_(begin + 1500, "Errors", 1, "WorkerFunction")
        self.ours(begin + 1560, "schedule", lambda: count(Metric.ORPHANS, 1))
        self.ours(begin + 2000, "worker", lambda: count(Metric.RATE_LIMITED, 12))


@pytest.fixture
def hours(capsys):
    return Hours(lambda: capsys.readouterr().out)


def late(queue, seconds):
    def begin(hours, at):
        for minute in range(at, at + HOUR, 60):
            hours.queue(minute, "ApproximateAgeOfOldestMessage", seconds, queue)

    return begin


def dead(queue):
    def begin(hours, at):
        for minute in range(at, at + HOUR, 60):
            hours.queue(minute, "ApproximateNumberOfMessagesVisible", 1, queue)

    return begin


def lambda_(name, value, function, every=60):
    def begin(hours, at):
        for second in range(at, at + HOUR, every):
            hours.lambda_(second, name, value, function)

    return begin


def answers(every=60, **how):
    def begin(hours, at):
        for second in range(at, at + HOUR, every):
            hours.answer(second, **how)

    return begin


def ours(service, metric, value):
    def begin(hours, at):
        for minute in range(at, at + HOUR, 60):
            hours.ours(minute, service, lambda: count(metric, value))

    return begin


def domain(name, value):
    def begin(hours, at):
        for minute in range(at, at + HOUR, 60):
            hours.points.add("AWS/ES", name, DOMAIN, minute, value)

    return begin


def crashes_of_the_comparison(hours, at):
    for hour in range(3):
        hours.lambda_(at + hour * HOUR, "Errors", 1, "ReconcilerFunction")


TROUBLE = {
    "TurnsDeadAlarm": [dead("TurnsDead.QueueName")],
    "FilesDeadAlarm": [dead("FilesDead.QueueName")],
    "TurnsLateAlarm": [late("Turns.QueueName", 300)],
    "FilesLateAlarm": [late("Files.QueueName", 3600)],
    "SlackErrorsAlarm": [lambda_("Errors", 1, "SlackFunction")],
    "TeamsErrorsAlarm": [lambda_("Errors", 1, "TeamsFunction")],
    "WorkerErrorsAlarm": [lambda_("Errors", 1, "WorkerFunction")],
    "IngesterErrorsAlarm": [lambda_("Errors", 1, "IngesterFunction")],
    "ScheduleErrorsAlarm": [lambda_("Errors", 1, "ScheduleFunction")],
    "ReconcilerErrorsAlarm": [crashes_of_the_comparison],
    "SlackThrottledAlarm": [lambda_("Throttles", 1, "SlackFunction")],
    "TeamsThrottledAlarm": [lambda_("Throttles", 1, "TeamsFunction")],
    "SlackSlowAlarm": [lambda_("Duration", 2_800, "SlackFunction")],
    "SlackRefusedAlarm": [lambda_("Url5xxCount", 1, "SlackFunction")],
    "TeamsRefusedAlarm": [lambda_("Url5xxCount", 1, "TeamsFunction")],
    "FirstTextAlarm": [answers(first=40)],
    "FailuresAlarm": [answers(error=Refused()), answers(error=Overloaded(), every=240)],
    "CostAlarm": [answers(usage=LONG, model="opus", every=20), answers(usage=LONG, model="opus")],
    "RateLimitedAlarm": [ours("worker", Metric.RATE_LIMITED, 10)],
    "OrphansAlarm": [ours("schedule", Metric.ORPHANS, 2)],
    "SearchRedAlarm": [domain("ClusterStatus.red", 1)],
    "SearchFullAlarm": [domain("FreeStorageSpace", 2_000)],
}
"""What has to make each alarm ring: every one of the troubles, each by itself."""
DEARER = {"CostAlarm": {"HourlyDollars": 2}}


def test_every_alarm_has_a_trouble_that_must_make_it_ring():
    assert set(TROUBLE) == set(ALARMS)


def test_alarms_watch_only_metrics_that_are_written():
    for name, alarm in ALARMS.items():
        namespace, metric, dimensions, _ = watched(alarm)
        if namespace == "Parley":
            assert metric in {*Metric}, name
        else:
            assert set(dimensions) == METRICS[namespace, metric], name


def test_our_own_metrics_are_those_that_alarms_watch(hours):
    """With a reason they are counted under the service alone as well."""
    hours.answer(0, error=Refused())
    hours.answer(0)
    worker = {"service": "worker"}
    assert hours.points.within("Parley", "Failures", worker, 0, 60) == [1.0, 0.0]
    assert hours.points.within("Parley", "Failures", worker | {"reason": "Refused"}, 0, 60) == [1.0]
    assert hours.points.within("Parley", "Answers", worker, 0, 60) == [1.0]


def test_an_ordinary_hour_rings_nothing(hours):
    for begin in range(0, 3 * HOUR, HOUR):
        hours.ordinary(begin, begin + HOUR)
    rang = {
        name: rings(alarm, hours.points, 3 * HOUR, PARAMETERS) for name, alarm in ALARMS.items()
    }
    assert {name: at for name, at in rang.items() if at} == {}


@pytest.mark.parametrize(
    ("name", "trouble"), [(name, each) for name in TROUBLE for each in TROUBLE[name]]
)
def test_each_alarm_rings_once_when_its_trouble_begins(hours, name, trouble):
    hours.ordinary(0, HOUR)
    trouble(hours, HOUR)
    parameters = PARAMETERS | DEARER.get(name, {})
    rang = rings(ALARMS[name], hours.points, 4 * HOUR, parameters)
    assert len(rang) == 1
    assert rang[0] > HOUR
