"""Teams' published rate limits.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

THREAD = ((7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0))
"""(calls, seconds) allowed for a bot in one conversation: a chat, or a channel with all its
threads."""
TENANT = 50
"""Calls a second allowed for a bot in one tenant."""
STREAM = 1.0
"""Seconds between two calls of one stream. `SLACK` allows for clocks and latency."""
SLACK = 0.1


@dataclass
class RateLimits:
    """Counts calls per conversation, tenant and stream, and refuses those above the limits."""

    clock: Callable[[], float]
    refused: int = 0
    _threads: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _all: deque[float] = field(default_factory=deque)
    _streams: dict[str, float] = field(default_factory=dict)

    def wait(self, thread: str, stream: str = "") -> float:
        """Count a call. Returns 0 if it is allowed, else the seconds until it would be."""
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
