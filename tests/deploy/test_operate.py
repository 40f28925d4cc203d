"""docs/operate.md tells of every alarm and every graph there is, and of none that there is not."""

import json
import re

import pytest

from tests.deploy.alarms import watched
from tests.deploy.conftest import ROOT
from tests.deploy.template import resources, template

PAGE = (ROOT / "docs" / "operate.md").read_text()
NAMED = set(re.findall(r"`([A-Z][A-Za-z0-9.]+)`", PAGE))
GRAPHS = PAGE.split("## The dashboard")[1].split("\n## ")[0]
TABLE = [line.split("|")[1] for line in GRAPHS.splitlines() if line.startswith("| `")]


def drawn():
    """Names of metrics on the dashboard; `.` and `...` repeat what stood before."""
    (board,) = resources("AWS::CloudWatch::Dashboard").values()
    for widget in json.loads(board["DashboardBody"]["Fn::Sub"])["widgets"]:
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                yield re.search(r'MetricName="(\w+)"', metric[0]["expression"])[1]
            elif metric[0] != "...":
                yield metric[1]


def headings():
    found = re.findall(r"(?m)^#+ (.+)$", PAGE)
    return {re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in found}


def test_every_alarm_is_told_of_and_no_other():
    alarms = {name for name in NAMED if name.endswith("Alarm")}
    assert alarms == set(resources("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("alarm", resources("AWS::CloudWatch::Alarm"))
def test_an_alarm_has_a_row_that_leads_to_what_to_do(alarm):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{alarm}`")]
    *_, people, do, _ = row.split("|")
    assert people.strip()
    assert re.search(r"\(#([a-z-]+)\)", do)[1] in headings()


def test_every_metric_of_the_dashboard_is_told_of_and_no_other():
    told = {name for cell in TABLE for name in re.findall(r"`([\w.]+)`", cell)}
    assert told == set(drawn())


def test_every_metric_that_an_alarm_watches_is_named():
    alarms = resources("AWS::CloudWatch::Alarm").values()
    assert {watched(alarm)[1] for alarm in alarms} <= NAMED


def test_links_within_the_page_lead_somewhere():
    assert set(re.findall(r"\(#([a-z0-9-]+)\)", PAGE)) <= headings()


def test_what_is_said_of_times_and_tries_is_what_the_template_has():
    queues, functions = resources("AWS::SQS::Queue"), resources("AWS::Serverless::Function")
    assert queues["Turns"]["MessageRetentionPeriod"] == 4 * 86_400
    assert queues["TurnsDead"]["MessageRetentionPeriod"] == 14 * 86_400
    assert queues["Turns"]["RedrivePolicy"]["maxReceiveCount"] == 10
    assert functions["WorkerFunction"]["Timeout"] == 300
    old, _ = resources("AWS::S3::Bucket")["Documents"]["LifecycleConfiguration"]["Rules"]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    named = set(
        re.findall(r"\b(\w+Concurrency|MaxFileMb|\w+Regions|AlarmEmail|HourlyDollars)\b", PAGE)
    )
    assert named <= set(template()["Parameters"])
