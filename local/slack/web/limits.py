"""Slack's published rate limits. Where a tier can be read in two ways, the stricter one applies.

https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MINUTE = 60.0
TIERS: Mapping[str, int] = MappingProxyType(
    {
        "apps.connections.open": 50,
        "chat.delete": 50,
        "chat.postEphemeral": 100,
        "chat.postMessage": 400,
        "chat.update": 50,
        "conversations.history": 50,
        "conversations.info": 50,
        "conversations.list": 20,
        "conversations.members": 100,
        "conversations.open": 50,
        "conversations.replies": 50,
        "files.delete": 50,
        "files.info": 100,
        "files.list": 50,
        "reactions.add": 50,
        "users.conversations": 50,
        "users.info": 100,
        "users.list": 20,
        "views.open": 100,
        "views.publish": 100,
    }
)
"""Calls in any minute, per workspace. For postMessage Slack says "several hundred"; for
`auth.test` "hundreds", which nobody reaches."""
DISTRIBUTED: Mapping[str, int] = MappingProxyType(
    {**TIERS, "conversations.history": 1, "conversations.replies": 1}
)
"""The tiers of an app that is sold outside the Slack Marketplace.
https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps"""
BURST = 4
"""Messages allowed at once in one channel, whose average is one a second."""


@dataclass
class RateLimits:
    """Counts calls per method and channel, and refuses those above the limits."""

    clock: Callable[[], float]
    tiers: Mapping[str, int] = field(default_factory=lambda: TIERS)
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _posts: dict[str, float] = field(default_factory=dict)

    def wait(self, method: str, channel: str) -> float:
        """Count a call. Returns 0 if it is allowed, else the seconds until it would be."""
        wait = self._wait(method, channel)
        if wait:
            self.refused[method] += 1
        return wait

    def _wait(self, method: str, channel: str) -> float:
        limit = self.tiers.get(method)
        if limit is None:
            return 0.0
        now = self.clock()
        calls = self._calls[method]
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        if len(calls) >= limit:
            return calls[0] + MINUTE - now
        if method == "chat.postMessage":
            free_at = max(self._posts.get(channel, 0.0), now - BURST + 1)
            if free_at > now:
                return free_at - now
            self._posts[channel] = free_at + 1.0
        calls.append(now)
        return 0.0
