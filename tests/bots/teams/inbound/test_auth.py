"""Who may speak to the Teams bot: every fault a token can have, and keys that change."""

import asyncio
import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bots.teams.api.hosts import Hosts
from bots.teams.inbound.auth import Authenticator, RequestRejected, SigningKeys
from local.teams.services.signing import Signer

APP = "11111111-2222-3333-4444-555555555555"
TENANT = "aaaaaaaa-2222-3333-4444-555555555555"
SERVICE = "https://smba.trafficmanager.net/emea/"
OPENID = "https://login.botframework.com/v1/.well-known/openidconfiguration"
KEYS = "https://login.botframework.com/v1/.well-known/keys"
ACTIVITY = {
    "type": "message",
    "channelId": "msteams",
    "serviceUrl": SERVICE,
    "conversation": {"id": "19:x", "tenantId": TENANT},
    "channelData": {"tenant": {"id": TENANT}},
}


class Publisher:
    """The Bot Framework's keys; `fetched` counts looks at them."""

    def __init__(self):
        self.signer = Signer(APP)
        self.now = 1000.0
        self.fetched = 0
        self.down = False
        self.jwks = KEYS
        self.change = lambda keys: keys

    async def fetch(self, url):
        await asyncio.sleep(0)
        if self.down:
            raise OSError("down")
        if url == OPENID:
            return {"jwks_uri": self.jwks}
        self.fetched += 1
        return self.change(self.signer.published())

    def authenticator(self, **more):
        keys = SigningKeys(OPENID, self.fetch, lambda: self.now)
        usual = {"tenants": frozenset({TENANT}), "hosts": Hosts(["smba.trafficmanager.net"])}
        return Authenticator(APP, keys, **{**usual, **more})

    def headers(self, **claims):
        return [("Authorization", f"Bearer {self.signer.token(SERVICE, **claims)}")]


@pytest.fixture
def publisher():
    return Publisher()


async def accepted(authenticator, headers, activity=ACTIVITY):
    try:
        await authenticator.check(headers, activity)
    except RequestRejected as exc:
        return exc.status != 401
    return True


async def test_a_good_token_is_accepted(publisher):
    assert await accepted(publisher.authenticator(), publisher.headers())


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Bearer a.b.c")],
        [("Authorization", "Bearer é.b.c")],
        [("Authorization", "Basic dTpw")],
        [("Authorization", "Bearer " + "x" * 20_000)],
        [("Authorization", "Bearer " + "." * 200)],
    ],
)
async def test_a_missing_or_malformed_token_is_refused(publisher, headers):
    assert not await accepted(publisher.authenticator(), headers)


async def test_a_doubled_header_is_refused(publisher):
    assert not await accepted(publisher.authenticator(), publisher.headers() * 2)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"aud": [APP, "other"]},
        {"aud": [APP]},
        {"exp": None},
        {"nbf": None},
        {"exp": "never"},
        {"serviceurl": None},
        {"serviceurl": "https://smba.trafficmanager.net/amer/"},
        {"serviceurl": ""},
    ],
)
async def test_every_claim_must_be_there_and_right(publisher, claims):
    assert not await accepted(publisher.authenticator(), publisher.headers(**claims))


@pytest.mark.parametrize(
    ("claim", "seconds", "good"),
    [("exp", -290, True), ("nbf", 290, True), ("exp", -310, False), ("nbf", 310, False)],
)
async def test_clocks_may_differ_by_five_minutes_and_no_more(publisher, claim, seconds, good):
    """Times are told from the test's own start: the suite may take minutes to come to it."""
    headers = publisher.headers(**{claim: time.time() + seconds})
    assert await accepted(publisher.authenticator(), headers) is good


@pytest.mark.parametrize(
    "change",
    [
        {"serviceUrl": None},
        {"serviceUrl": ""},
        {"serviceUrl": 7},
        {"serviceUrl": "https://smba.trafficmanager.net/amer/"},
        {"channelId": None},
        {"channelId": "emulator"},
        {"channelId": ""},
        {"conversation": {}, "channelData": {}},
        {"conversation": {"tenantId": "other"}},
        {"channelData": {"tenant": {"id": "other"}}},
        {"channelData": {"tenant": {"id": ["x"]}}},
        {"conversation": None, "channelData": None},
    ],
)
async def test_the_activity_must_agree_with_its_token(publisher, change):
    activity = {**ACTIVITY, **change}
    assert not await accepted(publisher.authenticator(), publisher.headers(), activity)


async def test_an_activity_that_leaves_its_service_open_is_not_matched_by_an_open_claim(publisher):
    activity = {k: v for k, v in ACTIVITY.items() if k != "serviceUrl"}
    headers = publisher.headers(serviceurl=None)
    assert not await accepted(publisher.authenticator(), headers, activity)


