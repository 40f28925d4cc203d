"""Who may speak to us."""

import time

import pytest

from bots.slack.inbound.verify import LARGEST, RequestRejected, payload_of, verify
from bots.wire.nesting import DEEPEST
from tests.support.slack_requests import FORM, JSON, NOW, SECRET, signature, signed

BODY = b'{"type": "event_callback"}'


def status_of(headers, body=BODY, now=NOW):
    try:
        verify(headers, body, SECRET, now)
    except RequestRejected as exc:
        return exc.status
    return 200


def with_header(name, *values):
    kept = [(k, v) for k, v in signed(BODY) if k.lower() != name.lower()]
    return [*kept, *((name, value) for value in values)]


def test_a_request_that_slack_signed_counts():
    assert status_of(signed(BODY)) == 200


def test_header_names_count_in_any_case():
    assert status_of([(k.upper(), v) for k, v in signed(BODY)]) == 200
    assert status_of([(k.lower(), v) for k, v in signed(BODY)]) == 200


def test_slacks_own_published_example_counts():
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
        b"G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command="
        b"%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J"
        b"%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id="
        b"398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    example = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    headers = [("X-Slack-Request-Timestamp", "1531420618"), ("X-Slack-Signature", example)]
    verify(headers, body, secret, 1531420618)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "v0=",
        "v0=" + "0" * 64,
        "v1=" + signature(BODY)[3:],
        signature(BODY)[3:],
        signature(BODY)[:-1],
        signature(BODY) + "0",
        signature(BODY) + "\n",
        signature(BODY).upper(),
        "v0=" + "é" * 64,
        "v0=" + "٣" * 64,
        signature(BODY, secret="another"),
        signature(BODY, timestamp=str(NOW - 1)),
        signature(BODY + b" "),
    ],
)
def test_a_wrong_signature_does_not_count(value):
    assert status_of(with_header("X-Slack-Signature", value)) == 401


@pytest.mark.parametrize(
    "value", ["", "now", "1e9", "-1", "+1", " ", "٣" * 10, "1531420618.0", "9" * 5000, "1_0", "nan"]
)
def test_a_timestamp_that_is_no_plain_number_does_not_count(value):
    headers = [
        JSON,
        ("X-Slack-Request-Timestamp", value),
        ("X-Slack-Signature", signature(BODY, value)),
    ]
    assert status_of(headers) == 401


@pytest.mark.parametrize("name", ["X-Slack-Signature", "X-Slack-Request-Timestamp"])
def test_a_missing_or_doubled_header_does_not_count(name):
    right = dict(signed(BODY))[name]
    assert status_of(with_header(name)) == 401
    assert status_of(with_header(name, right, right)) == 401
    assert status_of([*with_header(name, right), (name.lower(), "other")]) == 401


@pytest.mark.parametrize(("off", "status"), [(300, 200), (-300, 200), (301, 401), (-301, 401)])
def test_a_timestamp_counts_for_five_minutes_either_way(off, status):
    assert status_of(signed(BODY), now=NOW + off) == status


def test_a_body_beyond_the_limit_is_refused_before_it_is_hashed():
    assert status_of(signed(b""), b"x" * (LARGEST + 1)) == 413
    assert status_of(signed(b""), b"x" * (5 * LARGEST)) == 413


def unreadable(body, *kinds):
    with pytest.raises(RequestRejected) as caught:
        payload_of(list(kinds) or [JSON], body)
    return caught.value.status


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000],
)
def test_what_is_no_json_object_is_refused(body):
    assert unreadable(body) == 400


def test_nesting_is_bounded_and_brackets_in_strings_do_not_nest():
    deep = b'{"a":' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}"
    assert payload_of([JSON], deep)
    assert unreadable(deep.replace(b"[]", b"[[]]")) == 400
    quoted = b'{"a": "' + b"[{" * 1000 + b'\\"[[["}'
    assert payload_of([JSON], quoted)["a"].startswith("[{")


@pytest.mark.parametrize(
    "body", [b"[" * LARGEST, b'{"a":"' + b'\\"' * (LARGEST // 2), b'"' * LARGEST, b"[]," * 300_000]
)
def test_the_worst_body_is_refused_within_a_second(body):
    began = time.process_time()
    assert unreadable(body) == 400
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "kinds",
    [
        [("Content-Type", "text/plain")],
        [("Content-Type", "")],
        [("Content-Type", "multipart/form-data; boundary=x")],
        [("Content-Type", "application/json, text/plain")],
        [JSON, FORM],
        [("X-Other", "application/json")],
    ],
)
def test_any_other_content_type_is_refused(kinds):
    assert unreadable(b"{}", *kinds) == 415


def test_content_types_may_name_a_charset():
    assert payload_of([("content-type", "Application/JSON; charset=utf-8")], b'{"a": 1}')
    assert payload_of([("content-type", f"{FORM[1]};charset=UTF-8")], b"a=1") == {"a": "1"}


def test_a_form_is_a_commands_fields_or_an_interactions_payload():
    assert payload_of([FORM], b"command=%2Fmodel&text=") == {"command": "/model", "text": ""}
    assert payload_of([FORM], b"payload=%7B%22type%22%3A+%22x%22%7D") == {"type": "x"}
    assert payload_of([FORM], b"text=the+payload+of+it") == {"text": "the payload of it"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"payload=",
        b"payload=[]",
        b"payload={",
        b"payload=%7B%7D&payload=%7B%7D",
        b"text=a&text=b",
        b"&".join(b"a%d=1" % n for n in range(200)),
        b"payload=" + b"%5B" * 5000,
    ],
)
def test_a_form_that_is_not_slacks_is_refused(body):
    assert unreadable(body, FORM) == 400
