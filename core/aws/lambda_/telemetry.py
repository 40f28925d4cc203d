"""Powertools' Logger, Metrics and Tracer: lines and metrics as CloudWatch reads them.

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
    """One for a function, `service` its name."""

    def __init__(self, service: str) -> None:
        self._service = service
        # the SDK's patches would follow calls we make from threads, at a price for each
        self._tracer = Tracer(service=service, auto_patch=False)
        log_as_json(service)

    @contextmanager
    def invocation(self, context: Any) -> Iterator[None]:
        """One call of the function: what it counts is written when it ends."""
        request = str(getattr(context, "aws_request_id", ""))
        with self._tracer.provider.in_subsegment(f"## {self._service}") as segment:
            segment.put_annotation("request", request)
            with metered(self._service):
                yield


@contextmanager
def metered(service: str) -> Iterator[None]:
    """`core.runtime.telemetry.Metering` on standard output, for one of many things in progress."""
    counts = _Counts(service)
    try:
        with telemetry.counting(counts):
            yield
    finally:
        counts.write()


class _Counts:
    """`core.runtime.telemetry.Meter`.

    Powertools' usual `Metrics` shares values and dimensions with all others in a process, so that
    answers and files that are counted side by side would end up under one service.
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
        # besides the service alone, since CloudWatch adds nothing up over dimensions
        one.add_dimensions(service=self._service, reason=reason)
        one.add_metric(name=metric, unit=unit, value=value)
        one.flush_metrics()

    def write(self) -> None:
        """Powertools itself has written each hundred values of a metric."""
        if self._metrics.metric_set:
            self._metrics.flush_metrics()


class _Following(logging.Filter):
    """Gives every line the id of the turn that it is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        if run := telemetry.run():
            record.correlation_id = run
        return True


def log_as_json(service: str) -> None:
    """Every logger writes one JSON object a line, to standard error; other handlers go."""
    handler = logging.StreamHandler()
    handler.setFormatter(LambdaPowertoolsFormatter(service=service))
    handler.addFilter(_Following())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
    telemetry.quiet()
