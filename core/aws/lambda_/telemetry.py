"""Logs, metrics and traces for CloudWatch, by Powertools' Logger, Metrics and Tracer.

https://docs.aws.amazon.com/powertools/python/latest/
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Tracer
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from core.runtime import telemetry
from core.runtime.telemetry import SECONDS, Metric

NAMESPACE = "Parley"


class Telemetry:
    """The telemetry of one function. `service` is its name."""

    def __init__(self, service: str) -> None:
        self._service = service
        # patching the SDKs would trace every call made from threads, and each trace costs money
        self._tracer = Tracer(service=service, auto_patch=False)
        log_as_json(service)

    @contextmanager
    def invocation(self, context: Any) -> Iterator[None]:
        """Trace one invocation of the function, and write its metrics when it ends."""
        request = str(getattr(context, "aws_request_id", ""))
        with self._tracer.provider.in_subsegment(f"## {self._service}") as segment:
            segment.put_annotation("request", request)
            with metered(self._service):
                yield


@contextmanager
def metered(service: str) -> Iterator[None]:
    """Write the metrics of one of many concurrent tasks to standard output when it ends.

    This is a `core.runtime.telemetry.Metering`.
    """
    counts = _Counts(service)
    try:
        with telemetry.counting(counts):
            yield
    finally:
        counts.write()


class _Counts:
    """Collects metrics: `core.runtime.telemetry.Meter`.

    Powertools' usual `Metrics` shares values and dimensions among all instances in a process, so
    concurrent answers and files would be counted under one service.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)

    def add(self, metric: Metric, value: float, reason: str) -> None:
        unit = MetricUnit.Seconds if metric in SECONDS else MetricUnit.Count
        if metric is Metric.COST:
            unit = MetricUnit.NoUnit
        if not reason:
            self._metrics.add_metric(name=metric, unit=unit, value=value)
            return
        one = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        # in addition to the service alone, since CloudWatch does not add up over dimensions
        one.add_dimensions(service=self._service, reason=reason)
        one.add_metric(name=metric, unit=unit, value=value)
        one.flush_metrics()

    def write(self) -> None:
        """Write the remaining metrics; Powertools writes each hundred values of a metric itself."""
        if self._metrics.metric_set:
            self._metrics.flush_metrics()


class _Following(logging.Filter):
    """Adds the id of the current turn to every log line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if run := telemetry.run():
            record.correlation_id = run
        return True


def log_as_json(service: str) -> None:
    """Make all loggers write one JSON object per line to standard error, and nothing else."""
    handler = logging.StreamHandler()
    handler.setFormatter(LambdaPowertoolsFormatter(service=service))
    handler.addFilter(_Following())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
    telemetry.quiet()
