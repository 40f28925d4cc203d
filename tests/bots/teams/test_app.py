"""Teams' requests in: what is queued, what is answered, and that nothing else happens."""

import asyncio
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.teams.api.hosts import Hosts
from bots.teams.app import Receiver
from bots.teams.inbound.auth import Authenticator, SigningKeys
from bots.teams.inbound.parse import parse
from core.values.conversation import Command, Incoming
from local.teams.services.signing import Signer
from tests.support.fakes import FakeTurns, Outage
from tests.support.teams_activities import BOT, PAYLOADS, payload

RECORDED = sorted(path.stem for path in PAYLOADS.glob("*.json"))
TENANT = payload("channel_post")["conversation"]["tenantId"]
SECRET = "the secret plan"


class Scene:
    """A receiver of one bot, with what it queued."""

    def __init__(self):
        self.signer = Signer(BOT)
        self.outage = Outage()
        self.turns = FakeTurns(self.outage)

        async def fetch(url):
            keys = self.signer.published()
            return keys if url.endswith("keys") else {"jwks_uri": "https://x.example/keys"}

        authenticator = Authenticator(
            BOT,
            SigningKeys("https://x.example/openid", fetch, lambda: 0.0),
            tenants=frozenset({TENANT}),
            hosts=Hosts(["smba.trafficmanager.net"]),
        )
        self.receiver = Receiver(BOT, authenticator, self.turns.enqueue_blocking)

    async def send(self, body, headers=None):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if headers is None:
            service = body.get("serviceUrl", "") if isinstance(body, dict) else ""
            headers = [("Authorization", f"Bearer {self.signer.token(str(service))}")]
        return await self.receiver.handle(headers, raw)


@pytest.fixture
def scene():
    return Scene()


async def test_a_question_is_queued_and_acknowledged(scene):
    answer = await scene.send(payload("channel_post"))
    assert (answer.status, answer.body) == (200, b"")
    (item,) = scene.turns.items
    assert isinstance(item, Incoming)
    assert item.text == "is **Bot** better than RoBot?"


async def test_the_same_activity_twice_in_parallel_is_one_turn(scene):
    await asyncio.gather(*(scene.send(payload("channel_post")) for _ in range(5)))
    assert len(scene.turns.items) == 1


@pytest.mark.parametrize("name", RECORDED)
async def test_every_recorded_activity_is_acknowledged(scene, name):
    answer = await scene.send(payload(name))
    assert answer.status == 200
    assert len(scene.turns.items) <= 1


@pytest.mark.parametrize("name", RECORDED)
async def test_what_is_queued_is_what_the_activity_says(scene, name):
    await scene.send(payload(name))
    found = parse(payload(name), BOT)
    assert scene.turns.items == ([] if found is None else [found])


@pytest.mark.parametrize("kind", ["", "event", "handoff", "trace", "x" * 500, 7, None, []])
async def test_a_type_that_is_not_known_has_no_effect(scene, kind):
    answer = await scene.send({**payload("channel_post"), "type": kind})
    assert answer.status in (200, 400)
    assert scene.turns.items == []


@pytest.mark.parametrize("name", ["channel_post", "invoke_action"])
@pytest.mark.parametrize(
    "change",
    [
        {"entities": ["x"]},
        {"entities": "x"},
        {"attachments": {"a": 1}},
        {"timestamp": 7},
        {"timestamp": "9999-12-31T23:59:59-14:00"},
        {"from": [["x"]]},
        {"textHighlights": 7},
    ],
)
async def test_what_botbuilder_cannot_read_is_refused_without_effect(scene, name, change):
    assert (await scene.send({**payload(name), **change})).status == 400
    assert scene.turns.items == []


@pytest.mark.parametrize("name", ["channel_post", "invoke_action"])
@pytest.mark.parametrize("claims", [{"exp": None}, {"nbf": None}, {"aud": "x"}, {"iss": "x"}])
async def test_a_request_with_a_bad_token_has_no_effect(scene, name, claims):
    body = payload(name)
    token = scene.signer.token(body["serviceUrl"], **claims)
    answer = await scene.send(body, [("Authorization", f"Bearer {token}")])
    assert (answer.status, answer.body) == (401, b"")
    assert scene.turns.items == []


