"""The Teams stand-in as one aiohttp application."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from local.teams.acts import Acts
from local.teams.page import Page
from local.teams.tenant.errors import TeamsError
from local.teams.tenant.people import BOT, TENANT

__all__ = ["BOT", "TENANT", "TeamsStandIn"]

LOGIN = "/login/{tenant}/oauth2/v2.0/token"


class TeamsStandIn(Acts):
    """Serve `app` at `base_url`. The other attributes are for tests."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.page = Page(self)
        self.downloads: list[tuple[str, bool]] = []
        self.login_page = False

    def settings(self) -> dict[str, str]:
        """Return the settings that make the bot use this stand-in in place of Microsoft."""
        return {
            "MICROSOFT_APP_ID": self.app_id,
            "MICROSOFT_APP_PASSWORD": self.password,
            "MICROSOFT_APP_TENANT_ID": TENANT,
            "TEAMS_OPENID_URL": f"{self.base_url}/openid",
            "TEAMS_LOGIN_URL": f"{self.base_url}/login",
            "TEAMS_SERVICE_HOSTS": self.base_url.partition("//")[2].partition("/")[0],
            "GRAPH_URL": f"{self.base_url}/graph/v1.0",
        }

    @property
    def app(self) -> web.Application:
        """The aiohttp application with all routes."""
        app = web.Application(client_max_size=4 * 1024**2)
        app.add_routes([*self.connector.routes(), *self.graph.routes(), *self.page.routes()])
        app.add_routes(
            [
                web.get("/openid", self._metadata),
                web.get("/keys", self._keys),
                web.post(LOGIN, self._login),
                web.get("/download/{id}", self._download),
            ]
        )
        app.on_startup.append(self._started)
        app.on_shutdown.append(self._closing)
        app.on_cleanup.append(self._stopped)
        return app

    # HTTP requests of the bot

    async def _metadata(self, _: web.Request) -> web.Response:
        keys = f"{self.base_url}/keys"
        return web.json_response({"issuer": "https://api.botframework.com", "jwks_uri": keys})

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response(self.signer.published())

    async def _login(self, request: web.Request) -> web.Response:
        form = await request.post()
        known = request.match_info["tenant"] == TENANT and form.get("client_id") == self.app_id
        if not known or form.get("client_secret") != self.password:
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response(self.issued.give(str(form.get("scope"))))

    async def _download(self, request: web.Request) -> web.Response:
        """Serve a pre-authorised URL: a request with a token is an error."""
        file_id, token = request.match_info["id"], "Authorization" in request.headers
        self.downloads.append((file_id, token))
        if token or request.query.get("tempauth") != "1":
            return web.Response(status=401, text="Access denied")
        if self.login_page:
            return web.Response(content_type="text/html", text="<h1>Sign in</h1>")
        try:
            data = self.tenant.bytes_of(file_id)
        except TeamsError:
            return web.Response(status=404)
        return web.Response(body=data, content_type=self.tenant.files[file_id]["mimetype"])

    async def _started(self, _: web.Application) -> None:
        await self.delivery.start()

    async def _closing(self, _: web.Application) -> None:
        self.page.viewers.close()

    async def _stopped(self, _: web.Application) -> None:
        await self.delivery.stop()
