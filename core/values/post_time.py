"""The time at which a message was posted, from its id."""

from __future__ import annotations

import re

_SECONDS = re.compile(r"\d{9,11}\.\d{1,7}")
_MILLISECONDS = re.compile(r"\d{12,14}")


def posted_at(message_id: object) -> float | None:
    """Seconds since the epoch, None if the id is not a timestamp.

    Slack's ids are seconds with six decimals, Teams' ids are milliseconds.
    https://docs.slack.dev/messaging/retrieving-messages
    https://learn.microsoft.com/graph/api/resources/chatmessage
    """
    if not isinstance(message_id, str):
        return None
    if _SECONDS.fullmatch(message_id):
        return float(message_id)
    if _MILLISECONDS.fullmatch(message_id):
        return int(message_id) / 1000
    return None
