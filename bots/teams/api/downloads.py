"""Download files from Microsoft: a token goes only to its hosts; every redirect is checked.

The URL of a file in a personal chat opens it by itself, and a request with a token would fail.
https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bots-filesv4
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from bots.teams.api.hosts import split
from bots.teams.api.tokens import Tokens
from bots.teams.api.web import error
from bots.wire.downloads import PAGES, pieces
from core.ports.chat import Forbidden
from core.runtime.settings import LOOPBACK
from core.values.conversation import Attachment

SHAREPOINT = (".sharepoint.com", ".sharepoint.us", ".sharepoint.cn", ".svc.ms", ".1drv.com")
PAGE_NAMES = (".html", ".htm", ".xhtml", ".mht", ".mhtml")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Provides the token that opens a file."""

    tokens: Tokens
    scope: str


def is_shared_store(url: str, graph_url: str) -> bool:
    """Whether a URL is on SharePoint or OneDrive; with a Graph on this machine, on that."""
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


def download(
    http: aiohttp.ClientSession,
    attachment: Attachment,
    url: str,
    graph_url: str,
    bearer: Bearer | None = None,
    *,
    needs: str = "",
) -> AsyncIterator[bytes]:
    """Yield the file at `url` in pieces; a token is sent to that URL only. Raises ChatError."""

    def check(url: str, hop: int) -> None:
        if hop and not is_shared_store(url, graph_url):
            raise Forbidden("a redirect to elsewhere")

    async def headers_for(_: str, hop: int) -> Mapping[str, str]:
        if hop or bearer is None:
            return {}
        return {"Authorization": f"Bearer {await bearer.tokens.of(bearer.scope)}"}

    def renewed(headers: Mapping[str, str]) -> bool:
        """Get a new token, as the rejected one may have been revoked before it expired."""
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer is None or not token:
            return False
        bearer.tokens.refused(bearer.scope, token)
        return True

    return pieces(
        http,
        url,
        check=check,
        headers_for=headers_for,
        refusal=lambda response: error("GET", response.status, response.headers, {}, needs),
        is_page=_is_page(attachment),
        needs=needs,
        renewed=renewed,
    )


def _is_page(attachment: Attachment) -> bool:
    return attachment.media_type in PAGES or attachment.name.lower().endswith(PAGE_NAMES)
