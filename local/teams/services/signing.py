"""Keys and tokens: those that sign the Bot Framework's requests, and those issued to bots."""

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
    """The signing keys; `rotate` adds a new one and keeps the previous one for a while."""

    def __init__(self, app_id: str, clock: Callable[[], float] = time.time) -> None:
        self.app_id = app_id
        self.clock = clock
        self._keys: list[tuple[str, rsa.RSAPrivateKey]] = []
        self.rotate()

    def rotate(self, *, keep: int = 2) -> str:
        """Add a new key, keeping at most `keep`. Returns its id."""
        kid = secrets.token_urlsafe(16)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._keys = [*self._keys, (kid, key)][-keep:]
        return kid

    def published(self) -> dict[str, Any]:
        """Return the key set, as at the Bot Framework's `jwks_uri`."""
        keys = []
        for kid, key in self._keys:
            told = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
            known = {"kid": kid, "x5t": kid, "use": "sig", "endorsements": ["msteams"]}
            keys.append({"kty": "RSA", "n": told["n"], "e": told["e"], **known})
        return {"keys": keys}

    def token(self, service_url: str, **claims: Any) -> str:
        """Return the token of a request; `claims` override the usual ones."""
        now = int(self.clock())
        usual = {"iss": ISSUER, "aud": self.app_id, "serviceurl": service_url}
        usual |= {"nbf": now - 10, "exp": now + LASTS}  # type: ignore[dict-item]
        kid, key = self._keys[-1]
        whole = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(whole, key, "RS256", {"kid": kid, "x5t": kid})


class Issued:
    """Tokens issued to the bot, by scope."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}
        self.count = 0

    def give(self, scope: str) -> dict[str, Any]:
        """Issue a token for a scope, as Entra's response has it."""
        text = secrets.token_urlsafe(32)
        self._known[text] = (scope, self._clock() + LASTS)
        self.count += 1
        return {"token_type": "Bearer", "expires_in": LASTS, "access_token": text}

    def good(self, header: str, scope: str) -> bool:
        """Whether an Authorization header carries a valid, unexpired token for this scope."""
        kind, _, text = header.partition(" ")
        known, until = self._known.get(text, ("", 0.0))
        return kind == "Bearer" and known == scope and until > self._clock()

    def revoke(self) -> None:
        """Revoke all tokens."""
        self._known.clear()
