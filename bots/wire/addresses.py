"""Resolve host names for outgoing requests, refusing private addresses.

An allowed name may still resolve to a private address, such as the metadata service's, by its
owner's DNS or by an attacker's. Loopback is reachable only where the settings name it. aiohttp does
not resolve numeric addresses, so those are checked when connecting.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientRequest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.resolver import DefaultResolver
from aiohttp.tracing import Trace

from core.runtime.settings import LOOPBACK

TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""IPv6 networks that a gateway may translate to any IPv4 address."""


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only, except for the hosts in `local`."""

    def __init__(self, local: Iterable[str] = (), inner: AbstractResolver | None = None) -> None:
        self._local = frozenset(local) & LOOPBACK
        self._inner = inner or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the public addresses of a host. Raises OSError if it has none."""
        found = await self._inner.resolve(host, port, family)
        if host in self._local:
            return found
        public = [each for each in found if _is_public(each["host"])]
        if not public:
            raise OSError(None, "not a public address")
        return public

    async def close(self) -> None:
        """Close the underlying resolver."""
        await self._inner.close()


class _Connector(aiohttp.TCPConnector):
    def __init__(self, local: Iterable[str]) -> None:
        self._reached = frozenset(local) & LOOPBACK
        super().__init__(limit=0, resolver=PublicResolver(self._reached))

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        host = req.url.host or ""
        if _is_numeric(host) and host not in self._reached and not _is_public(host):
            raise OSError(None, "not a public address")
        return await super().connect(req, traces, timeout)


def connector(urls: Iterable[str]) -> aiohttp.TCPConnector:
    """Return a connector to public addresses, and to this machine if one of `urls` is on it."""
    return _Connector(urlsplit(url).hostname or "" for url in urls)


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if parsed.is_multicast or any(parsed in each for each in TRANSLATED):
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.sixtofour or parsed.teredo):
        return False
    return parsed.is_global
