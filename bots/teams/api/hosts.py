"""Which hosts may receive our tokens: compared as parsed host names, never as text."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from core.runtime.settings import LOOPBACK


class Hosts:
    """`names` are hosts, with a port if it is not 443; loopback may use http."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(each.lower() for each in names)

    def allow(self, url: str) -> bool:
        """Whether a token may be sent to a URL."""
        parsed = split(url)
        if parsed is None:
            return False
        host = parsed.hostname or ""
        named = f"{host}:{parsed.port}" if parsed.port else host
        if parsed.scheme == "http" and host not in LOOPBACK:
            return False
        return named in self._names or (parsed.port == 443 and host in self._names)


def split(url: str) -> SplitResult | None:
    """Return the parts of an http or https URL without user info; None for any other."""
    try:
        parsed = urlsplit(url)
        port = parsed.port  # raises ValueError if it is not a number
    except ValueError:
        return None
    odd = parsed.username is not None or parsed.password is not None or "\\" in url or port == 0
    if odd or parsed.scheme not in ("http", "https") or not parsed.hostname:
        return None
    return parsed
