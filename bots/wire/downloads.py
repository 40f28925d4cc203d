"""Download files over HTTP: every redirect is checked, and a sign-in page is not taken for a
file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import aiohttp
from yarl import URL

from core.ports.chat import ChatError, Forbidden, Unreachable

HOPS = 3
"""The most redirects that are followed."""
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
    """Yield the file at `url` in pieces. Raises ChatError.

    `check` raises it for a URL that this hop (0 is the first) may not go to; `headers_for` returns
    the headers to send there. `renewed` gets the headers that met a 401, once, and says whether
    there are new ones now. `refusal` is what any response but 200 means. `is_page`: the file may
    itself be a web page; otherwise a page means that the permission `needs` is missing.
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
