"""The app's tokens for the connector and for Microsoft Graph, requested hourly and cached.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp

from core.ports.chat import ChatError, Forbidden, Unreachable
from core.runtime.settings import TeamsSettings

log = logging.getLogger(__name__)

CONNECTOR = "https://api.botframework.com/.default"
EARLY = 300.0
"""Seconds before its expiry at which a token is replaced."""
SHORTEST = 60.0
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTED = 600
"""Seconds for which a client assertion is valid."""
NEEDS = "need.teams.password"


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float


def tokens_for(teams: TeamsSettings, http: aiohttp.ClientSession) -> Tokens:
    """Return the tokens of the bot in the settings."""
    return Tokens(
        login_url=teams.login_url,
        tenant=teams.tenant_id,
        app_id=teams.app_id,
        password=teams.password,
        http=http,
        clock=time.monotonic,
    )


def graph_scope(graph_url: str) -> str:
    """Return the scope of a token for Graph: everything that was granted at its host."""
    at = urlsplit(graph_url)
    return f"{at.scheme}://{at.netloc}/.default"


class Tokens:
    """The app's tokens, cached. `password` is a client secret, or a certificate and its key as
    PEM."""

    def __init__(
        self,
        *,
        login_url: str,
        tenant: str,
        app_id: str,
        password: str,
        http: aiohttp.ClientSession,
        clock: Callable[[], float],
    ) -> None:
        self._url = f"{login_url}/{tenant}/oauth2/v2.0/token"
        self._app_id = app_id
        self._password = password
        self._http = http
        self._clock = clock
        self._known: dict[str, _Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._failed: dict[str, ChatError] = {}

    async def of(self, scope: str) -> str:
        """Return a token for a scope; concurrent callers share one request, or its failure. Raises
        ChatError."""
        earlier = self._failed.get(scope)
        async with self._locks.setdefault(scope, asyncio.Lock()):
            known = self._known.get(scope)
            if known is None or known.until <= self._clock():
                failed = self._failed.get(scope)
                if failed is not None and failed is not earlier:
                    raise failed.with_traceback(None)
                try:
                    known = self._known[scope] = await self._asked(scope)
                except ChatError as exc:
                    self._failed[scope] = exc
                    raise
            return known.text

    def refused(self, scope: str, text: str) -> None:
        """Discard a token that was rejected, so that the next one is new."""
        known = self._known.get(scope)
        if known is not None and known.text == text:
            del self._known[scope]

    async def _asked(self, scope: str) -> _Token:
        form = {"grant_type": "client_credentials", "client_id": self._app_id, "scope": scope}
        if "-----BEGIN" in self._password:
            assertion = await asyncio.to_thread(asserted, self._password, self._app_id, self._url)
            form |= {"client_assertion_type": ASSERTION, "client_assertion": assertion}
        else:
            form["client_secret"] = self._password
        try:
            async with self._http.post(
                self._url, data=form, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise _error(response.status)
                answer = await response.json(content_type=None)
                lasts = float(answer["expires_in"])
                text = answer["access_token"].strip()
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as exc:
            raise Unreachable(type(exc).__name__) from exc
        except AttributeError as exc:
            raise Unreachable("no token") from exc
        if not text:
            raise Unreachable("no token")
        return _Token(text, self._clock() + max(SHORTEST, lasts - EARLY))


def asserted(pem: str, app_id: str, audience: str) -> str:
    """Return a client assertion, signed with the certificate's key.

    https://learn.microsoft.com/entra/identity-platform/certificate-credentials
    """
    import jwt  # noqa: PLC0415 - for certificates only
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
        now = int(time.time())
        claims = {"aud": audience, "iss": app_id, "sub": app_id, "jti": str(uuid4())}
        claims |= {"nbf": now - 60, "exp": now + ASSERTED}  # type: ignore[dict-item]
        header = {"x5t#S256": urlsafe_b64encode(digest).rstrip(b"=").decode()}
        return jwt.encode(claims, pem, "PS256", header)
    except (ValueError, jwt.PyJWTError) as exc:
        raise Forbidden("the certificate cannot be used", NEEDS) from exc


def _error(status: int) -> ChatError:
    if status == 429 or status >= 500:
        return Unreachable(f"no token ({status})")
    return Forbidden(f"no token ({status})", NEEDS)
