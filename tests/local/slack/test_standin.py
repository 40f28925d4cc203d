"""The Slack stand-in refuses what Slack refuses, and delivers as Slack delivers."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from local.slack.server import SlackStandIn
from local.slack.web.limits import RateLimits
from local.slack.workspace.state import BOT, Workspace
from tests.support.world import ANA, BEN, DM, GENERAL, served, until


class App:
    """What the stand-in calls; `statuses` are its next answers, 200 after that."""

    def __init__(self):
        self.received = []
        self.statuses = []

    async def take(self, request):
        body = await request.text()
        self.received.append((dict(request.headers), body))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@asynccontextmanager
async def standin(tmp_path, unused_tcp_port_factory, **options):
    app, port, own = App(), unused_tcp_port_factory(), unused_tcp_port_factory()
    application = web.Application()
    application.router.add_post("/slack/events", app.take)
    slack = SlackStandIn(
        signing_secret="s",
        bot_token="xoxb-1",
        events_url=f"http://127.0.0.1:{port}/slack/events",
        base_url=f"http://127.0.0.1:{own}",
        state=tmp_path / "slack.jsonl",
        **{"retry_delays": (0.01, 0.01), **options},
    )
    async with served(application, port), served(slack.app, own), aiohttp.ClientSession() as http:
        client = AsyncWebClient(
            "xoxb-1", base_url=f"http://127.0.0.1:{own}/slack/api/", session=http, retry_handlers=[]
        )
        yield slack, app, client, http


@pytest.fixture
async def world(tmp_path, unused_tcp_port_factory):
    async with standin(tmp_path, unused_tcp_port_factory) as built:
        yield built


async def refused(call):
    with pytest.raises(SlackApiError) as error:
        await call
    return error.value.response["error"]


async def test_a_mention_arrives_twice_signed_as_slack_signs(world):
    slack, app, _, _ = world
    slack.say(ANA, GENERAL, "@Parley hello & <b>")
    await until(lambda: len(app.received) == 2)
    verifier = SignatureVerifier("s")
    assert all(verifier.is_valid_request(body, headers) for headers, body in app.received)
    kinds = {json.loads(body)["event"]["type"] for _, body in app.received}
    assert kinds == {"app_mention", "message"}
    text = json.loads(app.received[0][1])["event"]["text"]
    assert text == f"<@{BOT}> hello &amp; &lt;b&gt;"


async def test_what_is_not_acknowledged_is_repeated_with_its_number(world):
    slack, app, _, _ = world
    app.statuses = [500, 503]
    slack.say(ANA, DM, "hello")
    await until(lambda: len(app.received) == 3)
    assert [h.get("X-Slack-Retry-Num") for h, _ in app.received] == [None, "1", "2"]


async def test_every_message_of_the_bots_channels_is_sent_and_none_of_others(world):
    slack, app, _, _ = world
    slack.leave(BOT, "C0SUPPORT")
    await until(lambda: len(app.received) == 2)  # `channel_left`, `member_left_channel`
    slack.say(ANA, "C0SUPPORT", "among ourselves")
    slack.say(ANA, GENERAL, "hello all")
    await until(lambda: len(app.received) == 3)
    event = json.loads(app.received[-1][1])["event"]
    assert (event["type"], event["text"]) == ("message", "hello all")


async def test_it_refuses_what_slack_refuses(world):
    slack, _, client, http = world
    assert await refused(client.chat_postMessage(channel="C404", text="x")) == "channel_not_found"
    gone = client.chat_update(channel=GENERAL, ts="1.0", text="x")
    assert await refused(gone) == "message_not_found"
    ts = (await client.chat_postMessage(channel=GENERAL, text="x"))["ts"]
    too_long = client.chat_update(channel=GENERAL, ts=ts, text="x" * 4001)
    assert await refused(too_long) == "msg_too_long"
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    assert (
        await refused(client.chat_update(channel=GENERAL, ts=ts, text="x", blocks=[section]))
        == "invalid_blocks"
    )
    own = slack.say(ANA, GENERAL, "mine")
    assert await refused(client.chat_update(channel=GENERAL, ts=own, text="x")) == (
        "cant_update_message"
    )
    slack.workspace.archived.add(GENERAL)
    assert await refused(client.chat_postMessage(channel=GENERAL, text="x")) == "is_archived"
    stranger = AsyncWebClient("xoxb-2", base_url=client.base_url, session=http)
    assert await refused(stranger.auth_test()) == "invalid_auth"


async def test_it_answers_429_with_retry_after(world):
    _, _, client, _ = world
    ts = (await client.chat_postMessage(channel=GENERAL, text="x"))["ts"]
    with pytest.raises(SlackApiError) as error:
        for number in range(60):
            await client.chat_update(channel=GENERAL, ts=ts, text=str(number))
    assert error.value.response.status_code == 429
    assert 0 < int(error.value.response.headers["Retry-After"]) <= 61


def test_a_tier_is_counted_over_any_minute():
    now = [0.0]
    limits = RateLimits(lambda: now[0])
    assert [limits.wait("chat.update", "C") for _ in range(50)] == [0.0] * 50
    now[0] = 59.0
    assert limits.wait("chat.update", "C") == 1.0
    now[0] = 60.0
    assert limits.wait("chat.update", "C") == 0.0


def test_posts_are_one_a_second_in_a_channel_after_a_short_burst():
    now = [100.0]
    limits = RateLimits(lambda: now[0])
    burst = [limits.wait("chat.postMessage", "C") for _ in range(6)]
    assert burst[:4] == [0.0] * 4
    assert burst[4] > 0
    assert limits.wait("chat.postMessage", "D") == 0.0


async def test_a_whisper_is_seen_by_one_person(world):
    slack, _, client, _ = world
    await client.chat_postEphemeral(channel=GENERAL, user=ANA, text="psst")
    assert [m["text"] for m in slack.workspace.visible(GENERAL, ANA)] == ["psst"]
    assert list(slack.workspace.visible(GENERAL, BEN)) == []
    assert list(slack.workspace.visible(DM, BEN)) == []


def test_what_was_said_survives_a_kill(tmp_path):
    file = tmp_path / "slack.jsonl"
    before = Workspace(lambda: 1.0, file)
    kept = before.add(GENERAL, ANA, "kept")
    before.change(GENERAL, kept["ts"], "changed")
    before.remove(GENERAL, before.add(GENERAL, ANA, "deleted")["ts"])
    with file.open("a") as end:
        end.write('{"kind": "mess')  # the kill came while it wrote
    after = Workspace(lambda: 2.0, file)
    assert [m["text"] for m in after.visible(GENERAL, ANA)] == ["changed"]


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example:80"}]
)
async def test_the_pages_requests_come_from_the_page_only(world, headers):
    slack, _, _, http = world
    url = f"{slack.delivery.base_url}/ui/say"
    body = {"user": ANA, "channel": GENERAL, "text": "x"}
    async with http.post(url, json=body, headers=headers) as answer:
        assert answer.status == 403
    assert list(slack.workspace.visible(GENERAL, ANA)) == []


async def test_the_page_hears_of_changes_where_its_person_is(world):
    slack, _, _, http = world
    async with http.ws_connect(f"{slack.delivery.base_url}/ui/socket?user={BEN}") as socket:
        await asyncio.sleep(0.05)
        slack.say(ANA, DM, "private")
        slack.workspace.post_ephemeral(GENERAL, ANA, "psst")
        slack.say(ANA, GENERAL, "public")
        event = await socket.receive_json(timeout=5)
    assert (event["type"], event["message"]["text"]) == ("message", "public")
