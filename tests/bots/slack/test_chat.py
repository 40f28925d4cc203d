"""A Slack conversation against a server that answers as Slack does."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bots.slack.api.membership import Membership
from bots.slack.api.quotas import QUOTAS
from bots.slack.api.standing import Standings
from bots.slack.api.web import People, call, is_slacks, read, web_client
from bots.slack.chat import SlackChat
from core.ports.chat import ChatError, Forbidden, Gone, RateLimited, TooLong, Unreachable
from core.ports.rates import Call, Priority
from core.rates.budget import WorkspaceBudget
from core.runtime.telemetry import Metric, counting
from core.values.answer import Button, Message, Rendered
from core.values.conversation import LIBRARY, Attachment, Conversation, Kind, Person, Scope
from core.wording.user_messages import need
from tests.support import virtual

TOKEN = "xoxb-not-a-token"
US = "U0LAN0Z89"
THREAD = Conversation("slack", "T1", "C1", "1515449522.000016", Kind.CHANNEL)
DIRECT = Conversation("slack", "T1", "D1", None, Kind.DIRECT)
BEN = Person("U1")
WRITES = {
    "auth.test",
    "chat.postMessage",
    "chat.update",
    "chat.delete",
    "chat.postEphemeral",
}


class FakeSlack:
    """Answers each method from `answers`; the last answer of a list stays."""

    def __init__(self):
        self.calls = []
        self.answers = {
            "auth.test": [{"ok": True, "user_id": US}],
            "chat.postMessage": [{"ok": True, "ts": "1515449523.000100"}],
        }
        self.responses = []
        self.response_status = 200
        self.response_text = "ok"
        self.file = web.Response
        self.file_tokens = []
        self.root = ""
        self.app = web.Application()
        self.app.add_routes(
            [
                web.post("/api/{method}", self.method),
                web.post("/commands/x", self.response_url),
                web.get("/files/{name}", self.download),
            ]
        )

    async def method(self, request):
        method = request.match_info["method"]
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        if request.content_type == "application/json":
            # Slack's reading methods take no JSON
            assert method in WRITES
            arguments = await request.json()
        else:
            assert method not in WRITES
            arguments = dict(await request.post())
        self.calls.append((method, arguments))
        waiting = self.answers.get(method, [{"ok": True}])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(answer):
            return await answer(request)
        return web.json_response(answer)

    async def response_url(self, request):
        self.responses.append(await request.json())
        return web.Response(
            status=self.response_status, headers={"Retry-After": "7"}, text=self.response_text
        )

    async def download(self, request):
        self.file_tokens.append(request.headers.get("Authorization"))
        return self.file()

    def arguments(self, method):
        return [arguments for name, arguments in self.calls if name == method]


@asynccontextmanager
async def chat_with(slack, where=THREAD, extra=None):
    async with TestServer(slack.app) as server, aiohttp.ClientSession() as http:
        client = web_client(TOKEN, str(server.make_url("/api/")), http)
        extra = {
            k: v.replace("SERVER", str(server.make_url("/"))) for k, v in (extra or {}).items()
        }
        membership = Membership(client, asyncio.get_running_loop().time)
        chat = SlackChat(
            client,
            where,
            People(client),
            membership,
            Standings(client, asyncio.get_running_loop().time),
            extra=extra,
            http=http,
        )
        slack.root = str(server.make_url("/"))
        yield chat


@pytest.fixture
def slack():
    return FakeSlack()


def status(code, text="", headers=None, kind="text/html"):
    async def answer(request):
        return web.Response(status=code, text=text, headers=headers, content_type=kind)

    return answer


async def hang_up(request):
    request.transport.abort()
    return web.Response()


async def test_a_post_goes_to_the_thread_marked_and_unfurls_nothing(slack):
    async with chat_with(slack) as chat:
        assert await chat.post(Rendered("**hi**"), mark="slack/T1/C1/1") == "1515449523.000100"
    sent = slack.arguments("chat.postMessage")[0]
    assert sent["channel"] == "C1"
    assert sent["thread_ts"] == "1515449522.000016"
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)
    assert sent["parse"] == "none"
    assert sent["metadata"] == {
        "event_type": "parley_answer",
        "event_payload": {"mark": "slack/T1/C1/1"},
    }
    assert sent["text"] == "*hi*"
    assert sent["blocks"][0]["text"] == {"type": "mrkdwn", "text": "*hi*", "verbatim": True}


async def test_in_a_direct_chat_an_answer_stands_in_no_thread(slack):
    async with chat_with(slack, DIRECT) as chat:
        await chat.post(Rendered("hi"))
    assert "thread_ts" not in slack.arguments("chat.postMessage")[0]


async def test_a_post_is_never_repeated_below_us(slack):
    slack.answers["chat.postMessage"] = [hang_up]
    async with chat_with(slack) as chat:
        with pytest.raises(Unreachable):
            await chat.post(Rendered("hi"))
    assert len(slack.calls) == 1


async def test_an_edit_and_a_deletion_name_their_message(slack):
    async with chat_with(slack) as chat:
        await chat.edit("1.000001", Rendered("more"))
        await chat.delete("1.000001")
    edited, deleted = slack.arguments("chat.update")[0], slack.arguments("chat.delete")[0]
    assert (edited["channel"], edited["ts"], edited["text"]) == ("C1", "1.000001", "more")
    assert edited["parse"] == "none"  # its default would make links of bare addresses
    assert deleted == {"channel": "C1", "ts": "1.000001"}


ERRORS = [
    ("message_not_found", Gone),
    ("channel_not_found", Gone),
    ("thread_not_found", Gone),
    ("is_archived", Forbidden),
    ("not_in_channel", Forbidden),
    ("token_revoked", Forbidden),
    ("invalid_auth", Forbidden),
    ("account_inactive", Forbidden),
    ("missing_scope", Forbidden),
    ("restricted_action", Forbidden),
    ("cant_update_message", Forbidden),
    ("an_error_of_next_year", Forbidden),
    ("msg_too_long", TooLong),
    ("msg_blocks_too_long", TooLong),
    ("ratelimited", RateLimited),
    ("rate_limited", RateLimited),
    ("internal_error", Unreachable),
    ("fatal_error", Unreachable),
    ("service_unavailable", Unreachable),
]


@pytest.mark.parametrize(("name", "error"), ERRORS)
async def test_slacks_refusals_are_ours(slack, name, error):
    slack.answers["chat.update"] = [{"ok": False, "error": name}]
    async with chat_with(slack) as chat:
        with pytest.raises(error):
            await chat.edit("1.000001", Rendered("x"))


async def test_blocks_that_are_not_accepted_are_said_as_text_once(slack):
    slack.answers["chat.update"] = [{"ok": False, "error": "invalid_blocks"}, {"ok": True}]
    async with chat_with(slack) as chat:
        await chat.edit("1.000001", Rendered("**x**"))
    first, second = slack.arguments("chat.update")
    assert first["blocks"]
    assert (second["blocks"], second["text"], second["ts"]) == ([], "*x*", "1.000001")


async def test_blocks_that_are_not_accepted_even_as_text_are_given_up(slack):
    slack.answers["chat.postMessage"] = [{"ok": False, "error": "invalid_blocks"}]
    async with chat_with(slack) as chat:
        with pytest.raises(Forbidden):
            await chat.post(Rendered("x"))
    assert len(slack.arguments("chat.postMessage")) == 2


async def test_a_block_that_is_too_long_by_slacks_remark_is_tightened(slack):
    remark = "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    refused = {"ok": False, "error": "invalid_blocks"}
    slack.answers["chat.update"] = [{**refused, "response_metadata": {"messages": [remark]}}]
    async with chat_with(slack) as chat:
        with pytest.raises(TooLong):
            await chat.edit("1.000001", Rendered("x"))


async def test_a_right_that_is_missing_is_named_as_slack_names_it(slack):
    refused = {"ok": False, "error": "missing_scope", "needed": "files:read", "provided": "x"}
    slack.answers["chat.update"] = [refused]
    async with chat_with(slack) as chat:
        with pytest.raises(Forbidden) as caught:
            await chat.edit("1.000001", Rendered("x"))
    assert "the right `files:read`" in need(caught.value.needs)


async def test_a_code_that_is_not_known_is_counted_and_logged_by_its_name_alone(slack, caplog):
    slack.answers["chat.update"] = [{"ok": False, "error": "an_error_of\n<next year>"}]
    meter = Counts()
    async with chat_with(slack) as chat:
        with counting(meter), pytest.raises(Forbidden):
            await chat.edit("1.000001", Rendered("x"))
    assert meter.seen == [(Metric.UNKNOWN_REFUSALS, "slack")]
    assert "not known: an_error_ofnextyear (200)" in caplog.text


class Counts:
    def __init__(self):
        self.seen = []

    def add(self, metric, value, reason):
        self.seen.append((metric, reason))


@pytest.mark.parametrize(
    ("body", "code", "falls_back"),
    [("used_url", 404, True), ('{"ok": false, "error": "expired_url"}', 403, True)],
)
async def test_an_address_that_is_used_up_makes_way_whatever_its_status(
    slack, body, code, falls_back
):
    slack.response_status, slack.response_text = code, body
    async with chat_with(slack, extra={"response_url": "SERVERcommands/x"}) as chat:
        await chat.post_ephemeral(BEN, Rendered("psst"))
    assert bool(slack.arguments("chat.postEphemeral")) is falls_back


@pytest.mark.parametrize(
    ("given", "seconds"), [("30", 30), ("0", 1), ("", 1), ("soon", 1), ("-3", 1), (None, 1)]
)
async def test_a_rate_limit_says_how_long_to_wait(slack, given, seconds):
    headers = {} if given is None else {"Retry-After": given}
    body = json.dumps({"ok": False, "error": "ratelimited"})
    slack.answers["chat.update"] = [status(429, body, headers, "application/json")]
    async with chat_with(slack) as chat:
        with pytest.raises(RateLimited) as caught:
            await chat.edit("1.000001", Rendered("x"))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    "answer",
    [
        status(500, "<html>"),
        status(502, ""),
        status(503, "down", kind="text/plain"),
        status(504, "{", kind="application/json"),
        status(200, "<html>sign in</html>"),
        status(200, "hello", kind="text/plain"),
        status(200, "", kind="application/json"),
        status(200, "{", kind="application/json"),
        status(200, "null", kind="application/json"),
        status(200, "[]", kind="application/json"),
        status(200, "[1]", kind="application/json"),
        status(200, '"x"', kind="application/json"),
        status(200, "{}", kind="application/json"),
        status(200, '{"ok": false, "error": null}', kind="application/json"),
        hang_up,
    ],
)
async def test_what_is_no_answer_of_slacks_is_a_passing_fault(slack, answer):
    slack.answers["chat.update"] = [answer]
    slack.answers["users.info"] = [answer]
    async with chat_with(slack) as chat:
        with pytest.raises(Unreachable):
            await chat.edit("1.000001", Rendered("x"))
        with pytest.raises(Unreachable):
            await read(chat._client, "users.info", user="U1")


async def test_a_rate_limit_without_json_is_one_still(slack):
    slack.answers["chat.update"] = [status(429, "slow down", {"Retry-After": "9"})]
    async with chat_with(slack) as chat:
        with pytest.raises(RateLimited) as caught:
            await chat.edit("1.000001", Rendered("x"))
    assert caught.value.retry_after == 9


async def test_nobody_there_and_a_time_out_are_passing_faults(slack):
    async def slow(request):
        await asyncio.sleep(5)
        return web.Response()

    slack.answers["chat.update"] = [slow]
    short = aiohttp.ClientTimeout(total=0.05)
    async with TestServer(slack.app) as server, aiohttp.ClientSession(timeout=short) as http:
        for url in (str(server.make_url("/api/")), "http://127.0.0.1:9/api/"):
            with pytest.raises(Unreachable):
                await call(web_client(TOKEN, url, http), "chat.update", channel="C1")


async def test_a_proxy_in_the_environment_is_not_used_for_loopback(slack, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with chat_with(slack) as chat:
        assert await chat.post(Rendered("hi"))


def said(ts, user, text, **more):
    return {"type": "message", "ts": ts, "user": user, "text": text, **more}


def ours(ts, mark, user=US, **more):
    metadata = {"event_type": "parley_answer", "event_payload": {"mark": mark}}
    return said(ts, user, "Tea", bot_id="B1", metadata=metadata, **more)


async def test_our_messages_are_found_by_their_mark(slack):
    mark = "slack/T1/C1/1515449600.000200~2"
    slack.answers["conversations.replies"] = [
        {
            "ok": True,
            "messages": [
                said("1515449522.000016", "U1", "q"),
                ours("1515449601.000000", mark),
                ours("1515449602.000000", mark.removesuffix("~2")),
                ours("1515449603.000000", mark, user="UOTHERBOT"),
                ours("1515449604.000000", mark),
                {"ts": "1515449605.000000", "user": US, "metadata": {"event_payload": None}},
            ],
        }
    ]
    async with chat_with(slack) as chat:
        assert await chat.find(mark) == ["1515449601.000000", "1515449604.000000"]
    asked = slack.arguments("conversations.replies")[0]
    assert asked["include_all_metadata"] == "1"
    assert asked["oldest"] == "1515449600.000200"


async def test_in_a_direct_chat_our_messages_are_found_oldest_first(slack):
    newest_first = [ours("3.000000", "m"), said("2.000000", "U1", "x"), ours("1.000000", "m")]
    slack.answers["conversations.history"] = [{"ok": True, "messages": newest_first}]
    async with chat_with(slack, DIRECT) as chat:
        assert await chat.find("m") == ["1.000000", "3.000000"]


async def test_a_thread_is_what_people_and_we_said(slack):
    answer = {"type": "section", "text": {"type": "mrkdwn", "text": "2 &lt; 3, <http://a|b>"}}
    buttons = {"type": "actions", "elements": []}
    slack.answers["conversations.replies"] = [
        {
            "ok": True,
            "messages": [
                said("1.000000", "U1", "see <@U2> &amp; co, <@U0LAN0Z89>"),
                said("2.000000", US, "fallback", bot_id="B1", blocks=[answer, buttons]),
                said("3.000000", "U1", "joined", subtype="channel_join"),
                said("4.000000", "U1", "also there", subtype="thread_broadcast"),
                {
                    "ts": "5.000000",
                    "subtype": "bot_message",
                    "username": "ci",
                    "text": "",
                    "attachments": [{"text": "build failed"}],
                },
            ],
        }
    ]
    names = {"U1": "Ben", "U2": "Ana"}

    async def info(request):
        user = (await request.post())["user"]
        profile = {"display_name": names[user], "real_name": "-"}
        return web.json_response({"ok": True, "user": {"profile": profile}})

    slack.answers["users.info"] = [info]
    async with chat_with(slack) as chat:
        turns = await chat.thread(100)
        assert await chat.thread(100) == turns
    assert turns == [
        Message("user", "see @Ana & co,", "Ben", "1.000000"),
        Message("assistant", "2 < 3, [b](http://a)", "", "2.000000"),
        Message("user", "also there", "Ben", "4.000000"),
        Message("user", "build failed", "ci", "5.000000"),
    ]
    assert sorted(a["user"] for a in slack.arguments("users.info")) == ["U1", "U2"]
    assert len(slack.arguments("auth.test")) == 1


async def test_a_person_whom_slack_does_not_name_is_still_heard(slack):
    slack.answers["users.info"] = [{"ok": False, "error": "user_not_found"}]
    slack.answers["conversations.replies"] = [{"ok": True, "messages": [said("1.0", "U1", "q")]}]
    async with chat_with(slack) as chat:
        assert await chat.thread(100) == [Message("user", "q", "", "1.0")]


def threaded(stamps, *, most=1000, calls=100):
    """Answers `conversations.replies` as Slack does: from `oldest` on, a page of `most` at a time,
    the root first on each first page; after `calls` calls 429."""
    root = THREAD.thread
    made = []

    async def answer(request):
        asked = await request.post()
        made.append(asked)
        if len(made) > calls:
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "60"}
            )
        begin = int(asked.get("cursor") or 0)
        within = [each for each in stamps if float(each) > float(asked.get("oldest") or 0)]
        size = min(int(asked["limit"]), most)
        page = [said(each, "U1", "x") for each in within[begin : begin + size]]
        if not begin:
            page = [said(root, "U1", "root", latest_reply=stamps[-1]), *page]
        more = str(begin + size) if begin + size < len(within) else ""
        return web.json_response(
            {"ok": True, "messages": page, "response_metadata": {"next_cursor": more}}
        )

    return answer, made


@pytest.mark.parametrize(
    ("replies", "apart", "calls"),
    [(500, 60, 1), (1500, 60, 5), (3000, 60, 5), (3000, 7200, 6), (20_000, 5, 3)],
)
async def test_of_a_long_thread_the_first_and_the_newest_are_read(slack, replies, apart, calls):
    slack.answers["users.info"] = [{"ok": False, "error": "user_not_found"}]
    first = float(THREAD.thread)
    stamps = [f"{first + apart * (n + 1):.6f}" for n in range(replies)]
    answer, made = threaded(stamps)
    slack.answers["conversations.replies"] = [answer]
    async with chat_with(slack) as chat:
        turns = await chat.thread(100)
    assert [t.message_id for t in turns] == [THREAD.thread, *stamps[-99:]]
    assert len(made) <= calls


async def test_an_app_with_little_rate_gets_what_slack_gives_without_a_wait(slack):
    slack.answers["users.info"] = [{"ok": False, "error": "user_not_found"}]
    stamps = [f"{float(THREAD.thread) + 60 * (n + 1):.6f}" for n in range(40)]
    answer, _ = threaded(stamps, most=15, calls=1)
    slack.answers["conversations.replies"] = [answer]
    async with chat_with(slack) as chat:
        turns = await chat.thread(100)
    assert [t.message_id for t in turns] == [THREAD.thread, *stamps[:15]]


async def test_a_thread_without_end_is_read_so_far(slack):
    endless = {"ok": True, "messages": [said("1.0", US, "x")]}
    endless["response_metadata"] = {"next_cursor": "more"}
    slack.answers["conversations.replies"] = [endless]
    async with chat_with(slack) as chat:
        assert len(await chat.thread(10)) == 1
    assert len(slack.arguments("conversations.replies")) < 6


async def test_a_whisper_without_an_address_is_an_ephemeral_message(slack):
    async with chat_with(slack) as chat:
        await chat.post_ephemeral(BEN, Rendered("psst"))
    sent = slack.arguments("chat.postEphemeral")[0]
    assert (sent["channel"], sent["user"]) == ("C1", "U1")
    assert sent["thread_ts"] == "1515449522.000016"


@pytest.mark.parametrize(("extra", "replaces"), [({}, False), ({"replace": "yes"}, True)])
async def test_a_command_is_answered_at_its_address(slack, extra, replaces):
    async with chat_with(slack, extra={"response_url": "SERVERcommands/x", **extra}) as chat:
        await chat.post_ephemeral(BEN, Rendered("psst"))
    assert slack.calls == []
    assert slack.responses[0]["replace_original"] is replaces
    assert slack.responses[0]["response_type"] == "ephemeral"


async def test_an_address_that_has_expired_makes_way_for_an_ephemeral_message(slack):
    slack.response_status = 404
    async with chat_with(slack, extra={"response_url": "SERVERcommands/x"}) as chat:
        await chat.post_ephemeral(BEN, Rendered("psst"))
    assert len(slack.arguments("chat.postEphemeral")) == 1


@pytest.mark.parametrize(("code", "error"), [(429, RateLimited), (500, Unreachable)])
async def test_an_address_that_refuses_is_tried_again_later(slack, code, error):
    slack.response_status = code
    async with chat_with(slack, extra={"response_url": "SERVERcommands/x"}) as chat:
        with pytest.raises(error):
            await chat.post_ephemeral(BEN, Rendered("psst"))


async def test_nothing_is_sent_to_an_address_elsewhere(slack):
    async with chat_with(slack, extra={"response_url": "https://hooks.slack.com/x"}) as chat:
        with pytest.raises(Forbidden):
            await chat.post_ephemeral(BEN, Rendered("psst"))
    assert slack.calls == []


API = "https://slack.com/api/"


@pytest.mark.parametrize(
    ("url", "api", "slacks"),
    [
        ("https://files.slack.com/a", API, True),
        ("https://hooks.slack.com/a", API, True),
        ("https://slack.com:443/a", API, True),
        ("https://FILES.SLACK.COM/a", API, True),
        ("http://files.slack.com/a", API, False),
        ("https://files.slack.com:8443/a", API, False),
        ("https://files.slack.com.evil.example/a", API, False),
        ("https://evilslack.com/a", API, False),
        ("https://slack.com@evil.example/a", API, False),
        ("https://evil.example@slack.com/a", API, False),
        ("https://evil.example/slack.com", API, False),
        ("https://evil.example\\@slack.com/a", API, False),
        ("https://[::1/a", API, False),
        ("https://slack.com:x/a", API, False),
        ("//slack.com/a", API, False),
        ("", API, False),
        ("http://127.0.0.1:8400/f", "http://127.0.0.1:8400/slack/api/", True),
        ("http://127.0.0.1:8401/f", "http://127.0.0.1:8400/slack/api/", False),
        ("http://a.127.0.0.1:8400/f", "http://127.0.0.1:8400/slack/api/", False),
        ("https://files.slack.com/f", "http://127.0.0.1:8400/slack/api/", False),
        ("https://files.slack-gov.com/f", "https://slack-gov.com/api/", True),
        ("https://files.slack.com/f", "https://slack-gov.com/api/", False),
    ],
)
def test_an_address_is_slacks_by_its_parsed_host(url, api, slacks):
    assert is_slacks(url, api) is slacks


def attached(slack, name="a.pdf", media_type="application/pdf"):
    return Attachment("F1", name, media_type, 3, f"{slack.root}files/{name}")


async def pieces(chat, attachment):
    return b"".join([piece async for piece in chat.open(attachment)])


async def test_a_file_is_opened_with_the_token(slack):
    slack.file = lambda: web.Response(body=b"pdf" * 100_000, content_type="application/pdf")
    async with chat_with(slack) as chat:
        assert await pieces(chat, attached(slack)) == b"pdf" * 100_000
    assert slack.file_tokens == [f"Bearer {TOKEN}"]


async def test_of_a_file_known_by_its_id_slack_is_asked(slack):
    slack.file = lambda: web.Response(body=b"x", content_type="application/pdf")
    async with chat_with(slack) as chat:
        url = attached(slack).url
        file = {"id": "F1", "name": "a.pdf", "url_private": url, "size": 1}
        slack.answers["files.info"] = [{"ok": True, "file": file}]
        told = await chat.described(Attachment("F1", "", "", 0, ""))
        assert (told.id, told.name, told.size) == ("F1", "a.pdf", 1)
        assert await pieces(chat, told) == b"x"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: web.Response(status=404), Gone),
        (lambda: web.Response(status=403), Forbidden),
        (lambda: web.Response(status=302, headers={"Location": "http://localhost/b"}), Forbidden),
        (lambda: web.Response(status=429, headers={"Retry-After": "5"}), RateLimited),
        (lambda: web.Response(status=503), Unreachable),
        (lambda: web.Response(text="<html>sign in", content_type="text/html"), Forbidden),
    ],
)
async def test_what_is_not_the_file_is_refused(slack, answer, error):
    slack.file = answer
    async with chat_with(slack) as chat:
        with pytest.raises(error):
            await pieces(chat, attached(slack))
    assert len(slack.file_tokens) == 1


async def test_the_token_goes_to_no_other_host(slack):
    async with chat_with(slack) as chat:
        for url in ("https://files.slack.com/a", "http://127.0.0.1:9/a", "file:///etc/passwd"):
            with pytest.raises(Forbidden):
                await pieces(chat, Attachment("F1", "a", "", 0, url))
    assert slack.file_tokens == []


async def test_a_redirect_to_another_of_slacks_hosts_is_followed_without_the_token(
    slack, monkeypatch
):
    tokens = []

    async def there(request):
        tokens.append(request.headers.get("Authorization"))
        return web.Response(body=b"pdf", content_type="application/pdf")

    monkeypatch.setattr("bots.slack.api.downloads.is_slacks", lambda *_: True)
    other = web.Application()
    other.add_routes([web.get("/b", there)])
    async with TestServer(other) as server, chat_with(slack) as chat:
        moved = {"Location": str(server.make_url("/b"))}
        slack.file = lambda: web.Response(status=302, headers=moved)
        assert await pieces(chat, attached(slack)) == b"pdf"
    assert slack.file_tokens == [f"Bearer {TOKEN}"]
    assert tokens == [None]


async def test_in_this_conversation_only_its_own_documents_are_seen(slack):
    async with chat_with(slack) as chat:
        assert await chat.audience(BEN) == {Scope("slack/T1/C1"), LIBRARY}


async def test_nothing_that_is_said_is_logged(slack, caplog):
    caplog.set_level(logging.DEBUG)
    slack.answers["chat.update"] = [{"ok": False, "error": "is_archived"}]
    async with chat_with(slack) as chat:
        await chat.post(Rendered("the secret plan"), mark="m")
        with pytest.raises(ChatError):
            await chat.edit("1.0", Rendered("the secret plan"))
    said_aloud = "\n".join(record.getMessage() for record in caplog.records)
    assert "secret" not in said_aloud
    assert TOKEN not in said_aloud


def test_every_call_has_a_rate():
    assert frozenset().union(*(quota.calls for quota in QUOTAS)) == {*Call}
    (edits,) = (quota.rates for quota in QUOTAS if Call.EDIT in quota.calls)
    assert all(rate.calls / rate.seconds <= 50 / 60 for rate in edits)


def test_a_refused_post_holds_a_workspaces_posts_and_no_other_calls():
    """Slack's 429 is about a method in a workspace, whatever the channel."""

    async def main():
        workspace = WorkspaceBudget(QUOTAS, virtual.now)
        workspace.of("C1").pause(Call.POST, 30)
        return [workspace.of("C2").wait_for(call, Priority.FINAL) for call in Call]

    waits = dict(zip(Call, virtual.run(main), strict=True))
    assert waits == {Call.POST: 30, Call.EDIT: 0, Call.DELETE: 0}


async def test_a_long_text_loses_nothing(slack):
    text = "\n".join(f"line {n} & <more>" for n in range(600))
    async with chat_with(slack) as chat:
        await chat.post(Rendered(text, (Button("stop", "Stop", "x"),)))
    sent = slack.arguments("chat.postMessage")[0]
    assert len(sent["text"]) <= 3900
    sections = [b["text"]["text"] for b in sent["blocks"] if b["type"] == "section"]
    assert all(len(each) <= 3000 for each in sections)
    assert "line 599 &amp; &lt;more&gt;" in sections[-1]
