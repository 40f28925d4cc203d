"""What the page asks of either half over HTTP, the same of both."""

import asyncio
import io
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from local.aws import free_port
from local.slack.server import SlackStandIn
from tests.support import teams_world
from tests.support.world import ANA, served

PRIVATE = {"slack": "C0FINANCE", "teams": teams_world.FINANCE}
PUBLIC = {"slack": "C0GENERAL", "teams": teams_world.GENERAL}
HTML = b"<script>alert(1)</script>"


class Half:
    def __init__(self, name, standin, url):
        self.name, self.standin, self.url = name, standin, f"{url}/ui/"

    def share(self, user, room, name, data, media):
        if self.name == "slack":
            self.standin.share(user, room, [(name, data, media)])
            return next(iter(self.standin.workspace.files))["id"]
        self.standin.share(user, room, [(name, data)])
        return next(iter(self.standin.tenant.files))

    def banner(self, text):
        page = self.standin if self.name == "slack" else self.standin.page
        page.set_banner("info", text)


@asynccontextmanager
async def half(name):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    if name == "slack":
        slack = SlackStandIn(
            signing_secret="s", bot_token="x", events_url=f"{url}/no", base_url=url, retry_delays=()
        )
        app, found = slack.app, Half(name, slack, url)
    else:
        teams = teams_world.standin(port, 1, retry_delays=())
        app, found = web.Application(), Half(name, teams, f"{url}/teams")
        app.add_subapp("/teams", teams.app)
    async with aiohttp.ClientSession() as found.http, AsyncExitStack() as stack:
        await stack.enter_async_context(served(app, port))
        found.stop = stack.aclose
        yield found


@pytest.fixture(params=["slack", "teams"])
def name(request):
    return request.param


async def test_a_verb_is_done_or_says_in_a_sentence_why_not(name):
    async with half(name) as page:

        async def act(verb, **body):
            async with page.http.post(f"{page.url}{verb}", json=body) as answer:
                return answer.status, await answer.json()

        where = {"user": ANA, "channel": PUBLIC[name]}
        status, told = await act("say", text="hello", **where)
        assert (status, told["ok"]) == (200, True)
        refused = [
            await act("say", text=" ", **where),
            await act("say", **where),
            await act("edit", ts="1.000", text="x", **where),
            await act("dance", **where),
        ]
        assert [status for status, _ in refused] == [200] * 4
        assert [told["ok"] for _, told in refused] == [False] * 4
        assert all(told["error"].endswith(".") or "reload" in told["error"] for _, told in refused)


async def test_what_happens_is_told_to_those_who_may_see_it_and_all_are_let_go_at_the_end(name):
    async with half(name) as page:
        ana = await page.http.ws_connect(f"{page.url}socket?user={ANA}")
        outsider = await page.http.ws_connect(f"{page.url}socket?user=nobody")
        async with page.http.post(
            f"{page.url}say", json={"user": ANA, "channel": PRIVATE[name], "text": "budget"}
        ) as answer:
            assert (await answer.json())["ok"]
        page.banner("Back soon")
        assert (await ana.receive_json())["message"]["text"] == "budget"
        for each in (ana, outsider):
            assert (await each.receive_json())["banner"] == {"level": "info", "text": "Back soon"}
        async with page.http.get(f"{page.url}state") as answer:
            assert (await answer.json())["banner"]["text"] == "Back soon"
        page.banner("")
        for each in (ana, outsider):
            assert (await each.receive_json())["banner"] is None
        params = {"channel": PRIVATE[name], "user": ANA}
        async with page.http.get(f"{page.url}messages", params=params) as answer:
            assert (await answer.json())["messages"][-1]["text"] == "budget"
        async with page.http.get(f"{page.url}messages?channel=nowhere&user={ANA}") as answer:
            assert answer.status == 404
        watching = [asyncio.create_task(each.receive()) for each in (ana, outsider)]
        await page.stop()
        assert [(await each).type for each in watching] == [WSMsgType.CLOSE] * 2


@pytest.mark.parametrize(
    ("file", "media", "shown", "how"),
    [
        ("a.html", "text/html", "text/html; charset=utf-8", "inline in a sandbox"),
        ("a.svg", "image/svg+xml", "image/svg+xml", "inline in a sandbox"),
        ("a.csv", "text/csv", "text/plain; charset=utf-8", "inline"),
        ("a.pdf", "application/pdf", "application/pdf", "inline"),
        ("a.zip", "application/zip", "application/zip", "attachment"),
    ],
)
async def test_nothing_in_a_file_runs_as_the_page(name, file, media, shown, how):
    async with half(name) as page:
        file_id = page.share(ANA, PRIVATE[name], file, HTML, media)
        async with page.http.get(f"{page.url}file/{file_id}?user={ANA}") as answer:
            headers = answer.headers
            assert await answer.read() == HTML
        assert headers["Content-Type"] == shown
        assert headers["Content-Disposition"].startswith(how.partition(" ")[0])
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert ("sandbox" in headers.get("Content-Security-Policy", "")) is ("sandbox" in how)
        async with page.http.get(f"{page.url}file/{file_id}?user=nobody") as answer:
            assert answer.status == 403


async def test_a_file_of_five_megabytes_is_taken_by_either_half(name):
    async with half(name) as ours:
        user = ANA if name == "slack" else teams_world.ANA
        form = aiohttp.FormData()
        form.add_field("names", '["five.bin"]')
        form.add_field("file", io.BytesIO(b"x" * (5 * 1024**2)), filename="five.bin")
        where = {"user": user, "channel": PUBLIC[name]}
        async with ours.http.post(f"{ours.url}upload", data=form, params=where) as answer:
            assert (await answer.json())["ok"]
