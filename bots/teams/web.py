"""HTTP to Microsoft: one call with a token, and its errors as ours.

botbuilder's own connector is not used on the way out: it repeats calls unseen, takes a thread for
each, loses what is in entities, and asks for a token every turn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from bots.teams.tokens import Tokens
from core.ports import ChatError, Forbidden, Gone, RateLimited, TooLong, Unreachable

AT_LEAST = 1.0
"""Seconds to wait where Teams names none."""
LIMITED = frozenset({412, 429})
TOO_LONG = frozenset({"MessageSizeTooBig", "RequestEntityTooLarge"})
REFUSED = "ContentStreamNotAllowed"


class StreamRefused(Unreachable):
    """A native stream goes no further, or is in the way: no stream lasts, so later is better."""

    def __init__(self, why: str) -> None:
        """`why` is Teams' sentence."""
        super().__init__("stream refused")
        self.cancelled = "cancel" in why.lower()
        self.too_large = "too large" in why.lower()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    data: Mapping[str, Any]


class Web:
    """Calls with tokens for one scope. The caller has checked where they go."""

    def __init__(self, http: aiohttp.ClientSession, tokens: Tokens, scope: str) -> None:
        self._http = http
        self._tokens = tokens
        self._scope = scope

    async def call(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        needs: str = "",
    ) -> Answer:
        """One call. `needs` names the right without which it is forbidden. Raises ChatError."""
        status, headers, data = await self._made(method, url, body, params)
        if status == 401:
            # a token may have been revoked before its end
            status, headers, data = await self._made(method, url, body, params)
        if 200 <= status < 300:
            return Answer(status, data)
        raise error(method, status, headers, data, needs)

    async def _made(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str] | None,
    ) -> tuple[int, Mapping[str, str], Mapping[str, Any]]:
        token = await self._tokens.of(self._scope)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._http.request(
                method,
                URL(url, encoded=True),
                json=body,
                params=params,
                headers=headers,
                allow_redirects=False,
            ) as response:
                if response.status == 401:
                    self._tokens.refused(self._scope, token)
                data = await _json(response)
                return response.status, response.headers, data
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise Unreachable(type(exc).__name__) from exc


async def _json(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    try:
        data = await response.json(content_type=None)
    except (ValueError, UnicodeDecodeError):
        return {}
    return data if isinstance(data, dict) else {}


def error(
    method: str,
    status: int,
    headers: Mapping[str, str],
    data: Mapping[str, Any],
    needs: str = "",
) -> ChatError:
    """What an answer that is no success means.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
    """
    told = data.get("error")
    told = told if isinstance(told, Mapping) else {}
    code, why = str(told.get("code") or ""), str(told.get("message") or "")
    if code == REFUSED:
        return StreamRefused(why)
    if status in LIMITED:
        return RateLimited(retry_after(headers))
    if status == 413 or code in TOO_LONG:
        return TooLong(code or str(status))
    if status in (404, 410):
        return Gone(code or str(status))
    if status >= 500 or status == 408:
        # whether a post took effect is not known, so it is not simply repeated
        after = headers.get("Retry-After", "")
        if after and method != "POST":
            return RateLimited(retry_after(headers))
        return Unreachable(f"{code} ({status})")
    return Forbidden(f"{code} ({status})", needs)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that we are asked to wait."""
    value = str(headers.get("Retry-After", "")).strip()
    found = re.fullmatch(r"\d{1,6}(\.\d+)?", value)
    return max(float(value), AT_LEAST) if found else AT_LEAST
