"""Files' bytes from Microsoft: a token only to the hosts it is for, redirects checked hop by hop.

Where a personal chat's file is, its address alone opens it, and a token would close it.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bots-filesv4
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from bots.teams.hosts import split
from bots.teams.tokens import Tokens
from bots.teams.web import error
from core.conversation import Attachment
from core.ports import Forbidden, Unreachable
from core.settings import LOOPBACK

HOPS = 3
PIECE = 256 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20)
SHAREPOINT = (".sharepoint.com", ".sharepoint.us", ".sharepoint.cn", ".svc.ms", ".1drv.com")
PAGES = frozenset({"text/html", "application/xhtml+xml"})
PAGE_NAMES = (".html", ".htm", ".xhtml", ".mht", ".mhtml")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Where the token comes from that opens a file."""

    tokens: Tokens
    scope: str


def is_shared_store(url: str, graph_url: str) -> bool:
    """Whether an address is of SharePoint or OneDrive; with a Graph on this machine, of that."""
    there, graph = split(url), urlsplit(graph_url)
    if there is None:
        return False
    if graph.hostname in LOOPBACK:
        return (there.scheme, there.hostname, there.port) == (
            graph.scheme,
            graph.hostname,
            graph.port,
        )
    host = there.hostname or ""
    return there.scheme == "https" and there.port in (None, 443) and host.endswith(SHAREPOINT)


async def download(
    http: aiohttp.ClientSession,
    attachment: Attachment,
    url: str,
    graph_url: str,
    bearer: Bearer | None = None,
    *,
    needs: str = "",
) -> AsyncIterator[bytes]:
    """The file at `url`, piece by piece; a token goes there only. Raises ChatError."""
    hops, renewed = 0, False
    try:
        while hops <= HOPS:
            here = URL(url, encoded=True)
            if hops and not is_shared_store(url, graph_url):
                raise Forbidden("a redirect to elsewhere")
            token = await bearer.tokens.of(bearer.scope) if bearer and not hops else ""
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with http.get(
                here, headers=headers, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                if response.status in (301, 302, 303, 307, 308):
                    url = str(here.join(URL(response.headers.get("Location", ""), encoded=True)))
                    hops += 1
                    continue
                if response.status == 401 and bearer and token and not renewed:
                    # it may have been revoked before its end
                    bearer.tokens.refused(bearer.scope, token)
                    renewed = True
                    continue
                if response.status != 200:
                    raise error("GET", response.status, response.headers, {}, needs)
                if response.content_type in PAGES and not _is_page(attachment):
                    raise Forbidden("a page to sign in at, not the file", needs)
                async for piece in response.content.iter_chunked(PIECE):
                    yield piece
                return
        raise Forbidden("too many redirects")
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as exc:
        raise Unreachable(type(exc).__name__) from exc


def _is_page(attachment: Attachment) -> bool:
    return attachment.media_type in PAGES or attachment.name.lower().endswith(PAGE_NAMES)
