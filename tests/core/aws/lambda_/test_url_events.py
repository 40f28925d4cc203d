"""Requests to a function URL."""

import base64

import pytest
from botocore.exceptions import EndpointConnectionError

from core.aws.lambda_.url_events import Request, answered, request_of
from core.runtime.http import Response
from core.runtime.settings import SettingsError

PATH = "/slack/events"


def event(method="POST", path=PATH, body="{}", encoded=False, **headers):
    return {
        "rawPath": path,
        "headers": {"content-type": "application/json", **headers},
        "requestContext": {"http": {"method": method, "path": path}},
        "body": body,
        "isBase64Encoded": encoded,
    }


def test_a_request_is_read_as_it_came():
    found = request_of(event(body="한", **{"x-slack-signature": "v0=1"}))
    assert found == Request(
        "POST",
        PATH,
        (("content-type", "application/json"), ("x-slack-signature", "v0=1")),
        "한".encode(),
    )


def test_an_encoded_body_is_decoded():
    body = base64.b64encode(b"\xff\x00").decode()
    assert request_of(event(body=body, encoded=True)).body == b"\xff\x00"


def test_a_request_without_a_body_has_an_empty_one():
    asked = event("GET")
    del asked["body"]
    assert request_of(asked).body == b""


@pytest.mark.parametrize(
    "asked, status",
    [
        (event("GET"), 405),
        (event("GET", "/healthz"), 200),
        (event("POST", "/healthz"), 404),
        (event(path="/"), 404),
        (event(path="/slack/events/more"), 404),
        (event(body="%%%", encoded=True), 400),
        (event(body="\ud800"), 400),
    ],
)
def test_what_is_not_for_the_receiver_never_gets_to_it(asked, status):
    def receive(_):
        raise AssertionError("it was received")

    assert answered(asked, PATH, receive)["statusCode"] == status


def test_what_the_receiver_says_is_answered():
    said = answered(event(), PATH, lambda _: Response(200, (("x", "y"),), b"\xffbytes"))
    assert said["statusCode"] == 200
    assert said["headers"] == {"x": "y"}
    assert base64.b64decode(said["body"]) == b"\xffbytes"
    assert said["isBase64Encoded"] is True


@pytest.mark.parametrize(
    "error",
    [SettingsError(["SLACK_BOT_TOKEN is not set."]), EndpointConnectionError(endpoint_url="u")],
)
def test_a_receiver_that_cannot_be_built_has_the_request_sent_again(error, caplog):
    def receive(_):
        raise error

    assert answered(event(body='{"text": "secret"}'), PATH, receive)["statusCode"] == 503
    assert "secret" not in caplog.text
