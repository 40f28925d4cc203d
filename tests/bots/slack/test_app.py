"""Slack's requests as a server hands them over, through Bolt, to the queue."""

import json
import logging
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_bolt import BoltRequest

from bots.slack.app import Receiver, socket_mode
from bots.slack.inbound import parse
from core.ports.store_error import StoreError
from core.values.conversation import dumps
from core.wording.catalogue import phrase
from tests.support.slack_requests import (
    FORM,
    JSON,
    NOW,
    PAYLOADS,
    SECRET,
    as_action,
    as_form,
    as_json,
    payload,
    signed,
)

TOKEN = "xoxb-not-a-token"
NOWHERE = "http://127.0.0.1:9/api/"


class Queue:
    def __init__(self):
        self.items = []
        self.error = None

    def __call__(self, item):
        if self.error:
            raise self.error
        self.items.append(item)


@pytest.fixture
def queue():
    return Queue()


def receiver_of(queue, **settings):
    return Receiver(
        signing_secret=SECRET,
        bot_token=TOKEN,
        api_url=NOWHERE,
        enqueue=queue,
        clock=lambda: NOW,
        **settings,
    )


@pytest.fixture
def receiver(queue):
    return receiver_of(queue)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the receiver called out")

    monkeypatch.setattr("socket.socket.connect", refuse)


def form_of(name):
    return as_form(payload(name))


def test_a_question_is_queued_and_then_acknowledged(receiver, queue, no_network):
    answer = receiver.handle(*as_json(payload("app_mention")))
    assert (answer.status, answer.body) == (200, b"")
    assert queue.items == [parse.message(payload("app_mention"))]


def test_both_events_of_one_post_name_one_question(receiver, queue):
    for name in ("app_mention", "message_with_mention", "app_mention"):
        assert receiver.handle(*as_json(payload(name))).status == 200
    assert len({item.event_id for item in queue.items}) == 1
    assert len({dumps(item) for item in queue.items}) == 1


def test_an_event_is_not_acknowledged_before_it_is_queued(receiver, queue):
    held = threading.Event()
    receiver._enqueue = lambda item: held.wait(5)
    answers = []
    request = as_json(payload("message_im"))
    thread = threading.Thread(target=lambda: answers.append(receiver.handle(*request)))
    thread.start()
    thread.join(0.2)
    assert answers == []
    held.set()
    thread.join(5)
    assert answers[0].status == 200


@pytest.mark.parametrize("error", [StoreError("down"), RuntimeError("a defect")])
def test_an_event_that_is_not_queued_is_sent_again_by_slack(receiver, queue, error):
    queue.error = error
    assert receiver.handle(*as_json(payload("app_mention"))).status == 503


def test_a_command_that_is_not_queued_says_so_in_one_sentence(receiver, queue):
    queue.error = StoreError("down")
    answer = receiver.handle(*form_of("slash_model"))
    assert (answer.status, answer.body.decode()) == (200, phrase("reply.later"))


def test_a_button_that_is_not_queued_is_marked_as_failed(receiver, queue):
    queue.error = StoreError("down")
    assert receiver.handle(*as_action(payload("action_up"))).status == 503


def test_commands_and_buttons_are_queued(receiver, queue, no_network):
    assert receiver.handle(*form_of("slash_model")) == receiver.handle(
        *as_action(payload("action_model"))
    )
    assert queue.items == [
        parse.command(payload("slash_model")),
        parse.action(payload("action_model")),
    ]


@pytest.mark.parametrize("text", ["payload", "{}", '{"type": "x"}', "a & b = c; 가"])
def test_a_commands_text_may_be_anything(receiver, queue, text):
    assert receiver.handle(*as_form({**payload("slash_model"), "text": text})).status == 200
    assert queue.items[0].argument == text


