"""Where a request may go: host names are looked up here, and private addresses refused.

A name that is on a list may still be led astray (its owner's DNS, or somebody's in between), to the
metadata service for example. Loopback is reached only where the settings name it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class PublicResolver(AbstractResolver):
    """Finds public addresses only, but for the hosts in `local`."""

    def __init__(self, local: Iterable[str] = (), inner: AbstractResolver | None = None) -> None:
        self._local = frozenset(local) & LOOPBACK
        self._inner = inner or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host in self._local:
            return found
        public = [each for each in found if _is_public(each["host"])]
        if not public:
            raise OSError(None, "not a public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


def connector(urls: Iterable[str]) -> aiohttp.TCPConnector:
    """Connections to public addresses, and to this machine if one of the `urls` is on it."""
    hosts = (urlsplit(url).hostname or "" for url in urls)
    return aiohttp.TCPConnector(limit=0, resolver=PublicResolver(hosts))


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False
