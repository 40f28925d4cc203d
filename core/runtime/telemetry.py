"""Metrics, and the id that connects the log lines of one turn.

Only numbers, ids and fixed words pass through here: no text, name, URL or token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol


class Metric(StrEnum):
    """The metrics by their names on the dashboard; those in `SECONDS` are durations."""

    ANSWERS = "Answers"
    FIRST_TEXT = "TimeToFirstText"
    FIRST_TEXT_OF_FILES = "TimeToFirstTextOfFiles"
    EDITS = "Edits"
    RATE_LIMITED = "RateLimited"
    INPUT_TOKENS = "InputTokens"
    OUTPUT_TOKENS = "OutputTokens"
    CACHE_READ_TOKENS = "CacheReadTokens"
    CACHE_WRITE_TOKENS = "CacheWriteTokens"
    COST = "Cost"
    HANDED_ON = "HandedOn"
    FAILURES = "Failures"
    PUT_OFF = "PutOff"
    QUEUED = "QueueLag"
    INGESTED = "Ingested"
    INGEST_LAG = "IngestLag"
    ORPHANS = "Orphans"
    REPAIRED = "Repaired"
    UNKNOWN_REFUSALS = "UnknownRefusals"


QUIET = ("boto3", "botocore", "urllib3", "aiohttp", "slack_sdk", "slack_bolt", "opensearch")
"""Libraries that log requests at the levels below WARNING."""
SECONDS = frozenset(
    {Metric.FIRST_TEXT, Metric.FIRST_TEXT_OF_FILES, Metric.QUEUED, Metric.INGEST_LAG}
)
"""The metrics in seconds. All others are counts, except the cost, which is in dollars."""


class Meter(Protocol):
    """Collects metrics."""

    def add(self, metric: Metric, value: float, reason: str) -> None:
        """Add a value to a metric. `reason` is one of a few fixed words, or empty."""
        ...


Metering = Callable[[str], AbstractContextManager[None]]
"""Makes a context for a named service: metrics counted inside are written when it ends."""


def unmetered(service: str) -> AbstractContextManager[None]:
    """The `Metering` of a process that writes no metrics."""
    return nullcontext()


_meter: ContextVar[Meter | None] = ContextVar("parley-meter", default=None)
_run: ContextVar[str] = ContextVar("parley-run", default="")


def count(metric: Metric, value: float = 1.0, reason: str = "") -> None:
    """Add to a metric of the current meter, if there is one."""
    meter = _meter.get()
    if meter is not None:
        meter.add(metric, value, reason)


@contextmanager
def counting(meter: Meter) -> Iterator[None]:
    """Send the metrics counted inside the context, and in tasks started there, to `meter`."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)


@contextmanager
def following(run: str) -> Iterator[None]:
    """Give the log lines written inside the context this id: the turn's event id."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


def run() -> str:
    """The id of the turn that is being handled, empty if there is none."""
    return _run.get()


def quiet() -> None:
    """Keep libraries from logging requests and secrets, at any log level."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
