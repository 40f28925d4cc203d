"""Build Slack's receiver from the settings. Workers need neither it nor Bolt."""

from __future__ import annotations

from bots.slack.app import Receiver
from core.runtime.http import Enqueue
from core.runtime.settings import Settings


def slack_receiver(settings: Settings, enqueue: Enqueue) -> Receiver:
    """Build the receiver of the configured app."""
    slack = settings.slack
    if slack is None:
        raise ValueError("Slack is not configured")
    return Receiver(
        signing_secret=slack.signing_secret,
        bot_token=slack.bot_token,
        api_url=slack.api_url,
        enqueue=enqueue,
        allowed_tenants=frozenset(settings.allowed_tenants),
    )
