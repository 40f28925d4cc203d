"""Powertools' Logger, Metrics and Tracer for a Lambda function: `core.telemetry.Meter`.

https://docs.aws.amazon.com/powertools/python/latest/
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Metrics, Tracer, single_metric
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

from core import telemetry
from core.telemetry import SECONDS, Metric

NAMESPACE = "Parley"
QUIET = ("boto3", "botocore", "urllib3", "aiohttp", "slack_sdk", "slack_bolt", "opensearch")
"""Libraries that write requests at their lower levels."""


class Telemetry:
    """One for a function, `service` its name."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._metrics = Metrics(namespace=NAMESPACE, service=service)
        # the SDK's patches would follow calls we make from threads, at a price for each
        self._tracer = Tracer(service=service, auto_patch=False)
        self._counted = False
        _log_as_json(service)

    def add(self, metric: Metric, value: float, reason: str) -> None:
        unit = MetricUnit.Seconds if metric in SECONDS else MetricUnit.Count
        if metric is Metric.COST:
            unit = MetricUnit.NoUnit
        if not reason:
            self._metrics.add_metric(name=metric, unit=unit, value=value)
            self._counted = True
            return
        with single_metric(name=metric, unit=unit, value=value, namespace=NAMESPACE) as one:
            one.add_dimension(name="service", value=self._service)
            one.add_dimension(name="reason", value=reason)

    @contextmanager
    def invocation(self, context: Any) -> Iterator[None]:
        """One call of the function: what it counts is written when it ends."""
        request = str(getattr(context, "aws_request_id", ""))
        with self._tracer.provider.in_subsegment(f"## {self._service}") as segment:
            segment.put_annotation("request", request)
            try:
                with telemetry.counting(self):
                    yield
            finally:
                if self._counted:
                    self._metrics.flush_metrics()
                    self._counted = False


class _Following(logging.Filter):
    """Gives every line the id of the turn that it is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        if run := telemetry.run():
            record.correlation_id = run
        return True


def _log_as_json(service: str) -> None:
    """Every logger writes one JSON object a line; Lambda's own handler goes."""
    handler = logging.StreamHandler()
    handler.setFormatter(LambdaPowertoolsFormatter(service=service))
    handler.addFilter(_Following())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