async def test_a_cards_action_is_answered_as_its_protocol_wants(scene):
    answer = await scene.send(payload("invoke_action"))
    assert answer.status == 200
    assert json.loads(answer.body)["statusCode"] == 200
    (item,) = scene.turns.items
    assert isinstance(item, Command)
    scene.outage.down = True
    answer = await scene.send({**payload("invoke_action"), "id": "f:2"})
    told = json.loads(answer.body)
    assert (answer.status, told["statusCode"]) == (200, 503)
    assert "Try again" in told["value"]["message"]


@pytest.mark.parametrize(("reaction", "value"), [("like", "up"), ("dislike", "down")])
async def test_a_thumb_of_teams_own_is_a_rating_and_answered_with_an_empty_object(
    scene, reaction, value
):
    rated = {"reaction": reaction, "feedback": '{"feedbackText":"good"}'}
    name = {"name": "message/submitAction"}
    said = {"value": {"actionName": "feedback", "actionValue": rated}}
    answer = await scene.send({**payload("invoke_action"), **name, **said})
    assert (answer.status, json.loads(answer.body)) == (200, {})
    (item,) = scene.turns.items
    assert (item.name, item.argument) == ("feedback", value)
    assert item.target == payload("invoke_action")["replyToId"]
    for odd in ({}, {"actionName": "other"}, {"actionName": "feedback", "actionValue": 7}):
        assert (await scene.send({**payload("invoke_action"), **name, "value": odd})).status == 404


async def test_an_invoke_that_is_not_ours_is_no_fault_of_the_server(scene):
    body = {**payload("invoke_action"), "name": "composeExtension/query"}
    assert (await scene.send(body)).status == 404
    assert scene.turns.items == []


async def test_a_cards_action_that_is_not_ours_is_refused_in_its_own_protocol(scene):
    body = {**payload("invoke_action"), "value": {"action": {"data": {"other": "app"}}}}
    answer = await scene.send(body)
    told = json.loads(answer.body)
    assert (answer.status, told["statusCode"]) == (200, 400)
    assert told["type"] == "application/vnd.microsoft.error"
    assert scene.turns.items == []


async def test_what_could_not_be_queued_comes_again(scene):
    scene.outage.down = True
    assert (await scene.send(payload("channel_post"))).status == 503
    scene.outage.down = False
    assert (await scene.send(payload("channel_post"))).status == 200
    assert len(scene.turns.items) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"7", 400),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
        (b"[" * 100_000, 400),
        (b'{"a":"' + b"x" * 5_000_000 + b'"}', 413),
        (b"{}", 401),
    ],
)
async def test_what_cannot_be_read_is_refused(scene, body, status):
    headers = [("Authorization", f"Bearer {scene.signer.token('https://x')}")]
    assert (await scene.send(body, headers)).status == status
    assert scene.turns.items == []


async def test_without_a_token_nothing_is_read(scene):
    assert (await scene.send(b"{", [])).status == 401
    assert (await scene.send(payload("channel_post"), [])).status == 401
    assert scene.turns.items == []


async def test_nothing_of_a_request_is_in_the_log(scene, caplog):
    caplog.set_level(logging.DEBUG)
    body = {**payload("channel_post"), "text": SECRET, "attachments": []}
    headers = [("Authorization", f"Bearer {scene.signer.token(body['serviceUrl'], aud='x')}")]
    await scene.send(body, headers)
    await scene.send(body)
    scene.outage.down = True
    await scene.send(body)
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert SECRET not in said
    assert headers[0][1].split()[1] not in said
    assert body["from"]["name"] not in said


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
KEYS = ("entities", "attachments", "from", "recipient", "text", "timestamp", "value", "channelData")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_shape_of_an_activity_is_answered_500(data):
    body = payload(data.draw(st.sampled_from(RECORDED)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.sampled_from(KEYS))] = data.draw(JUNK)

    async def main():
        return (await Scene().send(body)).status

    assert asyncio.run(main()) in (200, 400, 401, 404)


def test_it_refuses_to_start_without_an_app():
    with pytest.raises(ValueError, match="id is empty"):
        Receiver("", None, FakeTurns().enqueue_blocking)
