"""HTTP to Microsoft: a single call with a token, and its errors as ours.

botbuilder's own connector is not used for outgoing calls: it retries silently, uses a thread for
each call, loses what is in entities, and requests a token every turn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from bots.teams.api.refusals import is_known, refused
from bots.teams.api.tokens import Tokens
from bots.wire.refusals import AT_LEAST, cleaned, unknown
from core.ports.chat import ChatError, Unreachable


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response: its status and its JSON object."""

    status: int
    data: Mapping[str, Any]


class Web:
    """Makes calls with tokens of one scope. Callers check the host first."""

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
        """Make one call. `needs` names the permission without which it is forbidden. Raises
        ChatError."""
        status, headers, data = await self._made(method, url, body, params)
        if status == 401:
            # the token may have been revoked before it expired
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
    """Return the error for a failed response, as `bots.teams.api.refusals` decides.

    An unknown code is logged and counted.
    """
    told = data.get("error")
    told = told if isinstance(told, Mapping) else {}
    code, why = cleaned(told.get("code")), str(told.get("message") or "")
    if code and not is_known(code):
        unknown("teams", code, status)
    after = retry_after(headers) if headers.get("Retry-After") else None
    return refused(method, status, code, why=why, after=after, needs=needs)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that Microsoft asks us to wait."""
    value = str(headers.get("Retry-After", "")).strip()
    found = re.fullmatch(r"\d{1,6}(\.\d+)?", value)
    return max(float(value), AT_LEAST) if found else AT_LEAST
