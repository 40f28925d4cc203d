"""Keys and tokens: those the Bot Framework signs its requests with, and those it gives to bots."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://api.botframework.com"
LASTS = 3600


class Signer:
    """The signing keys; `rotate` makes a new one and keeps the one before for a while."""

    def __init__(self, app_id: str, clock: Callable[[], float] = time.time) -> None:
        self.app_id = app_id
        self.clock = clock
        self._keys: list[tuple[str, rsa.RSAPrivateKey]] = []
        self.rotate()

    def rotate(self, *, keep: int = 2) -> str:
        """The new key's id."""
        kid = secrets.token_urlsafe(16)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._keys = [*self._keys, (kid, key)][-keep:]
        return kid

    def published(self) -> dict[str, Any]:
        """The key set, as at the Bot Framework's `jwks_uri`."""
        keys = []
        for kid, key in self._keys:
            told = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
            known = {"kid": kid, "x5t": kid, "use": "sig", "endorsements": ["msteams"]}
            keys.append({"kty": "RSA", "n": told["n"], "e": told["e"], **known})
        return {"keys": keys}

    def token(self, service_url: str, **claims: Any) -> str:
        """A request's token; `claims` replace its own."""
        now = int(self.clock())
        usual = {"iss": ISSUER, "aud": self.app_id, "serviceurl": service_url}
        usual |= {"nbf": now - 10, "exp": now + LASTS}  # type: ignore[dict-item]
        kid, key = self._keys[-1]
        whole = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(whole, key, "RS256", {"kid": kid, "x5t": kid})


class Issued:
    """Tokens that were given to the bot, by scope."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}
        self.count = 0

    def give(self, scope: str) -> dict[str, Any]:
        text = secrets.token_urlsafe(32)
        self._known[text] = (scope, self._clock() + LASTS)
        self.count += 1
        return {"token_type": "Bearer", "expires_in": LASTS, "access_token": text}

    def good(self, header: str, scope: str) -> bool:
        """Whether an Authorization header has a token for this scope that has not ended."""
        kind, _, text = header.partition(" ")
        known, until = self._known.get(text, ("", 0.0))
        return kind == "Bearer" and known == scope and until > self._clock()

    def revoke(self) -> None:
        self._known.clear()
