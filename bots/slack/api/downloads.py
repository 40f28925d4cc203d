"""Files' bytes from Slack: the token to Slack's own hosts only, and the file itself, no login page.

Slack answers a token without the right to a file with 302 to a page to sign in at, or with that
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
    """What an answer means that is no success and names no error."""
    return refused("", response.status, after=retry_after(response.headers))


async def answer_refused(response: aiohttp.ClientResponse) -> ChatError:
    """What a response address means by an answer that is no success: it names its error as text
    or in JSON, which the table then decides."""
    text = (await response.text(errors="replace"))[:1_000].strip()
    try:
        data = json.loads(text)
    except ValueError:
        data = text
    code = cleaned(data.get("error") if isinstance(data, dict) else data)
    after = retry_after(response.headers)
    return refused(code if code in TABLE else "", response.status, after=after)