@pytest.mark.parametrize(
    "service",
    [
        "https://evil.example/",
        "http://smba.trafficmanager.net/emea/",
        "https://smba.trafficmanager.net.evil.example/",
        "https://smba.trafficmanager.net@evil.example/",
        "https://smba.trafficmanager.net:8443/",
        "https://169.254.169.254/",
    ],
)
async def test_a_forged_service_address_is_refused_even_if_its_token_agrees(publisher, service):
    headers = [("Authorization", f"Bearer {publisher.signer.token(service)}")]
    activity = {**ACTIVITY, "serviceUrl": service}
    assert not await accepted(publisher.authenticator(), headers, activity)


async def test_other_algorithms_are_refused(publisher):
    authenticator = publisher.authenticator()
    kid, key = publisher.signer._keys[-1]
    claims = jwt.decode(publisher.signer.token(SERVICE), options={"verify_signature": False})
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signed = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims)}"
    digest = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    confused = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    tokens = [
        jwt.encode(claims, None, "none", {"kid": kid}),
        confused,
        jwt.encode(claims, key, "RS384", {"kid": kid}),
        jwt.encode(claims, stranger, "RS256", {"kid": kid}),
        jwt.encode(claims, key, "RS256"),
        jwt.encode(claims, key, "RS256", {"kid": "unknown"}),
    ]
    for token in tokens:
        assert not await accepted(authenticator, [("Authorization", f"Bearer {token}")])


@pytest.mark.parametrize("endorsements", [[], ["webchat"], None])
async def test_a_key_that_is_not_endorsed_for_teams_is_refused(publisher, endorsements):
    def change(keys):
        return {"keys": [{**each, "endorsements": endorsements} for each in keys["keys"]]}

    publisher.change = change
    assert not await accepted(publisher.authenticator(), publisher.headers())


async def test_a_new_key_works_at_once_on_a_warm_process_and_the_old_one_goes_on(publisher):
    authenticator = publisher.authenticator()
    old = publisher.headers()
    assert await accepted(authenticator, old)
    publisher.now += 61
    publisher.signer.rotate()
    new = publisher.headers()
    found = await asyncio.gather(*(accepted(authenticator, h) for h in [old, new] * 100))
    assert all(found)
    assert publisher.fetched == 2


async def test_unknown_keys_cost_one_look_a_minute_whatever_comes(publisher):
    authenticator = publisher.authenticator()
    assert await accepted(authenticator, publisher.headers())
    _, key = publisher.signer._keys[-1]
    claims = jwt.decode(publisher.signer.token(SERVICE), options={"verify_signature": False})
    forged = [
        [("Authorization", f"Bearer {jwt.encode(claims, key, 'RS256', {'kid': f'k{n}'})}")]
        for n in range(200)
    ]
    for minute in range(3):
        publisher.now += 61
        found = await asyncio.gather(*(accepted(authenticator, each) for each in forged))
        assert not any(found)
        assert publisher.fetched == 2 + minute
    assert await accepted(authenticator, publisher.headers())


async def test_while_the_keys_cannot_be_fetched_known_ones_go_on(publisher):
    authenticator = publisher.authenticator()
    assert await accepted(authenticator, publisher.headers())
    publisher.down = True
    publisher.now += 100_000
    assert await accepted(authenticator, publisher.headers())
    publisher.signer.rotate()
    assert not await accepted(authenticator, publisher.headers())
    publisher.down = False
    publisher.now += 61
    assert await accepted(authenticator, publisher.headers())


async def test_a_process_that_could_not_fetch_keys_at_its_start_tries_again_soon(publisher):
    authenticator = publisher.authenticator()
    publisher.down = True
    assert not await accepted(authenticator, publisher.headers())
    publisher.down = False
    assert not await accepted(authenticator, publisher.headers())
    publisher.now += 3
    assert await accepted(authenticator, publisher.headers())


@pytest.mark.parametrize(
    "keys",
    [{}, {"keys": None}, {"keys": [None]}, {"keys": [{"kty": "RSA", "kid": "x"}]}, {"keys": "x"}],
)
async def test_keys_that_make_no_sense_are_no_keys(publisher, keys):
    publisher.change = lambda _: keys
    assert not await accepted(publisher.authenticator(), publisher.headers())


async def test_a_key_that_cannot_be_read_leaves_the_others(publisher):
    def change(keys):
        return {
            "keys": [{"kty": "RSA", "kid": "x"}, {"kty": "RSA", "kid": "y", "n": 7, "e": 7}]
            + keys["keys"]
        }

    publisher.change = change
    assert await accepted(publisher.authenticator(), publisher.headers())


async def test_keys_are_not_taken_over_an_open_connection(publisher):
    publisher.jwks = "http://login.botframework.com/keys"
    assert not await accepted(publisher.authenticator(), publisher.headers())
    assert publisher.fetched == 0


@pytest.mark.parametrize("tenants", [frozenset(), frozenset({""}), frozenset({"t", " "})])
def test_it_refuses_to_start_without_a_tenant(publisher, tenants):
    with pytest.raises(ValueError, match="tenant"):
        publisher.authenticator(tenants=tenants)


def test_it_refuses_to_start_without_an_app():
    keys = SigningKeys(OPENID, None, time.monotonic)
    with pytest.raises(ValueError, match="id is empty"):
        Authenticator(" ", keys, tenants=frozenset({TENANT}), hosts=Hosts([]))
