"""Slack's Web API: a single call, its errors as ours, and which hosts belong to Slack."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.api.refusals import TABLE, refused
from bots.wire.refusals import AT_LEAST, cleaned, unknown
from core.ports.chat import ChatError, Forbidden, Unreachable
from core.runtime.tasks import together
from core.runtime.ttl_cache import Remembered

log = logging.getLogger(__name__)

NAMES_GOOD = 86_400.0
"""Seconds that a person's name is cached."""
NAMELESS = 300.0
"""Seconds after which a name that Slack did not return is requested again."""
NAMES_AT_ONCE = 4


def web_client(token: str, api_url: str, http: aiohttp.ClientSession) -> AsyncWebClient:
    """Return a client that neither retries (a repeated post is a second message) nor logs.

    At its lower levels the SDK logs whole requests.
    """
    quiet = logging.getLogger("parley.slack_sdk")
    quiet.setLevel(logging.CRITICAL)
    client = AsyncWebClient(token, base_url=api_url, session=http, retry_handlers=[], logger=quiet)
    if urlsplit(api_url).scheme != "https":
        client.proxy = None  # loopback is not reached through the environment's proxy
    return client


async def call(client: AsyncWebClient, method: str, **arguments: Any) -> Any:
    """Make one writing call. Raises ChatError."""
    return await _answered(client, method, json=arguments)


async def read(client: AsyncWebClient, method: str, **arguments: str | int) -> Any:
    """Make one reading call, as a form: Slack accepts JSON for none of these. Raises ChatError.

    https://docs.slack.dev/apis/web-api/#basics
    """
    return await _answered(client, method, data={k: str(v) for k, v in arguments.items()})


async def _answered(client: AsyncWebClient, method: str, **how: Any) -> Any:
    try:
        response = await client.api_call(method, **how)
    except SlackApiError as exc:
        raise _error(exc, method) from exc
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise Unreachable(type(exc).__name__) from exc
    except (AttributeError, TypeError, ValueError) as exc:
        # the SDK raises this for a response that is no JSON object: it came from a proxy
        raise Unreachable("not Slack's answer") from exc
    return response.data


def _error(exc: SlackApiError, method: str) -> ChatError:
    response = exc.response
    # aiohttp's response, if the SDK could not read the body
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    data = data if isinstance(data, Mapping) else {}
    after = retry_after(getattr(response, "headers", {}))
    return refusal_of(data, status, after, method)


def refusal_of(data: Mapping[str, Any], status: int, after: float, method: str) -> ChatError:
    """Return the error of a refused call; log it if its code is unknown or waiting will not
    help."""
    code = cleaned(data.get("error"))
    if not code and status != 429:
        # not Slack's response but a proxy's
        return Unreachable(f"no error named ({status})")
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else ()
    said = [each for each in messages if isinstance(each, str)] if messages else []
    if code and code not in TABLE:
        unknown("slack", code, status)
    found = refused(code, status, after=after, needed=str(data.get("needed") or ""), messages=said)
    if isinstance(found, Forbidden):
        log.warning("Slack refused %s: %s", method, code or status)
    return found


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that Slack asks us to wait."""
    value = str(headers.get("Retry-After", "")).strip()
    return max(float(value), AT_LEAST) if value.isdecimal() else AT_LEAST


def is_slacks(url: str, api_url: str) -> bool:
    """Whether a URL belongs to the same Slack as its API: a host of that domain, over https.

    An API on loopback serves its files and response URLs on the same port.
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
    """The people of a workspace: the bot's user id, and names, each cached for a day."""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._names: Remembered[str] = Remembered(clock, NAMES_GOOD)
        self._slots = asyncio.Semaphore(NAMES_AT_ONCE)
        self._us = ""

    async def us(self) -> str:
        """Return the bot's user id. Raises ChatError."""
        if not self._us:
            self._us = str((await call(self._client, "auth.test"))["user_id"])
        return self._us

    async def names(self, users: Iterable[str]) -> Mapping[str, str]:
        """Return the names of users, as far as Slack tells them."""
        asked = sorted({*users})
        found = await together(*(self._name(user) for user in asked))
        return {user: name for user, name in zip(asked, found, strict=True) if name}

    async def _name(self, user: str) -> str:
        known = self._names.get(user)
        return await self._names.once(user, lambda: self._ask(user)) if known is None else known

    async def _ask(self, user: str) -> str:
        try:
            async with self._slots:
                found = (await read(self._client, "users.info", user=user))["user"]
        except ChatError:
            self._names.put(user, "", NAMELESS)
            return ""
        profile = found.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or found.get("name")
        self._names.put(user, str(name or user))
        return str(name or user)
