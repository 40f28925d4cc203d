"""Limits the calls in flight to one region: a failure halves the limit, each success raises it."""

from __future__ import annotations

from core.runtime.backoff import doubled

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0


class Window:
    """A limit on concurrent calls: additive increase, multiplicative decrease, `most` at most.

    After a failure there are no calls before `paused_until`, then one call at a time until one
    succeeds.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self.failures = 0
        self.paused_until = float("-inf")
        self._width = float(most)
        self._cut_at = float("-inf")

    @property
    def room(self) -> int:
        """How many more calls may start, leaving aside any pause."""
        return (1 if self.failures else int(self._width)) - self.running

    def succeeded(self, began: float) -> None:
        """Record the success of a call that began at `began`."""
        if began >= self._cut_at:
            self.failures = 0
            self._width = min(self.most, self._width + 1 / self._width)

    def failed(self, began: float, now: float, chance: float) -> float:
        """Record a failure, and return the pause in seconds. `chance` is from 0 to 1.

        0 if the call began before the last failure, so that it tells nothing new.
        """
        if began < self._cut_at:
            return 0.0
        self._cut_at = now
        self._width = max(1.0, self._width / 2)
        pause = doubled(FIRST_PAUSE, self.failures, LONGEST_PAUSE) * (0.5 + chance / 2)
        self.failures += 1
        self.paused_until = now + pause
        return pause
