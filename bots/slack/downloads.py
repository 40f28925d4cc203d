"""Files' bytes from Slack: the token to Slack's own hosts only, and the file itself, no login page.

Slack answers a token without the right to a file with 302 to a page to sign in at, or with that
page. https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from bots.slack.web import is_slacks, retry_after
from core.conversation import Attachment
from core.ports import Forbidden, Gone, RateLimited, Unreachable

HOPS = 3
"""Redirects that are followed, each checked anew."""
PIECE = 256 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20)
FILES_READ = "the right `files:read` (and have the app installed again)"
PAGES = frozenset({"text/html", "application/xhtml+xml"})


async def download(
    http: aiohttp.ClientSession, attachment: Attachment, token: str, api_url: str
) -> AsyncIterator[bytes]:
    """The file, piece by piece. Raises ChatError."""
    url = attachment.url
    try:
        for _ in range(1 + HOPS):
            if not is_slacks(url, api_url):
                raise Forbidden("the file is not at Slack")
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(
                URL(url, encoded=True), headers=headers, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                if response.status in (301, 302, 303, 307, 308):
                    url = str(response.url.join(URL(response.headers.get("Location", ""))))
                    continue
                checked(response)
                if response.content_type in PAGES and attachment.media_type not in PAGES:
                    raise Forbidden("a page to sign in at, not the file", FILES_READ)
                async for piece in response.content.iter_chunked(PIECE):
                    yield piece
                return
        raise Forbidden("too many redirects")
    except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
        raise Unreachable(type(exc).__name__) from exc


def checked(response: aiohttp.ClientResponse) -> None:
    """Raises ChatError for an answer that is no success."""
    match response.status:
        case 200:
            return
        case 404 | 410:
            raise Gone(str(response.status))
        case 429:
            raise RateLimited(retry_after(response.headers))
        case status if status >= 500:
            raise Unreachable(str(status))
        case status:
            raise Forbidden(str(status))
