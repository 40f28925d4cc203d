"""Slack's Web API: one call, its errors as ours, and which hosts are Slack's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from core.ports import ChatError, Forbidden, Gone, RateLimited, TooLong, Unreachable

GONE = frozenset(
    {"message_not_found", "channel_not_found", "thread_not_found", "no_channel", "file_not_found"}
)
TOO_LONG = frozenset({"msg_too_long", "msg_blocks_too_long", "invalid_blocks"})
"""A section that is too long comes back as `invalid_blocks`."""
PASSING = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "external_channel_migrating",
        "team_added_to_org",
    }
)
LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
AT_LEAST = 1.0
"""Seconds to wait where Slack names none."""


def web_client(token: str, api_url: str, http: aiohttp.ClientSession) -> AsyncWebClient:
    """A client without retries of its own (a repeated post is a second message), that logs nothing.

    At its lower levels the SDK writes whole requests to the log.
    """
    quiet = logging.getLogger("parley.slack_sdk")
    quiet.setLevel(logging.CRITICAL)
    client = AsyncWebClient(token, base_url=api_url, session=http, retry_handlers=[], logger=quiet)
    if urlsplit(api_url).scheme != "https":
        client.proxy = None  # loopback: whatever the environment's proxy is, it is not that way
    return client


async def call(client: AsyncWebClient, method: str, **arguments: Any) -> Any:
    """One call that writes. Raises ChatError."""
    return await _answered(client, method, json=arguments)


async def read(client: AsyncWebClient, method: str, **arguments: str | int) -> Any:
    """One call that reads: Slack takes JSON for none of these. Raises ChatError.

    https://docs.slack.dev/apis/web-api/#basics
    """
    return await _answered(client, method, data={k: str(v) for k, v in arguments.items()})


async def _answered(client: AsyncWebClient, method: str, **how: Any) -> Any:
    try:
        response = await client.api_call(method, **how)
    except SlackApiError as exc:
        raise _error(exc) from exc
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise Unreachable(type(exc).__name__) from exc
    except (AttributeError, TypeError, ValueError) as exc:
        # the SDK on an answer that is no JSON object: something between us and Slack wrote it
        raise Unreachable("not Slack's answer") from exc
    return response.data


def _error(exc: SlackApiError) -> ChatError:
    response = exc.response
    # the SDK puts aiohttp's response here when it could not read the body
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    error = data.get("error") if isinstance(data, Mapping) else None
    if status == 429 or error in LIMITED:
        return RateLimited(retry_after(getattr(response, "headers", {})))
    if not isinstance(error, str) or status >= 500 or error in PASSING:
        return Unreachable(f"{error or 'no error named'} ({status})")
    if error in GONE:
        return Gone(error)
    if error in TOO_LONG:
        return TooLong(error)
    return Forbidden(error)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that Slack asks to wait."""
    value = str(headers.get("Retry-After", "")).strip()
    return max(float(value), AT_LEAST) if value.isdecimal() else AT_LEAST


def is_slacks(url: str, api_url: str) -> bool:
    """Whether an address is of the same Slack as its API: a host of that domain, over https.

    An API on loopback has its files and response addresses on the same port.
    """
    try:
        there, api = urlsplit(url), urlsplit(api_url)
        port, api_port = there.port, api.port
    except ValueError:
        return False
    if there.username is not None or there.password is not None or not there.hostname:
        return False
    if api.scheme != "https":
        return (there.scheme, there.hostname, port) == (api.scheme, api.hostname, api_port)
    domain = api.hostname or ""
    same = there.hostname == domain or there.hostname.endswith(f".{domain}")
    return there.scheme == "https" and port in (None, 443, api_port) and same


class People:
    """Who is who in a workspace, asked once: our own user id, and people's names."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._names: dict[str, str] = {}
        self._us = ""

    async def us(self) -> str:
        """Our own user id. Raises ChatError."""
        if not self._us:
            self._us = str((await call(self._client, "auth.test"))["user_id"])
        return self._us

    async def names(self, users: Iterable[str]) -> Mapping[str, str]:
        """The names of users, of those at least whom Slack tells."""
        unknown = sorted({*users} - {*self._names})
        await asyncio.gather(*(self._ask(user) for user in unknown))
        return self._names

    async def _ask(self, user: str) -> None:
        try:
            found = (await read(self._client, "users.info", user=user))["user"]
        except ChatError:
            return
        profile = found.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or found.get("name")
        self._names[user] = str(name or user)
