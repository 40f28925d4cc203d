"""The page's open connections, for Slack and Teams alike: actions, messages and live updates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from aiohttp import WSMsgType, web

from core.runtime.tasks import running

Refusal = TypeVar("Refusal", bound=Exception)
Verb = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Performs an action of the page, given its name and the request's body."""

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
INLINE = ("application/pdf", "image/", "audio/", "video/")
ACTIVE = ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml")


class Viewers(Generic[Refusal]):
    """The browsers that have the page open.

    A `refusal` raised by an action is shown as the text that `sentence` returns for it. `banner` is
    the notice at the top of the page, None for none.
    """

    def __init__(self, refusal: type[Refusal], sentence: Callable[[Refusal], str]) -> None:
        self.banner: dict[str, str] | None = None
        self._refusal = refusal
        self._sentence = sentence
        self._open: dict[asyncio.Queue[str | None], str] = {}

    async def act(self, request: web.Request, verb: Verb) -> web.Response:
        """Perform the action named in the URL and return its result or error as JSON."""
        body = await request.json()
        try:
            answer = await verb(request.match_info["verb"], body)
        except self._refusal as exc:
            answer = {"ok": False, "error": self._sentence(exc)}
        except (KeyError, TypeError):
            answer = {"ok": False, "error": "The page sent something incomplete: reload it."}
        return web.json_response(answer)

    def messages(
        self, request: web.Request, visible: Callable[[str, str], Iterable[dict[str, Any]]]
    ) -> web.Response:
        """Return a conversation's messages as JSON; `visible` yields them for (channel, viewer)."""
        try:
            found = [*visible(request.query.get("channel", ""), request.query.get("user", ""))]
        except self._refusal as exc:
            return web.json_response({"ok": False, "error": self._sentence(exc)}, status=404)
        return web.json_response({"messages": found})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve a WebSocket that sends a viewer every change until they close the page."""
        socket = web.WebSocketResponse(heartbeat=20)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        # register before the handshake: once the socket is open, the page must miss no change
        self._open[queue] = request.query.get("user", "")
        try:
            await socket.prepare(request)
        except BaseException:
            self._open.pop(queue, None)
            raise

        async def send() -> None:
            while (text := await queue.get()) is not None:
                await socket.send_str(text)
            await socket.close()

        async with running(send()):
            try:
                async for message in socket:
                    if message.type in (WSMsgType.ERROR, WSMsgType.CLOSE):
                        break
            finally:
                self._open.pop(queue, None)
        return socket

    def tell(
        self, event: dict[str, Any], members: Collection[str] | None = None, only: str = ""
    ) -> None:
        """Send an event to all viewers, to the `members` of a conversation, or to one person."""
        if not self._open:
            return
        text = json.dumps(event)
        for queue, user in self._open.items():
            if (members is None or user in members) and only in ("", user):
                queue.put_nowait(text)

    def set_banner(self, level: str, text: str) -> None:
        """Show a banner to all viewers; an empty text removes it."""
        self.banner = {"level": level, "text": text} if text else None
        self.tell({"type": "banner", "banner": self.banner})

    def close(self) -> None:
        """Close all connections."""
        for queue in self._open:
            queue.put_nowait(None)


def file_headers(media: str, name: str, *, written: bool, utf8: bool) -> dict[str, str]:
    """Return headers that show a file without letting any script in it run.

    `written` marks a text file whatever its media type says.
    """
    as_it_is = media.startswith(INLINE)
    inline = as_it_is or written or media.startswith("text/")
    shown = media
    if inline and not as_it_is:
        shown = media if media in ACTIVE else "text/plain"
        shown += "; charset=utf-8" if utf8 else ""
    disposition = "inline" if inline else "attachment"
    headers = {
        "Content-Type": shown,
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
    }
    if media in ACTIVE:
        headers["Content-Security-Policy"] = SANDBOX
    return headers
