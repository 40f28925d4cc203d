"""What operators count, and the id that ties together what is logged of one turn.

Numbers, ids and fixed words only: no text, name, address or token ever comes through here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol


class Metric(StrEnum):
    """Names as they stand on the dashboard; `SECONDS` has what is no count."""

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
"""Libraries that write requests at their lower levels."""
SECONDS = frozenset(
    {Metric.FIRST_TEXT, Metric.FIRST_TEXT_OF_FILES, Metric.QUEUED, Metric.INGEST_LAG}
)
"""Those that are measured in seconds; all others are counted. Cost is in dollars."""


class Meter(Protocol):
    """Takes what is counted. `reason` is one of a few fixed words."""

    def add(self, metric: Metric, value: float, reason: str) -> None: ...


Metering = Callable[[str], AbstractContextManager[None]]
"""What is counted inside the context is written when it ends, under the name of a service."""


def unmetered(service: str) -> AbstractContextManager[None]:
    """For a process whose counts go nowhere."""
    return nullcontext()


_meter: ContextVar[Meter | None] = ContextVar("parley-meter", default=None)
_run: ContextVar[str] = ContextVar("parley-run", default="")


def count(metric: Metric, value: float = 1.0, reason: str = "") -> None:
    """Counts something, where anybody is counting."""
    meter = _meter.get()
    if meter is not None:
        meter.add(metric, value, reason)


@contextmanager
def counting(meter: Meter) -> Iterator[None]:
    """What is counted inside, by every task begun there, goes to `meter`."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)


@contextmanager
def following(run: str) -> Iterator[None]:
    """What is logged inside carries this id: the event's, from its receipt to its answer."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


def run() -> str:
    """The id of the turn that is being handled here, empty if there is none."""
    return _run.get()


def quiet() -> None:
    """Keeps from the log, at any level, what libraries would write of requests and secrets."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
