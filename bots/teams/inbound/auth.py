"""Verify the Bot Framework's token on every request, before anything acts on it.

botbuilder accepts tokens without `exp`, channel or service URL, and notices a new signing key up to
a day late; so this check comes before it.
https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
from jwt.types import Options

from bots.teams.api.hosts import Hosts
from bots.wire.fields import list_of, map_of
from core.runtime.http import Headers

log = logging.getLogger(__name__)

ISSUER = "https://api.botframework.com"
CHANNEL = "msteams"
LEEWAY = 300
"""Seconds by which clocks may differ."""
FRESH = 86_400.0
"""Seconds after which the keys are fetched again."""
PATIENCE = 60.0
"""The least seconds between two fetches, whatever keys the tokens name."""
SOON = 2.0
"""The same while there are no keys, so that every request is refused."""
LONGEST = 16_384
REQUIRED: Options = {"require": ["exp", "nbf", "iss", "aud"], "verify_iat": False}

Fetch = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Returns the JSON at a URL. Raises OSError or ValueError."""


class RequestRejected(Exception):
    """The request is not from the Bot Framework, or cannot be read. `status` is the HTTP
    response."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Key:
    key: Any
    endorsements: frozenset[str]


class SigningKeys:
    """The published signing keys. Known ones stay valid while their publisher is unreachable."""

    def __init__(self, openid_url: str, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._url = openid_url
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, _Key] = {}
        self._fetched = self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, kid: str) -> _Key | None:
        """Return a key by its id, fetching the keys if it is unknown or they are old; None if there
        is none."""
        if kid not in self._keys or self._clock() - self._fetched > FRESH:
            await self._refresh(kid)
        return self._keys.get(kid)

    async def _refresh(self, kid: str) -> None:
        async with self._lock:
            now = self._clock()
            known = kid in self._keys and now - self._fetched <= FRESH
            if known or now - self._tried < (PATIENCE if self._keys else SOON):
                return
            self._tried = now
            try:
                self._keys = await self._published()
            except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as exc:
                log.warning("signing keys not fetched: %s", type(exc).__name__)
            else:
                self._fetched = now

    async def _published(self) -> Mapping[str, _Key]:
        metadata = await self._fetch(self._url)
        url = str(metadata["jwks_uri"])
        here, there = urlsplit(self._url), urlsplit(url)
        if there.scheme != "https" and (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise ValueError("keys over an open connection")
        keys = {}
        for each in list_of((await self._fetch(url)).get("keys")):
            told = map_of(each)
            if told.get("kty") == "RSA" and isinstance(told.get("kid"), str):
                endorsed = frozenset(map(str, list_of(told.get("endorsements"))))
                try:
                    keys[told["kid"]] = _Key(jwt.PyJWK(each, "RS256").key, endorsed)
                except (ValueError, TypeError, jwt.PyJWTError) as exc:
                    # skip a key that cannot be read
                    log.warning("signing key not read: %s", type(exc).__name__)
        if not keys:
            raise ValueError("no keys")
        return keys


class Authenticator:
    """Checks requests. `tenants` may talk to the bot; answers may go to `hosts`."""

    def __init__(
        self, app_id: str, keys: SigningKeys, *, tenants: frozenset[str], hosts: Hosts
    ) -> None:
        if not app_id.strip():
            raise ValueError("the app's id is empty")
        if not tenants or not all(each.strip() for each in tenants):
            raise ValueError("no tenant is allowed")
        self._app_id = app_id
        self._keys = keys
        self._tenants = frozenset(each.lower() for each in tenants)
        self._hosts = hosts

    async def check(self, headers: Headers, activity: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the token's claims. Raises Rejected."""
        claims, endorsements = await self._verified(_token(headers))
        service_url, channel = activity.get("serviceUrl"), activity.get("channelId")
        if channel != CHANNEL or channel not in endorsements:
            raise RequestRejected("channel")
        if not isinstance(service_url, str) or not service_url:
            raise RequestRejected("no service URL")
        if claims.get("serviceurl") != service_url:
            raise RequestRejected("service URL")
        if not self._hosts.allow(service_url):
            raise RequestRejected("service host")
        if not self._ours(activity):
            raise RequestRejected("tenant")
        return claims

    async def _verified(self, token: str) -> tuple[Mapping[str, Any], frozenset[str]]:
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            if header.get("alg") != "RS256" or not isinstance(kid, str):
                raise RequestRejected("algorithm or key")
            key = await self._keys.get(kid)
            if key is None:
                raise RequestRejected("unknown key")
            claims = jwt.decode(
                token,
                key.key,
                ["RS256"],
                REQUIRED,
                audience=self._app_id,
                issuer=ISSUER,
                leeway=LEEWAY,
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as exc:
            raise RequestRejected(type(exc).__name__) from exc
        if claims["aud"] != self._app_id or claims["iss"] != ISSUER:
            raise RequestRejected("audience or issuer")  # a list of several is not an exact match
        return claims, key.endorsements

    def _ours(self, activity: Mapping[str, Any]) -> bool:
        """Whether the activity names at least one tenant, and every one it names is allowed."""
        conversation, data = activity.get("conversation"), activity.get("channelData")
        tenant = data.get("tenant") if isinstance(data, Mapping) else None
        named = [
            conversation.get("tenantId") if isinstance(conversation, Mapping) else None,
            tenant.get("id") if isinstance(tenant, Mapping) else None,
        ]
        there = [each for each in named if each is not None]
        return bool(there) and all(
            isinstance(each, str) and each.lower() in self._tenants for each in there
        )


def _token(headers: Headers) -> str:
    found = [value for name, value in headers if name.lower() == "authorization"]
    if len(found) != 1:
        raise RequestRejected("missing or doubled header")
    kind, _, token = found[0].partition(" ")
    if kind.lower() != "bearer" or not token or len(token) > LONGEST or not token.isascii():
        raise RequestRejected("malformed header")
    return token
