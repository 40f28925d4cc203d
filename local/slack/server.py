"""The Slack stand-in as one aiohttp application: the Web API, response URLs and the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from local.slack import channels
from local.slack.delivery import Delivery
from local.slack.uploads import Hosting, Shared
from local.slack.viewers import Viewers
from local.slack.web.api import WebApi
from local.slack.web.downloads import Downloads
from local.slack.web.limits import DISTRIBUTED, RateLimits
from local.slack.workspace.errors import sentence
from local.slack.workspace.people import COMMANDS
from local.slack.workspace.state import SlackError, Workspace

PAGE = Path(__file__).parent.parent / "page"


class SlackStandIn:
    """Serve `app` at `base_url`. The other attributes are for tests."""

    def __init__(
        self,
        *,
        signing_secret: str,
        bot_token: str,
        app_token: str = "",
        events_url: str,
        base_url: str = "",
        state: Path | None = None,
        clock: Callable[[], float] = time.time,
        latency: float = 0.0,
        retry_delays: Sequence[float] = (0.5, 60.0, 300.0),
    ) -> None:
        self.workspace = Workspace(clock, state)
        self.api = WebApi(self.workspace, RateLimits(clock), bot_token, latency)
        self.delivery = Delivery(self.workspace, events_url, signing_secret, base_url, retry_delays)
        self.hosting = Hosting(self.workspace, self.delivery)
        self.downloads = Downloads(self.workspace, bot_token)
        self.viewers = Viewers(SlackError, sentence)
        self.api.app_token = app_token
        self.api.socket_url = lambda: (
            f"ws{self.delivery.base_url.removeprefix('http')}/slack/socket"
        )
        self.workspace.files.base = lambda: self.delivery.base_url
        self.workspace.listeners.append(self._tell)
        self.workspace.moved = self._moved

    @property
    def app(self) -> web.Application:
        """The aiohttp application with all routes."""
        app = web.Application(middlewares=[_own_page_only], client_max_size=4 * 1024**2)
        app.add_routes([*self.api.routes(), *self.downloads.routes(), *self.hosting.routes()])
        app.add_routes(
            [
                web.post("/slack/response/{key}", self._respond),
                web.get("/slack/socket", self.delivery.socket),
                web.get("/ui/state", self._state),
                web.get("/ui/messages", self._messages),
                web.get("/ui/socket", self.viewers.socket),
                web.post("/ui/{verb}", self._act),
                web.get("/", self._index),
                web.static("/", PAGE),
            ]
        )
        app.on_startup.append(self._started)
        app.on_cleanup.append(self._stopped)
        app.on_shutdown.append(self._closing)
        return app

    # people's actions, used by the page and by tests

    def say(
        self, user: str, channel: str, text: str, thread_ts: str | None = None, **more: Any
    ) -> str:
        """Post a message as a person and notify the app. Returns the message's ts."""
        message = self.workspace.add(
            channel, user, self.workspace.mentions_to_ids(text), thread_ts=thread_ts, **more
        )
        self.delivery.said(message)
        return str(message["ts"])

    def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        """Edit a person's own message and notify the app."""
        before = self._own(user, channel, ts)["text"]
        message = self.workspace.change(channel, ts, self.workspace.mentions_to_ids(text))
        self.delivery.edited(message, before)

    def unfurl(self, channel: str, ts: str, title: str) -> None:
        """Add a link preview to a message: `message_changed` is sent although nobody edited."""
        message = self.workspace.get(channel, ts)
        message["attachments"] = [{"title": title, "from_url": "https://example.com/"}]
        self.delivery.said(message, subtype="message_changed", previous=message["text"])

    def delete(self, user: str, channel: str, ts: str) -> None:
        """Delete a person's own message, with the files that were shared only there."""
        before = self._own(user, channel, ts)["text"]
        message = self.workspace.remove(channel, ts)
        self.delivery.deleted(message, before)
        self.hosting.unshared(message)

    def share(
        self,
        user: str,
        channel: str,
        files: Iterable[Shared],
        text: str = "",
        thread_ts: str | None = None,
        *,
        connect: bool = False,
    ) -> str:
        """Post files, each (name, bytes, media type), as a person. Returns the message's ts.

        With `connect` they come from another workspace: the event carries only their ids.
        """
        message = self.hosting.share(user, channel, files, text, thread_ts, connect=connect)
        return str(message["ts"])

    def files(self, channel: str, ts: str) -> list[dict[str, Any]]:
        """Return the complete file records of a message."""
        return self.workspace.files.within(self.workspace.get(channel, ts), whole=True)

    def delete_file(self, user: str, file_id: str) -> None:
        """Delete a file as its owner. Raises SlackError for anybody else."""
        self.hosting.delete(user, file_id)

    def reshare(
        self, user: str, channel: str, *file_ids: str, text: str = "", thread_ts: str | None = None
    ) -> str:
        """Share existing files again in a new message. Returns the message's ts."""
        return str(self.hosting.reshare(user, channel, file_ids, text, thread_ts)["ts"])

    def edit_file(
        self, user: str, file_id: str, data: bytes | None = None, *, name: str = ""
    ) -> None:
        """Replace a snippet's content or rename a file."""
        self.hosting.edit(user, file_id, data, name)

    def delete_channel(self, channel: str) -> None:
        """Delete a channel with all its messages."""
        channels.delete_channel(self.workspace, self.delivery, channel)

    def change_channel_id(self, channel: str, new: str) -> None:
        """Change a channel's id, as when it is shared with another company."""
        channels.change_id(self.workspace, self.delivery, channel, new)

    def join(self, user: str, channel: str, who: str = "") -> None:
        """Join a channel, or add `who`. Only a member can add somebody to a private channel."""
        where = self.workspace.channel(channel)
        if user not in where["members"] and (who not in ("", user) or where.get("private")):
            raise SlackError("not_in_channel")
        self.workspace.join(channel, who or user)

    def leave(self, user: str, channel: str, who: str = "") -> None:
        """Leave a channel, or remove `who` from it."""
        if user not in self.workspace.channel(channel)["members"]:
            raise SlackError("not_in_channel")
        self.workspace.leave(channel, who or user)

    async def command(self, user: str, channel: str, command: str, text: str = "") -> str:
        """Run a slash command. Returns the error to show the person, empty on success."""
        if command not in [each["name"] for each in COMMANDS]:
            return f"{command} is not a command here."
        return await self.delivery.send_command(user, channel, command, text)

    async def click(self, user: str, channel: str, ts: str, action_id: str, value: str = "") -> str:
        """Press a button or choose an option. Returns the error to show, empty on success."""
        message = self.workspace.ephemerals.get(ts) or self.workspace.get(channel, ts)
        for element in _elements(message):
            if element.get("action_id") == action_id:
                action = {"type": element["type"], "action_id": action_id}
                if element["type"] == "static_select":
                    action["selected_option"] = {"value": value}
                else:
                    action["value"] = element.get("value", "")
                return await self.delivery.send_action(user, message, action)
        return "That button is no longer there."

    def distribute(self) -> None:
        """Apply the limits of apps distributed outside the Marketplace: one page of 15 a minute."""
        self.api.limits.tiers = DISTRIBUTED
        self.workspace.most = 15

    def set_banner(self, level: str, text: str) -> None:
        """Show a banner at the top of the page."""
        self.viewers.set_banner(level, text)

    def clear_banner(self) -> None:
        """Remove the page's banner."""
        self.viewers.set_banner("", "")

    def _moved(self, kind: str, channel: dict[str, Any], user: str) -> None:
        self.delivery.moved(kind, channel, user)
        self._tell({"type": "members", "where": channel["id"], "members": channel["members"]})

    def _own(self, user: str, channel: str, ts: str) -> dict[str, Any]:
        message = self.workspace.get(channel, ts)
        if message["user"] != user:
            raise SlackError("message_not_found")
        return message

    # requests of the page

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(
            {**self.workspace.state(), "banner": self.viewers.banner, "commands": COMMANDS}
        )

    async def _messages(self, request: web.Request) -> web.Response:
        return self.viewers.messages(request, self.workspace.visible)

    async def _act(self, request: web.Request) -> web.Response:
        return await self.viewers.act(request, self._verb)

    async def _verb(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        error = ""
        user, channel = body["user"], body["channel"]
        match verb:
            case "say":
                text = str(body["text"])
                if not text.strip():
                    return {"ok": False, "error": "Write something first."}
                ts = self.say(user, channel, text, body.get("thread_ts"))
                return {"ok": True, "ts": ts}
            case "edit":
                self.edit(user, channel, body["ts"], str(body["text"]))
            case "delete":
                self.delete(user, channel, body["ts"])
            case "delete_file":
                self.delete_file(user, body["file"])
            case "join":
                self.join(user, channel, body.get("who") or "")
            case "leave":
                self.leave(user, channel, body.get("who") or "")
            case "dismiss":
                self.workspace.unwhisper(body["ts"])
            case "command":
                error = await self.command(user, channel, body["command"], body.get("text", ""))
            case "action":
                value = body.get("selected") or body.get("value") or ""
                error = await self.click(user, channel, body["ts"], body["action_id"], value)
            case _:
                error = "The page asked for something unknown: reload it."
        return {"ok": not error, **({"error": error} if error else {})}

    def _tell(self, event: dict[str, Any]) -> None:
        members = None
        if "channel" in event:
            members = self.workspace.channel(event["channel"])["members"]
        self.viewers.tell(event, members, event.get("message", {}).get("to") or "")

    async def _respond(self, request: web.Request) -> web.Response:
        body = await request.json()
        used = self.delivery.responses.take(request.match_info["key"], body)
        return web.Response(text="ok") if used else web.Response(status=404, text="used_url")

    async def _index(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    async def _started(self, _: web.Application) -> None:
        await self.delivery.start()

    async def _closing(self, _: web.Application) -> None:
        self.viewers.close()
        for socket in [*self.delivery.sockets]:
            await socket.close()

    async def _stopped(self, _: web.Application) -> None:
        await self.delivery.stop()


@web.middleware
async def _own_page_only(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuse UI requests from other sites open in the same browser."""
    if request.path.startswith(("/ui/", "/teams/ui/")):
        host = request.host.rpartition(":")[0] or request.host
        origin = request.headers.get("Origin", "")
        if host not in ("127.0.0.1", "localhost") or (
            origin and origin.partition("//")[2] != request.host
        ):
            return web.json_response({"ok": False, "error": "Not from here."}, status=403)
    response: web.StreamResponse = await handler(request)
    return response


def _elements(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        element
        for block in message.get("blocks") or ()
        if block.get("type") == "actions"
        for element in block["elements"]
    ]
