"""Read a thread's root and its newest replies, in as few calls as Slack allows.

`conversations.replies` returns the oldest replies first, in pages. So the end of a thread with more
than one page is read by time: in windows that widen until one holds enough replies.
https://docs.slack.dev/reference/methods/conversations.replies
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.api.web import read
from core.ports.chat import RateLimited

log = logging.getLogger(__name__)

PAGE = 1000
"""Messages in a page; apps distributed outside the Marketplace get 15."""
PAGES = 3
"""The most pages read of one window."""
HOUR = 3600.0
WINDOWS = (HOUR / 6, HOUR, 24 * HOUR, 7 * 24 * HOUR, 60 * 24 * HOUR)
"""Lengths of the windows, in seconds before the newest reply, in the order tried."""

Message = dict[str, Any]


async def replies(
    client: AsyncWebClient, channel: str, root: str, limit: int, since: Mapping[str, str]
) -> list[Message]:
    """Return the root and the newest replies, at most `limit` in all, oldest first.

    `since` may hold `oldest`. If Slack refuses a further call, returns what was read until then.
    Raises ChatError if the first call fails.
    """
    where: dict[str, str | int] = {"channel": channel, "ts": root}
    where |= {"limit": PAGE, "include_all_metadata": 1}
    first = await read(client, "conversations.replies", **where, **since)
    found: dict[str, Message] = {str(each.get("ts")): each for each in first["messages"]}
    if _following(first):
        try:
            newest = str(found.get(root, {}).get("latest_reply") or "")
            found |= await _end(client, where, max(found), newest, limit)
        except RateLimited:
            log.info("a long thread was read in part: Slack allows no more calls now")
    messages = [found[ts] for ts in sorted(found)]
    if len(messages) <= limit:
        return messages
    return [messages[0], *messages[len(messages) - limit + 1 :]]


async def _end(
    client: AsyncWebClient, where: Mapping[str, str | int], read_to: str, newest: str, limit: int
) -> dict[str, Message]:
    """Return at least `limit` messages from the end of a thread by ts, or all since `read_to`."""
    found: dict[str, Message] = {}
    if newest.replace(".", "", 1).isdecimal():
        for seconds in WINDOWS:
            begin = max(f"{float(newest) - seconds:.6f}", read_to)
            found = await _window(client, {**where, "oldest": begin})
            if len(found) >= limit or begin == read_to:
                return found
    return found or await _window(client, {**where, "oldest": read_to})


async def _window(client: AsyncWebClient, asked: Mapping[str, str | int]) -> dict[str, Message]:
    """Return the messages of a window by ts."""
    found: dict[str, Message] = {}
    cursor: dict[str, str] = {}
    for _ in range(PAGES):
        page = await read(client, "conversations.replies", **asked, **cursor)
        found |= {str(each.get("ts")): each for each in page["messages"]}
        following = _following(page)
        if not following:
            break
        cursor = {"cursor": following}
    return found


def _following(page: Mapping[str, Any]) -> str:
    return str((page.get("response_metadata") or {}).get("next_cursor") or "")
