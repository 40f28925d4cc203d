"""The rate limits that Slack publishes for the calls that show an answer."""

from __future__ import annotations

from core.ports.rates import Call
from core.rates.budget import Quota, Rate

QUOTAS = (
    Quota(frozenset({Call.POST}), (Rate(1, 1.2),), by="channel"),
    Quota(frozenset({Call.POST}), (Rate(300, 62),)),
    Quota(frozenset({Call.EDIT}), (Rate(50, 62),)),
    Quota(frozenset({Call.DELETE}), (Rate(50, 62),)),
)
"""Slack's tiers, with windows padded for latency: `chat.update` and `chat.delete` tier 3 (50 a
minute), `chat.postMessage` one a second and channel, "several hundred" a minute and workspace.
A 429 applies to the method in the whole workspace.
https://docs.slack.dev/apis/web-api/rate-limits"""
