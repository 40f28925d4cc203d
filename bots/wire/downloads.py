"""Files' bytes over HTTP: each redirect is checked anew, and a page to sign in at is no file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import aiohttp
from yarl import URL

from core.ports.chat import ChatError, Forbidden, Unreachable

HOPS = 3
"""Redirects that are followed."""
MOVED = frozenset({301, 302, 303, 307, 308})
PIECE = 256 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20)
PAGES = frozenset({"text/html", "application/xhtml+xml"})


async def pieces(
    http: aiohttp.ClientSession,
    url: str,
    *,
    check: Callable[[str, int], None],
    headers_for: Callable[[str, int], Awaitable[Mapping[str, str]]],
    refusal: Callable[[aiohttp.ClientResponse], ChatError],
    is_page: bool,
    needs: str = "",
    renewed: Callable[[Mapping[str, str]], bool] = lambda _: False,
) -> AsyncIterator[bytes]:
    """The file at `url`, piece by piece. Raises ChatError.

    `check` raises it for an address that this hop (0 is the first) may not go to; `headers_for`
    gives what is sent there. `renewed` is told the headers that met 401, once: whether there are
    others now. `refusal`: what any other answer but 200 means. `is_page`: the file may be one;
    otherwise a page says that the right is missing that `needs` names.
    """
    hop, again = 0, True
    try:
        while hop <= HOPS:
            check(url, hop)
            here, headers = URL(url, encoded=True), await headers_for(url, hop)
            async with http.get(
                here, headers=headers, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                if response.status in MOVED:
                    url = str(here.join(URL(response.headers.get("Location", ""), encoded=True)))
                    hop += 1
                    continue
                if response.status == 401 and again and renewed(headers):
                    again = False
                    continue
                if response.status != 200:
                    raise refusal(response)
                if response.content_type in PAGES and not is_page:
                    raise Forbidden("a page to sign in at, not the file", needs)
                async for piece in response.content.iter_chunked(PIECE):
                    yield piece
                return
        raise Forbidden("too many redirects")
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as exc:
        raise Unreachable(type(exc).__name__) from exc
