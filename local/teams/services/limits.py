"""Teams' rate limits as it publishes them.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

THREAD = ((7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0))
"""Calls of a bot in one conversation, in so many seconds: a chat, or a channel with all its
threads."""
TENANT = 50
"""Calls of a bot in one tenant in a second."""
STREAM = 1.0
"""Seconds between two calls of one stream. A little less is let pass: clocks and wires differ."""
SLACK = 0.1


@dataclass
class RateLimits:
    """`wait` says how many seconds too early a call is; 0 lets it pass and counts it."""

    clock: Callable[[], float]
    refused: int = 0
    _threads: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _all: deque[float] = field(default_factory=deque)
    _streams: dict[str, float] = field(default_factory=dict)

    def wait(self, thread: str, stream: str = "") -> float:
        now = self.clock()
        calls = self._threads[thread]
        while calls and calls[0] <= now - THREAD[-1][1]:
            calls.popleft()
        while self._all and self._all[0] <= now - 1:
            self._all.popleft()
        waits = [self._all[0] + 1 - now] if len(self._all) >= TENANT else []
        for most, seconds in THREAD:
            if len(calls) >= most and calls[-most] > now - seconds:
                waits.append(calls[-most] + seconds - now)
        if stream and now - self._streams.get(stream, -math.inf) < STREAM - SLACK:
            waits.append(self._streams[stream] + STREAM - now)
        if waits:
            self.refused += 1
            return max(waits)
        calls.append(now)
        self._all.append(now)
        if stream:
            self._streams[stream] = now
        return 0.0
