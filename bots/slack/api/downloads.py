"""Download files from Slack. The token goes only to Slack's hosts; a login page is no file.

If a token lacks permission for a file, Slack redirects (302) to a sign-in page, or returns that
page. https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import aiohttp

from bots.slack.api.refusals import TABLE, refused
from bots.slack.api.web import is_slacks, retry_after
from bots.wire.downloads import PAGES, pieces
from bots.wire.refusals import cleaned
from core.ports.chat import ChatError, Forbidden
from core.values.conversation import Attachment

FILES_READ = "need.slack.scope files:read"


def download(
    http: aiohttp.ClientSession, attachment: Attachment, token: str, api_url: str
) -> AsyncIterator[bytes]:
    """Yield a file in pieces; the token is sent to its own host only. Raises ChatError."""
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
    """Return the error for a failed response that names no error code."""
    return refused("", response.status, after=retry_after(response.headers))


async def answer_refused(response: aiohttp.ClientResponse) -> ChatError:
    """Return the error for a failed response of a response URL.

    It names its error code as text or in JSON; the table decides what it means.
    """
    text = (await response.text(errors="replace"))[:1_000].strip()
    try:
        data = json.loads(text)
    except ValueError:
        data = text
    code = cleaned(data.get("error") if isinstance(data, dict) else data)
    after = retry_after(response.headers)
    return refused(code if code in TABLE else "", response.status, after=after)
