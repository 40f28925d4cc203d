"""Teams' activities with odd fields: never a server's error, and fit for the queue."""

import json

import pytest

from bots.teams.api.hosts import Hosts
from bots.teams.app import Receiver
from bots.teams.inbound.auth import Authenticator, SigningKeys
from core.aws.access.fifo import group
from core.aws.sqs.turns import BODY_LIMIT, body
from core.values.conversation import loads
from local.teams.services.signing import Signer
from tests.support.odd import RAW, odd
from tests.support.teams_activities import BOT, PAYLOADS, payload

RECORDED = sorted(path.stem for path in PAYLOADS.glob("*.json"))
TENANT = payload("channel_post")["conversation"]["tenantId"]
SERVICE = payload("channel_post")["serviceUrl"]
LONGEST_KEY = 1_000
"""Bytes of an event's id that fit into a key of the table, which holds 1,024."""
REFUSED = {
    400: "not to be read",
    401: "not of the token's service, tenant or channel",
    404: "an invoke that is not ours",
}


def queued(item):
    text = body(item)
    assert len(text.encode()) <= BODY_LIMIT
    assert loads(text).event_id == item.event_id
    assert len(item.event_id.encode()) <= LONGEST_KEY
    assert group(item)


class Sender:
    def __init__(self, enqueue=queued):
        signer = Signer(BOT)

        async def fetch(url):
            keys = signer.published()
            return keys if url.endswith("keys") else {"jwks_uri": "https://x.example/keys"}

        authenticator = Authenticator(
            BOT,
            SigningKeys("https://x.example/openid", fetch, lambda: 0.0),
            tenants=frozenset({TENANT}),
            hosts=Hosts(["smba.trafficmanager.net"]),
        )
        self.headers = {
            service: [("Authorization", f"Bearer {signer.token(service)}")]
            for service in {payload(name)["serviceUrl"] for name in RECORDED}
        }
        self.receiver = Receiver(BOT, authenticator, enqueue)

    async def send(self, text, service=SERVICE):
        return await self.receiver.handle(self.headers[service], text.encode())


async def test_no_odd_field_is_answered_with_a_servers_error():
    sender = Sender()
    statuses = {}
    seen = set()
    for name in RECORDED:
        for each in odd(payload(name), seen):
            answer = await sender.send(each.text, payload(name)["serviceUrl"])
            statuses.setdefault(answer.status, []).append(f"{name}: {each.says}")
    unexpected = set(statuses) - {200, *REFUSED}
    assert not unexpected, {status: statuses[status][:5] for status in unexpected}
    assert len(statuses[200]) > len(statuses[400])


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
async def test_a_body_that_is_no_activity_is_refused(raw):
    assert (await Sender().send(raw)).status in REFUSED


@pytest.mark.parametrize("name", ["channel_post", "invoke_action"])
async def test_what_the_queue_can_never_take_is_not_asked_for_again(name):
    """A request that comes again would be no smaller."""

    def refuse(_):
        raise ValueError("too large to queue: 300000 characters")

    assert (await Sender(refuse).send(json.dumps(payload(name)))).status in (200, 400)
