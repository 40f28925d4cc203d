"""CloudWatch's alarms in small: what the template's own would say of given data points.

It applies what the template uses and no more: statistics and percentiles over periods, one metric
or an expression over several, N of M periods, and missing data. Anything else raises KeyError.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import json
import math
import operator
import re
from collections import defaultdict

COMPARISONS = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}
STATISTICS = {"Sum": sum, "Maximum": max, "Minimum": min}
METRICS = {
    # namespace, name: its dimensions
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    ("AWS/Lambda", "Duration"): {"FunctionName"},
    ("AWS/Lambda", "Url5xxCount"): {"FunctionName"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {"QueueName"},
    ("AWS/ES", "ClusterStatus.red"): {"ClientId", "DomainName"},
    ("AWS/ES", "FreeStorageSpace"): {"ClientId", "DomainName"},
}
"""AWS's own that alarms may watch, as documented: each has a row in CLAIMS.md beside this file."""


class Points:
    """Data points by namespace, metric and dimensions; times in seconds from the start."""

    def __init__(self):
        self._kept = defaultdict(list)

    def add(self, namespace, name, dimensions, at, value):
        self._kept[namespace, name, frozenset(dimensions.items())].append((at, value))

    def take(self, written, at):
        """The embedded metric format, one object a line, as our processes write it.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        for line in written.splitlines():
            told = json.loads(line)
            for directive in told["_aws"]["CloudWatchMetrics"]:
                for names in directive["Dimensions"]:
                    dimensions = {name: told[name] for name in names}
                    for metric in directive["Metrics"]:
                        values = told[metric["Name"]]
                        for value in values if isinstance(values, list) else [values]:
                            self.add(directive["Namespace"], metric["Name"], dimensions, at, value)

    def within(self, namespace, name, dimensions, begin, end):
        found = self._kept.get((namespace, name, frozenset(dimensions.items())), ())
        return [value for at, value in found if begin <= at < end]


def rings(alarm, points, until, parameters):
    """The seconds at which an alarm of the template begins to ring, looked at each minute."""
    assert alarm["TreatMissingData"] == "notBreaching"
    compare = COMPARISONS[alarm["ComparisonOperator"]]
    threshold = _plain(alarm["Threshold"], parameters)
    periods = alarm["EvaluationPeriods"]
    wanted = alarm.get("DatapointsToAlarm", periods)
    seconds = _period(alarm)
    rang, ringing = [], False
    for now in range(60, until + 1, 60):
        ends = [now - seconds * each for each in range(periods)]
        values = [_value(alarm, points, end - seconds, end) for end in ends]
        bad = sum(value is not None and compare(value, threshold) for value in values) >= wanted
        if bad and not ringing:
            rang.append(now)
        ringing = bad
    return rang


def watched(alarm):
    """The metrics of an alarm: (namespace, name, dimensions, statistic)."""
    if "Metrics" not in alarm:
        stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        yield alarm["Namespace"], alarm["MetricName"], _dimensions(alarm), stat
        return
    for each in alarm["Metrics"]:
        if "MetricStat" in each:
            metric = each["MetricStat"]["Metric"]
            stat = each["MetricStat"]["Stat"]
            yield metric["Namespace"], metric["MetricName"], _dimensions(metric), stat


def _period(alarm):
    if "Period" in alarm:
        return alarm["Period"]
    (seconds,) = {e["MetricStat"]["Period"] for e in alarm["Metrics"] if "MetricStat" in e}
    return seconds


def _value(alarm, points, begin, end):
    found = []
    for namespace, name, dimensions, stat in watched(alarm):
        found.append(_statistic(stat, points.within(namespace, name, dimensions, begin, end)))
    if "Metrics" not in alarm:
        return found[0]
    names = [each["Id"] for each in alarm["Metrics"] if "MetricStat" in each]
    (expression,) = [e["Expression"] for e in alarm["Metrics"] if e.get("ReturnData", True)]
    return _computed(expression, dict(zip(names, found, strict=True)))


def _statistic(stat, values):
    if not values:
        return None
    if stat in STATISTICS:
        return STATISTICS[stat](values)
    share = float(re.fullmatch(r"p([\d.]+)", stat)[1]) / 100
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _computed(expression, values):
    """Metric math: a metric without data makes the result one without, unless FILL gives it."""
    missing = {name for name, value in values.items() if value is None}
    filled = set(re.findall(r"FILL\((\w+), 0\)", expression))
    if missing - filled:
        return None
    python = re.sub(r"FILL\((\w+), 0\)", r"\1", expression).replace(" AND ", " and ")
    known = {name: value or 0 for name, value in values.items()}
    when = {"IF": lambda test, yes, no: yes if test else no, "__builtins__": {}}
    return eval(python, when, known)


def _dimensions(metric):
    return {each["Name"]: _plain(each["Value"], {}) for each in metric["Dimensions"]}


def _plain(value, parameters):
    """A parameter's value, or the name of what an intrinsic function refers to."""
    if not isinstance(value, dict):
        return value
    (name,) = value.values()
    return parameters.get(name, name)
