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

from bots.teams.api.refusals import is_known, refused
from bots.teams.api.tokens import Tokens
from bots.wire.refusals import AT_LEAST, cleaned, unknown
from core.ports.chat import ChatError, Unreachable


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
    """What an answer that is no success means: `bots.teams.api.refusals` decides.

    A code that is not known is logged and counted.
    """
    told = data.get("error")
    told = told if isinstance(told, Mapping) else {}
    code, why = cleaned(told.get("code")), str(told.get("message") or "")
    if code and not is_known(code):
        unknown("teams", code, status)
    after = retry_after(headers) if headers.get("Retry-After") else None
    return refused(method, status, code, why=why, after=after, needs=needs)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that we are asked to wait."""
    value = str(headers.get("Retry-After", "")).strip()
    found = re.fullmatch(r"\d{1,6}(\.\d+)?", value)
    return max(float(value), AT_LEAST) if found else AT_LEAST
