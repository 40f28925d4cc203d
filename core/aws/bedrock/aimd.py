"""How many calls one region may have in flight: halved by a fault, widened by every success."""

from __future__ import annotations

from core.runtime.backoff import doubled

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0


class Window:
    """`running` calls of at most `most`. After a fault nobody calls before `paused_until`, then one
    call tries whether the region is back.
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
        """Places that are free, were there no pause."""
        return (1 if self.failures else int(self._width)) - self.running

    def succeeded(self, began: float) -> None:
        """Notes the success of a call that began then."""
        if began >= self._cut_at:
            self.failures = 0
            self._width = min(self.most, self._width + 1 / self._width)

    def failed(self, began: float, now: float, chance: float) -> float:
        """How long to pause; 0 if the call began before the last pause and so says nothing new."""
        if began < self._cut_at:
            return 0.0
        self._cut_at = now
        self._width = max(1.0, self._width / 2)
        pause = doubled(FIRST_PAUSE, self.failures, LONGEST_PAUSE) * (0.5 + chance / 2)
        self.failures += 1
        self.paused_until = now + pause
        return pause
