"""The rate limits that Teams publishes for a bot's messages."""

from __future__ import annotations

from core.ports.rates import Call
from core.rates.budget import Quota, Rate

CALLS = frozenset({Call.POST, Call.EDIT, Call.DELETE})
TENANT = Quota(CALLS, (Rate(45, 1.0),), needs_second_refusal=True)
QUOTAS = (
    Quota(
        CALLS,
        (Rate(7, 1.05), Rate(8, 2.05), Rate(60, 30.5), Rate(1800, 3605)),
        by="channel",
        gap=0.8,
    ),
    TENANT,
)
"""What a bot may send to one chat or channel with all its threads, with windows padded for latency,
and to one tenant (50/s). A 429 does not say which of them it is about.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit"""
PERSONAL = (
    Quota(CALLS, (Rate(1, 1.05), Rate(60, 30.5), Rate(1800, 3605)), by="channel"),
    TENANT,
)
"""The quotas of a personal chat, where answers stream: one call a second."""
