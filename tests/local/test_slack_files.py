"""Files of the Slack stand-in: shared, told of, downloaded, deleted, and kept from others."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from local.slack.server import SlackStandIn
from local.slack.workspace import BOT
from tests.world import ANA, BEN, DM, GENERAL, served, until

FINANCE = "C0FINANCE"
CHAE = "U0CHAE"
TOKEN = {"Authorization": "Bearer xoxb-1"}


@asynccontextmanager
async def standin(tmp_path, ports):
    events, port, own = [], ports(), ports()

    async def take(request):
        events.append((await request.json())["event"])
        return web.Response()

    application = web.Application()
    application.router.add_post("/slack/events", take)
    slack = SlackStandIn(
        signing_secret="s",
        bot_token="xoxb-1",
        events_url=f"http://127.0.0.1:{port}/slack/events",
        base_url=f"http://127.0.0.1:{own}",
        state=tmp_path / "slack.jsonl",
    )
    async with served(application, port), served(slack.app, own), aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{own}/slack/api/"
        client = AsyncWebClient("xoxb-1", base_url=url, session=http, retry_handlers=[])
        yield slack, events, client, http


@pytest.fixture
async def world(tmp_path, unused_tcp_port_factory):
    async with standin(tmp_path, unused_tcp_port_factory) as built:
        yield built


async def told(events, kind, subtype=None):
    """The first event of that kind, once it is there."""

    def found():
        return [e for e in events if e["type"] == kind and e.get("subtype") == subtype]

    return (await until(found))[0]


async def refused(call):
    with pytest.raises(SlackApiError) as error:
        await call
    return error.value.response["error"]


def shared(slack, name="a.pdf", data=b"%PDF-", media="application/pdf", channel=GENERAL, **more):
    ts = slack.share(ANA, channel, [(name, data, media)], **more)
    return ts, slack.files(channel, ts)[0]["id"]


def base(slack):
    return slack.delivery.base_url


async def test_an_upload_is_told_of_without_a_mention_and_with_one_twice(world):
    slack, events, _, _ = world
    ts, file_id = shared(slack, "Plan 2026.pdf")
    event = await told(events, "message", "file_share")
    assert (event["ts"], event["channel_type"]) == (ts, "channel")
    file = event["files"][0]
    assert (file["id"], file["name"], file["mimetype"]) == (
        file_id,
        "Plan 2026.pdf",
        "application/pdf",
    )
    assert (file["mode"], file["size"], file["user"]) == ("hosted", 5, ANA)
    assert file["url_private"].startswith(f"{base(slack)}/slack/files/{file_id}/")
    assert file["permalink"] == f"{base(slack)}/ui/file/{file_id}"
    assert (file["channels"], file["is_external"]) == ([GENERAL], False)
    slack.share(ANA, GENERAL, [("b.py", b"x = 1", "")], text="@Parley what is it?")
    mention = await told(events, "app_mention")
    assert mention["text"] == f"<@{BOT}> what is it?"
    assert (mention["files"][0]["mode"], mention["files"][0]["filetype"]) == ("snippet", "python")


async def test_a_file_of_another_workspace_has_only_its_id_until_asked_for(world):
    slack, events, client, _ = world
    ts, file_id = shared(slack, connect=True)
    hidden = {"id": file_id, "mode": "file_access", "file_access": "check_file_info"}
    assert (await told(events, "message", "file_share"))["files"] == [hidden]
    history = await client.conversations_history(channel=GENERAL)
    assert history["messages"][0]["files"] == [hidden]
    info = (await client.files_info(file=file_id))["file"]
    assert (info["name"], info["shares"]["public"][GENERAL][0]["ts"]) == ("a.pdf", ts)


async def test_a_download_needs_the_token_and_otherwise_ends_at_a_login_page(world):
    slack, _, client, http = world
    _, file_id = shared(slack, "../..\\보고서 \u202efdp.pdf", b"hello" * 100_000)
    url = (await client.files_info(file=file_id))["file"]["url_private_download"]
    async with http.get(url, headers=TOKEN) as answer:
        assert (answer.status, await answer.read()) == (200, b"hello" * 100_000)
    for headers in ({}, {"Authorization": "Bearer xoxb-2"}):
        async with http.get(url, headers=headers) as answer:
            assert [each.status for each in answer.history] == [302]
            assert (answer.status, answer.content_type) == (200, "text/html")


async def test_downloads_meet_the_faults_that_tests_ask_for(world):
    slack, _, client, http = world
    _, file_id = shared(slack, data=b"0123456789")
    url = (await client.files_info(file=file_id))["file"]["url_private"]
    slack.downloads.faults[file_id] = ["404", "500", "429:7", "html", "redirect:http://x.test/"]
    seen = []
    for _ in range(5):
        async with http.get(url, headers=TOKEN, allow_redirects=False) as answer:
            seen.append((answer.status, answer.headers.get("Retry-After"), answer.content_type))
    assert [status for status, *_ in seen] == [404, 500, 429, 200, 302]
    assert (seen[2][1], seen[3][2]) == ("7", "text/html")
    slack.downloads.faults[file_id] = ["truncated", "drop"]
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            async with http.get(url, headers=TOKEN) as answer:
                await answer.read()
    slack.downloads.faults[file_id] = "slow"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), http.get(url, headers=TOKEN) as answer:
            await answer.read()
    slack.downloads.faults[file_id] = "endless"
    async with http.get(url, headers=TOKEN) as answer:
        size = 0
        async for piece in answer.content.iter_any():
            size += len(piece)
            if size > 20_000_000:
                break
    slack.downloads.faults.clear()
    async with http.get(url, headers=TOKEN) as answer:
        assert await answer.read() == b"0123456789"


async def test_deleting_a_file_leaves_a_stone_in_its_message(world):
    slack, events, client, http = world
    ts, file_id = shared(slack, text="look")
    url = (await client.files_info(file=file_id))["file"]["url_private"]
    assert await refused(client.files_delete(file=file_id)) == "cant_delete_file"
    with pytest.raises(Exception, match="cant_delete_file"):
        slack.delete_file(BEN, file_id)
    slack.delete_file(ANA, file_id)
    assert (await told(events, "file_deleted"))["file_id"] == file_id
    changed = await told(events, "message", "message_changed")
    assert changed["message"]["files"] == [{"id": file_id, "mode": "tombstone"}]
    assert changed["previous_message"]["files"][0]["name"] == "a.pdf"
    assert changed["message"]["text"] == "look"
    assert await refused(client.files_info(file=file_id)) == "file_not_found"
    async with http.get(url, headers=TOKEN) as answer:
        assert answer.status == 404
    assert slack.files(GENERAL, ts) == [{"id": file_id, "mode": "tombstone"}]


async def test_deleting_the_only_message_of_a_file_deletes_it_too(world):
    slack, events, client, _ = world
    ts, file_id = shared(slack)
    slack.delete(ANA, GENERAL, ts)
    deleted = await told(events, "message", "message_deleted")
    assert (deleted["deleted_ts"], "message" in deleted) == (ts, False)
    assert deleted["previous_message"]["files"][0]["id"] == file_id
    assert (await told(events, "file_deleted"))["file_id"] == file_id
    assert await refused(client.files_info(file=file_id)) == "file_not_found"


async def test_who_comes_and_goes_is_told_and_so_is_our_own_going(world):
    slack, events, _, _ = world
    slack.leave(ANA, GENERAL)
    left = await told(events, "member_left_channel")
    assert (left["user"], left["channel"], left["team"]) == (ANA, GENERAL, "T0ACME")
    slack.join(ANA, GENERAL)
    assert (await told(events, "member_joined_channel"))["user"] == ANA
    events.clear()
    slack.leave(ANA, GENERAL, who=BOT)
    assert (await told(events, "channel_left"))["channel"] == GENERAL
    slack.say(ANA, GENERAL, "@Parley are you there?")
    shared(slack, "after.pdf")
    slack.join(ANA, GENERAL, who=BOT)
    assert (await told(events, "member_joined_channel"))["user"] == BOT
    await asyncio.sleep(0.1)
    assert not [e for e in events if e["type"] in ("message", "app_mention")]


async def test_a_private_channel_is_there_only_for_its_members(world):
    slack, events, client, _ = world

    async def of(user, types):
        found = await client.users_conversations(user=user, types=types)
        return {each["id"] for each in found["channels"]}

    assert await of(ANA, "public_channel,private_channel") >= {GENERAL, FINANCE}
    assert FINANCE not in await of(CHAE, "public_channel,private_channel")
    assert FINANCE not in await of(ANA, "public_channel")
    shared(slack, channel=FINANCE)
    assert (await told(events, "message", "file_share"))["channel_type"] == "group"
    _, file_id = shared(slack, "b.pdf", channel=FINANCE)
    slack.leave(BEN, FINANCE, who=BOT)
    assert (await told(events, "group_left"))["channel"] == FINANCE
    assert FINANCE not in await of(ANA, "private_channel")
    assert await refused(client.conversations_info(channel=FINANCE)) == "channel_not_found"
    assert await refused(client.conversations_members(channel=FINANCE)) == "channel_not_found"
    assert await refused(client.files_info(file=file_id)) == "file_not_found"
    with pytest.raises(Exception, match="not_in_channel"):
        slack.join(CHAE, FINANCE)


async def test_conversations_of_a_person_come_in_pages(world):
    _, _, client, _ = world
    first = await client.users_conversations(user=ANA, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.users_conversations(user=ANA, limit=2, cursor=cursor)
    names = [each["name"] for each in [*first["channels"], *rest["channels"]]]
    assert names == ["general", "support", "design-review"]
    assert rest["response_metadata"]["next_cursor"] == ""
    assert await refused(client.users_conversations(user="U9")) == "user_not_found"


NAMES = (
    'a "b" \\ %22;.txt',
    "보고서 — 최종.txt",
    "\u202etxt.exe‮",
    "é" * 510 + ".txt",
    "..",
    "a/b\n.txt",
)


async def test_people_upload_several_files_with_any_names(world):
    slack, events, _, http = world
    form = aiohttp.FormData()
    form.add_field("text", "@Parley 비교해 주세요 & <b>")
    form.add_field("names", json.dumps(NAMES))
    for number, _ in enumerate(NAMES):
        form.add_field("file", f"text {number}".encode(), filename="x", content_type="text/plain")
    async with http.post(f"{base(slack)}/ui/upload?user={ANA}&channel={DM}", data=form) as answer:
        said = await answer.json()
    assert said["ok"]
    event = await told(events, "message", "file_share")
    assert [each["name"] for each in event["files"]] == [*NAMES]
    assert event["text"] == f"<@{BOT}> 비교해 주세요 &amp; &lt;b&gt;"
    assert event["channel_type"] == "im"
    for number, file in enumerate(event["files"]):
        async with http.get(file["url_private"], headers=TOKEN) as answer:
            assert await answer.read() == f"text {number}".encode()
        async with http.get(f"{file['permalink']}?user={ANA}") as answer:
            assert (answer.status, await answer.text()) == (200, f"text {number}")


async def test_an_upload_that_is_refused_or_cut_off_leaves_nothing(world, tmp_path, monkeypatch):
    slack, events, _, http = world

    async def upload(user, channel, data):
        form = aiohttp.FormData()
        form.add_field("file", data, filename="x.bin")
        at = f"{base(slack)}/ui/upload?user={user}&channel={channel}"
        async with http.post(at, data=form) as answer:
            return await answer.json()

    assert "not in this channel" in (await upload(CHAE, FINANCE, b"x"))["error"]
    monkeypatch.setattr("local.slack.hosting.LARGEST", 1000)
    assert "200 MB" in (await upload(ANA, GENERAL, b"x" * 1001))["error"]
    at = f"{base(slack)}/ui/upload?user={ANA}&channel={GENERAL}"
    for body in (
        b"--b\r\nConte",
        b"",
        b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nx',
    ):
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        async with http.post(at, data=body, headers=headers) as answer:
            assert (await answer.json())["ok"] is False
    async with http.post(at, json={}) as answer:
        assert (await answer.json())["ok"] is False
    assert [*(tmp_path / "slack-files").glob("*")] == []
    assert events == []


async def test_a_page_of_another_site_uploads_and_reads_nothing(world):
    slack, _, _, http = world
    _, file_id = shared(slack)
    headers = {"Origin": "https://evil.test"}
    for method, path in (("POST", f"upload?user={ANA}&channel={DM}"), ("GET", f"file/{file_id}")):
        async with http.request(method, f"{base(slack)}/ui/{path}", headers=headers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize(
    "name media shown sandboxed",
    [
        ("a.pdf", "application/pdf", "inline", False),
        ("a.png", "image/png", "inline", False),
        ("a.txt", "text/plain", "inline", False),
        ("a.html", "text/html", "inline", True),
        ("a.svg", "image/svg+xml", "inline", True),
        ("a.docx", "", "attachment", False),
        ("a.exe", "text/html", "inline", True),
    ],
)
async def test_a_file_opens_for_members_only_and_runs_nothing(world, name, media, shown, sandboxed):
    slack, _, _, http = world
    _, file_id = shared(slack, name, b"<script>1</script>", media, FINANCE)
    async with http.get(f"{base(slack)}/ui/file/{file_id}?user={ANA}") as answer:
        assert answer.headers["Content-Disposition"].startswith(shown)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers.get("Content-Security-Policy", "")
        assert policy.startswith("sandbox") == sandboxed
    for user in (CHAE, ""):
        async with http.get(f"{base(slack)}/ui/file/{file_id}?user={user}") as answer:
            assert answer.status == 403


async def test_files_and_members_are_there_after_a_restart(tmp_path, unused_tcp_port_factory):
    async with standin(tmp_path, unused_tcp_port_factory) as (slack, *_):
        ts, file_id = shared(slack)
        gone_ts, gone = shared(slack, "gone.pdf")
        slack.delete_file(ANA, gone)
        slack.leave(BEN, FINANCE)
        slack.workspace.files.path("F0HALF").write_bytes(b"half")
    for _ in range(2):
        async with standin(tmp_path, unused_tcp_port_factory) as (slack, _, client, http):
            file = (await client.files_info(file=file_id))["file"]
            assert file["channels"] == [GENERAL]
            async with http.get(file["url_private"], headers=TOKEN) as answer:
                assert await answer.read() == b"%PDF-"
            assert slack.files(GENERAL, gone_ts) == [{"id": gone, "mode": "tombstone"}]
            assert BEN not in slack.workspace.channel(FINANCE)["members"]
            assert [p.name for p in (tmp_path / "slack-files").iterdir()] == [file_id]
            assert slack.workspace.get(GENERAL, ts)["files"] == [{"id": file_id}]


async def test_a_large_upload_is_streamed_to_disk(world):
    slack, _, _, http = world
    size = 60 * 1024**2

    async def pieces():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
        for _ in range(60):
            yield bytes(1024**2)
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    at = f"{base(slack)}/ui/upload?user={ANA}&channel={GENERAL}"
    async with http.post(at, data=pieces(), headers=headers) as answer:
        said = await answer.json()
    assert slack.files(GENERAL, said["ts"])[0]["size"] == size
