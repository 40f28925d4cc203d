"""Check with the platform that a place named by an operator exists."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlencode

from core.runtime.settings import SLACK_API

PATIENCE = 10.0
MISSING = frozenset({"channel_not_found", "invalid_channel", "no_such_channel"})


def problem_with(place: str, environ: Mapping[str, str]) -> str:
    """Return why nobody would find documents in `place` (platform/tenant/channel).

    Empty if there is no objection, or the platform cannot be asked. Teams has no call that finds a
    channel by its id alone, so only Slack's are checked.
    """
    platform, tenant, channel = place.split("/")
    token = environ.get("SLACK_BOT_TOKEN", "")
    if platform not in ("slack", "teams"):
        return f"--to begins with slack/ or teams/, not {platform}/."
    if platform != "slack" or not token.startswith("xoxb-"):
        return ""
    api = (environ.get("SLACK_API_URL") or SLACK_API).rstrip("/")
    who = _asked(f"{api}/auth.test", token, {})
    if who.get("ok") and who.get("team_id") not in ("", tenant, None):
        return f"the bot is installed in {who['team_id']}, not in {tenant}."
    found = _asked(f"{api}/conversations.info", token, {"channel": channel})
    if found.get("error") in MISSING:
        return f"Slack has no channel {channel} that the bot can see. Its id is in its details."
    return ""


def _asked(url: str, token: str, arguments: Mapping[str, str]) -> Mapping[str, object]:
    """Return Slack's response; empty if there is none."""
    request = urllib.request.Request(  # noqa: S310 - the settings' own address
        url, urlencode(arguments).encode(), {"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - as above
            told = json.load(answer)
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