@pytest.mark.parametrize(
    "name",
    [
        "message_without_mention",
        "message_changed",
        "message_by_us",
        "message_by_a_bot",
        "channel_join",
    ],
)
def test_what_is_not_for_us_is_acknowledged_without_effect(receiver, queue, no_network, name):
    assert receiver.handle(*as_json(payload(name))).status == 200
    assert queue.items == []


@pytest.mark.parametrize(
    "body",
    [
        {"type": "event_callback", "team_id": "T1", "event": {"type": "tokens_revoked"}},
        {"type": "event_callback", "team_id": "T1", "event": {"type": "app_home_opened"}},
        {"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820},
        {"type": "view_submission", "team": {"id": "T1"}, "view": {}},
        {"type": "shortcut", "team": {"id": "T1"}, "callback_id": "x"},
        {"type": "block_actions", "team": {"id": "T1"}, "actions": [{"action_id": "other"}]},
        {"anything": "else"},
        {},
    ],
)
def test_requests_that_nothing_listens_to_are_acknowledged_in_silence(
    receiver, queue, caplog, body
):
    caplog.set_level(logging.DEBUG)
    assert receiver.handle(*as_json(body)).status == 200
    assert queue.items == []
    assert caplog.records == []


def test_slacks_check_of_the_address_is_echoed_only_if_signed(receiver, queue):
    headers, body = as_json(payload("url_verification"))
    answer = receiver.handle(headers, body)
    assert answer.status == 200
    assert json.loads(answer.body) == {"challenge": payload("url_verification")["challenge"]}
    for unsigned in ([JSON], [JSON, *signed(b"other")[1:]]):
        refused = receiver.handle(unsigned, body)
        assert refused.status == 401
        assert b"3eZbrw" not in refused.body
    assert queue.items == []


def test_ssl_check_has_no_effect(receiver, queue):
    assert receiver.handle(*as_form({"ssl_check": "1", "token": "x"})).status == 200
    assert receiver.handle([FORM], b"ssl_check=1&token=x").status == 401
    assert queue.items == []


def test_what_is_not_slacks_has_no_effect_and_leaves_nothing_behind(
    receiver, queue, no_network, caplog
):
    caplog.set_level(logging.DEBUG)
    headers, body = as_json(payload("app_mention"))
    wrong = [headers[0], headers[1], (headers[2][0], "v0=" + "a" * 64)]
    began = time.monotonic()
    for bad, sent, status in [
        (wrong, body, 401),
        ([JSON], body, 401),
        ([], b"", 401),
        ([JSON, (headers[1][0], "soon"), headers[2]], body, 401),
        (headers, b"x" * 5_000_000, 413),
        ([JSON], b"[" * 1_000_000, 401),
        (signed(b"[" * 1_000_000), b"[" * 1_000_000, 400),
        (signed(b"{}", ("Content-Type", "text/html")), b"{}", 415),
        (signed(b"\xff"), b"\xff", 400),
    ]:
        assert receiver.handle(bad, sent).status == status
    assert time.monotonic() - began < 1
    assert queue.items == []
    said = " ".join(record.getMessage() for record in caplog.records)
    for secret in ("tea", "v0=", "aaaa", SECRET, TOKEN):
        assert secret not in said


def test_nothing_that_people_write_is_logged(receiver, queue, caplog):
    caplog.set_level(logging.DEBUG)
    for error in (None, StoreError("tea"), RuntimeError("how do I take tea")):
        queue.error = error
        receiver.handle(*as_json(payload("app_mention")))
        receiver.handle(*form_of("slash_model"))
        receiver.handle(*as_action(payload("action_up")))
    said = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert "StoreError" in said
    assert "RuntimeError" in said
    for secret in ("tea", "sonnet", "hooks.slack.com", SECRET, TOKEN):
        assert secret not in said


def test_an_unknown_workspace_has_no_effect(queue):
    receiver = receiver_of(queue, allowed_tenants=frozenset({"T000"}))
    assert receiver.handle(*as_json(payload("app_mention"))).status == 200
    assert receiver.handle(*as_action(payload("action_up"))).status == 200
    answer = receiver.handle(*form_of("slash_model"))
    assert (answer.status, answer.body.decode()) == (200, phrase("reply.not_this_workspace"))
    assert queue.items == []


def test_a_known_workspace_counts_whoever_asks_in_a_shared_channel(queue):
    receiver = receiver_of(queue, allowed_tenants=frozenset({"T061EG9R6"}))
    for name in ("app_mention", "app_mention_shared_channel"):
        assert receiver.handle(*as_json(payload(name))).status == 200
    assert receiver.handle(*form_of("slash_model")).body == b""
    assert receiver.handle(*as_action(payload("action_up"))).status == 200
    assert len(queue.items) == 4


def test_a_workspace_cannot_be_borrowed(queue):
    """The workspace that is checked is the one that the question will belong to."""
    receiver = receiver_of(queue, allowed_tenants=frozenset({"T061EG9R6"}))
    body = payload("app_mention")
    body["authorizations"][0]["team_id"] = "T000"
    assert receiver.handle(*as_json(body)).status == 200
    assert queue.items == []


@pytest.mark.parametrize("missing", ["signing_secret", "bot_token"])
def test_it_does_not_start_without_its_secrets(queue, missing):
    secrets = {"signing_secret": SECRET, "bot_token": TOKEN, missing: " "}
    with pytest.raises(ValueError, match=missing.replace("_", " ")):
        Receiver(
            signing_secret=secrets["signing_secret"],
            bot_token=secrets["bot_token"],
            api_url=NOWHERE,
            enqueue=queue,
        )


def test_the_environment_does_not_change_what_bolt_does(queue, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.setenv(name, "something")
    receiver = receiver_of(queue)
    assert receiver.handle(*as_json(payload("app_mention"))).status == 200
    assert len(queue.items) == 1
    assert caplog.records == []
    assert list(tmp_path.iterdir()) == []


def test_socket_mode_has_the_same_listeners(receiver, queue):
    for name in ("app_mention", "slash_model", "action_up"):
        receiver.bolt.dispatch(BoltRequest(body=payload(name), mode="socket_mode"))
    over_socket = list(queue.items)
    queue.items.clear()
    receiver.handle(*as_json(payload("app_mention")))
    receiver.handle(*form_of("slash_model"))
    receiver.handle(*as_action(payload("action_up")))
    assert over_socket == queue.items


def test_a_socket_uses_our_app_and_calls_nobody_before_it_connects(receiver, no_network):
    handler = socket_mode(receiver, "xapp-1")
    try:
        assert handler.app is receiver.bolt
        assert handler.client.web_client.base_url == NOWHERE
    finally:
        handler.client.close()


RECORDED = [json.loads(path.read_text()) for path in sorted(PAYLOADS.glob("*.json"))]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_signed_payload_brings_the_receiver_down(data):
    body = json.loads(json.dumps(data.draw(st.sampled_from(RECORDED))))
    holder = body
    key = data.draw(st.sampled_from(sorted(holder)))
    if isinstance(holder[key], dict) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder)))
    holder[key] = data.draw(st.sampled_from([None, 0, 1.5, True, "", "x", [], ["x"], {}, [[]]]))
    assert SHARED.handle(*as_json(body)).status in (200, 400, 404, 503)


SHARED = receiver_of(Queue())
"""One for all examples: what they queue is of no interest."""


def test_the_receiver_imports_nothing_that_answers():
    code = (
        "import sys, bots.slack.app\n"
        "heavy = {'boto3', 'botocore', 'aiohttp', 'langchain_core', 'langchain_aws', 'markdown_it',"
        " 'opensearchpy', 'numpy', 'pydantic', 'core.turn.assistant',"
        " 'core.values.models', 'core.streaming.markdown.presentable'}\n"
        "print(sorted(heavy & {*sys.modules}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert out.stdout.strip() == "[]"
