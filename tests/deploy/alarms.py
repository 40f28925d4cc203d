"""CloudWatch's alarms in small: what the template's own would say of given data points.

It applies what the template uses and no more: statistics of one metric over periods, percentiles,
M of N periods, and missing data. Anything else raises KeyError.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import json
import math
import operator
import re
import statistics
from collections import defaultdict

COMPARISONS = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}
STATISTICS = {"Sum": sum, "Maximum": max, "Minimum": min, "Average": statistics.mean}
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
    seconds = alarm["Period"]
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
    """The metric of an alarm: namespace, name, dimensions, statistic."""
    stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return alarm["Namespace"], alarm["MetricName"], _dimensions(alarm), stat


def _value(alarm, points, begin, end):
    namespace, name, dimensions, stat = watched(alarm)
    return _statistic(stat, points.within(namespace, name, dimensions, begin, end))


def _statistic(stat, values):
    if not values:
        return None
    if stat in STATISTICS:
        return STATISTICS[stat](values)
    share = float(re.fullmatch(r"p([\d.]+)", stat)[1]) / 100
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _dimensions(metric):
    return {each["Name"]: _plain(each["Value"], {}) for each in metric["Dimensions"]}


def _plain(value, parameters):
    """A parameter's value, or the name of what an intrinsic function refers to."""
    if not isinstance(value, dict):
        return value
    (name,) = value.values()
    return parameters.get(name, name)
