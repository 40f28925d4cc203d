"""File downloads for the app: they need the bot's token, and can meet faults that tests inject."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from local.slack.web import file_methods
from local.slack.workspace.files import UNKNOWN
from local.slack.workspace.state import SlackError, Workspace

PIECE = 256 * 1024
LOGIN = "<!doctype html><title>Slack</title><h1>Sign in to Acme</h1>"


@dataclass
class Downloads:
    """Serves files to the app, and injects `faults`: by file id (`*` for all), what downloads meet.

    A string applies to all downloads, a list to the next ones, `""` means none. Faults: `endless`
    (a body without end), `slow` (a byte every 50 ms), `html` (a page instead), `redirect:URL`,
    `truncated` (half of the announced length), `drop`, or a status (`404`; 429 as `429:30`).
    `counts` holds the number of requests for each file.
    """

    workspace: Workspace
    bot_token: str
    faults: dict[str, str | list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """Routes for a file's bytes and for the sign-in page that a bad token is redirected to."""
        return [
            web.get("/slack/files/{id}/{name}", self._download),
            web.get("/slack/login", self._login),
        ]

    async def _login(self, _: web.Request) -> web.Response:
        return web.Response(text=LOGIN, content_type="text/html")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        file_id = request.match_info["id"]
        self.counts[file_id] = self.counts.get(file_id, 0) + 1
        if request.headers.get("Authorization") != f"Bearer {self.bot_token}":
            return web.Response(status=302, headers={"Location": f"/slack/login?redir={file_id}"})
        kind, _, more = self._fault(file_id).partition(":")
        if kind.isdecimal():
            headers = {"Retry-After": more} if more else {}
            return web.Response(status=int(kind), headers=headers, text="upstream error")
        try:
            file = file_methods.found(self.workspace, file_id)
        except SlackError:
            return web.Response(status=404, text=LOGIN, content_type="text/html")
        path = self.workspace.files.path(file_id)
        match kind:
            case "html":
                return await self._login(request)
            case "redirect":
                return web.Response(status=302, headers={"Location": more})
            case "drop":
                return _cut(request)
            case "endless" | "slow" | "truncated":
                return await _wrong(request, kind, path.read_bytes())
            case _:
                return web.FileResponse(path, headers={"Content-Type": file["mimetype"]})

    def _fault(self, file_id: str) -> str:
        fault = self.faults.get(file_id, self.faults.get("*", ""))
        if isinstance(fault, str):
            return fault
        return fault.pop(0) if fault else ""


async def _wrong(request: web.Request, kind: str, data: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": UNKNOWN})
    if kind == "truncated":
        response.content_length = len(data)
    await response.prepare(request)
    match kind:
        case "endless":
            while True:
                await response.write(bytes(PIECE))
        case "slow":
            for at in range(len(data)):
                await response.write(data[at : at + 1])
                await asyncio.sleep(0.05)
        case _:
            await response.write(data[: len(data) // 2])
            return _cut(request, response)
    return response


def _cut(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        (request.transport.close if response else request.transport.abort)()
    return response or web.Response()
