"""What is counted while a test counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from core.runtime.telemetry import Metric, counting


class Counts:
    """Values by metric, and the reasons of those that have one."""

    def __init__(self) -> None:
        self.values: defaultdict[Metric, list[float]] = defaultdict(list)
        self.reasons: defaultdict[Metric, list[str]] = defaultdict(list)

    def add(self, metric: Metric, value: float, reason: str) -> None:
        self.values[metric].append(value)
        if reason:
            self.reasons[metric].append(reason)

    def __getitem__(self, metric: Metric) -> list[float]:
        return self.values[metric]


@contextmanager
def counted() -> Iterator[Counts]:
    counts = Counts()
    with counting(counts):
        yield counts
