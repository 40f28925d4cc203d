"""Files' bytes from Slack: the token to Slack's own hosts only, and the file itself, no login page.

Slack answers a token without the right to a file with 302 to a page to sign in at, or with that
page. https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import aiohttp

from bots.downloads import PAGES, pieces
from bots.slack.web import is_slacks, retry_after
from core.conversation import Attachment
from core.ports import ChatError, Forbidden, Gone, RateLimited, Unreachable

FILES_READ = "the right `files:read` (and have the app installed again)"


def download(
    http: aiohttp.ClientSession, attachment: Attachment, token: str, api_url: str
) -> AsyncIterator[bytes]:
    """The file, piece by piece; the token goes to its own host only. Raises ChatError."""
    home = attachment.url

    def check(url: str, _: int) -> None:
        if not is_slacks(url, api_url):
            raise Forbidden("the file is not at Slack")

    async def headers_for(url: str, _: int) -> Mapping[str, str]:
        at_home = urlsplit(url)[:2] == urlsplit(home)[:2]
        return {"Authorization": f"Bearer {token}"} if at_home else {}

    return pieces(
        http,
        home,
        check=check,
        headers_for=headers_for,
        refusal=refusal,
        is_page=attachment.media_type in PAGES,
        needs=FILES_READ,
    )


def refusal(response: aiohttp.ClientResponse) -> ChatError:
    """What an answer means that is no success."""
    match response.status:
        case 404 | 410:
            return Gone(str(response.status))
        case 429:
            return RateLimited(retry_after(response.headers))
        case status if status >= 500:
            return Unreachable(str(status))
        case status:
            return Forbidden(str(status))
