"""Slack's payloads with odd fields: acknowledged, whatever they hold, and fit for the queue."""

import json
import logging

import pytest

from bots.slack.app import Receiver
from core.aws.access.fifo import group
from core.aws.sqs.turns import BODY_LIMIT, body
from core.values.conversation import loads
from core.wording.catalogue import phrase
from tests.support.odd import RAW, odd
from tests.support.slack_requests import FORM, NOW, PAYLOADS, SECRET, as_form, payload, signed

RECORDED = sorted(path.stem for path in PAYLOADS.glob("*.json"))
FORMS = [name for name in RECORDED if name.startswith("slash")]
LONGEST_KEY = 1_000
"""Bytes of an event's id that fit into a key of the table, which holds 1,024."""


def receiver_of(enqueue):
    return Receiver(
        signing_secret=SECRET,
        bot_token="xoxb-not-a-token",
        api_url="http://127.0.0.1:9/api/",
        enqueue=enqueue,
        clock=lambda: NOW,
    )


def queued(item):
    """What the worker reads of what a receiver queues is what was queued."""
    text = body(item)
    assert len(text.encode()) <= BODY_LIMIT
    assert loads(text).event_id == item.event_id
    assert len(item.event_id.encode()) <= LONGEST_KEY
    assert group(item)


def request_of(name, text):
    if name.startswith("action"):
        return as_form({"payload": text})
    raw = text.encode()
    return signed(raw), raw


def test_every_odd_field_is_acknowledged():
    receiver = receiver_of(queued)
    seen = set()
    failed = [
        f"{name}: {each.says}"
        for name in RECORDED
        if name not in FORMS
        for each in odd(payload(name), seen)
        if receiver.handle(*request_of(name, each.text)).status != 200
    ]
    assert failed == []


@pytest.mark.parametrize("name", FORMS)
def test_every_odd_field_of_a_command_is_acknowledged(name):
    said = []
    receiver = receiver_of(queued)
    recorded = payload(name)
    for field in recorded:
        for odd_value in [*(json.loads(raw) for raw in RAW.values()), "x" * 300_000, "9" * 5000]:
            value = odd_value if isinstance(odd_value, str) else json.dumps(odd_value)
            sent = value.encode("utf-8", "replace").decode()
            answer = receiver.handle(*as_form({**recorded, field: sent}))
            said.append((answer.status, answer.body.decode()))
        short = {key: value for key, value in recorded.items() if key != field}
        said.append((receiver.handle(*as_form(short)).status, ""))
    assert {status for status, _ in said} == {200}
    assert phrase("reply.later") not in {text for _, text in said}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_a_payload_that_is_no_object_is_refused_and_not_asked_for_again(raw):
    receiver = receiver_of(queued)
    assert receiver.handle(*request_of("action", raw)).status in (200, 400)
    assert receiver.handle(signed(raw.encode()), raw.encode()).status in (200, 400)
    form = b"payload=%5B" + b"x" * 10
    assert receiver.handle(signed(form, FORM), form).status == 400


@pytest.mark.parametrize("name", ["app_mention", "action_up"])
def test_what_the_queue_can_never_take_is_not_asked_for_again(name, caplog):
    """A request that comes again would be no smaller."""

    def refuse(_):
        raise ValueError("too large to queue: 300000 characters")

    caplog.set_level(logging.INFO)
    text = json.dumps(payload(name))
    assert receiver_of(refuse).handle(*request_of(name, text)).status == 200
    assert "ValueError" in caplog.text
