"""Our own tokens, and what answers of Microsoft mean."""

import asyncio
import base64
import hashlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from bots.teams.api.hosts import Hosts
from bots.teams.api.refusals import StreamRefused
from bots.teams.api.tokens import CONNECTOR, Tokens, asserted
from bots.teams.api.web import Web, error
from bots.wire.addresses import PublicResolver, connector
from bots.wire.refusals import Malformed
from core.ports.chat import Forbidden, Gone, RateLimited, TooLong, Unreachable
from core.wording.user_messages import need
from local.aws import free_port
from tests.support.world import served


class Login:
    """Sign-in, which answers as told."""

    def __init__(self):
        self.asked = []
        self.status = 200
        self.body = {"access_token": "t", "expires_in": 3600}
        self.now = 0.0

    async def token(self, request):
        self.asked.append(dict(await request.post()))
        await asyncio.sleep(0.01)
        body = self.body
        if isinstance(body, bytes):  # as it is
            return web.Response(body=body, status=self.status)
        if isinstance(body, dict) and "access_token" in body:
            body = {**body, "access_token": f"t{len(self.asked)}"}
        return web.json_response(body, status=self.status)


@asynccontextmanager
async def tokens_at(login, password="pa55"):
    app, port = web.Application(), free_port()
    app.add_routes([web.post("/tenant/oauth2/v2.0/token", login.token)])
    async with served(app, port), aiohttp.ClientSession() as http:
        yield Tokens(
            login_url=f"http://127.0.0.1:{port}",
            tenant="tenant",
            app_id="app",
            password=password,
            http=http,
            clock=lambda: login.now,
        )


async def test_many_who_wait_share_one_request_and_the_hour_costs_one():
    login = Login()
    async with tokens_at(login) as tokens:
        found = await asyncio.gather(*(tokens.of(CONNECTOR) for _ in range(200)))
        for _ in range(1000):
            login.now += 3
            found.append(await tokens.of(CONNECTOR))
    assert set(found) == {"t1"}
    (asked,) = login.asked
    assert asked == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "scope": CONNECTOR,
        "client_secret": "pa55",
    }


async def test_many_who_wait_share_a_failure_and_the_next_one_asks_again():
    login = Login()
    login.status = 503
    async with tokens_at(login) as tokens:
        asked = (tokens.of(CONNECTOR) for _ in range(200))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in found} == {Unreachable}
        assert len(login.asked) == 1
        with pytest.raises(Unreachable):
            await tokens.of(CONNECTOR)
        login.status = 200
        assert await tokens.of(CONNECTOR) == "t3"


async def test_a_token_is_renewed_before_it_ends_and_at_once_if_it_was_refused():
    login = Login()
    async with tokens_at(login) as tokens:
        assert await tokens.of("a") == "t1"
        login.now = 3301
        assert await tokens.of("a") == "t2"
        tokens.refused("a", "t1")  # not the one we have
        assert await tokens.of("a") == "t2"
        tokens.refused("a", "t2")
        assert await tokens.of("a") == "t3"
        assert await tokens.of("b") == "t4"


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, {"error": "invalid_request"}, Forbidden),
        (401, {"error": "invalid_client"}, Forbidden),
        (429, {}, Unreachable),
        (503, {}, Unreachable),
        (200, {}, Unreachable),
        (200, [], Unreachable),
        (200, {"access_token": "x", "expires_in": "soon"}, Unreachable),
        (200, b'{"access_token": null, "expires_in": 3600}', Unreachable),
        (200, b'{"access_token": " ", "expires_in": 3600}', Unreachable),
        (200, b"<html>", Unreachable),
    ],
)
async def test_no_token_is_told_apart_by_whose_fault_it_is(status, body, fault):
    login = Login()
    login.status, login.body = status, body
    async with tokens_at(login) as tokens:
        with pytest.raises(fault) as refused:
            await tokens.of("a")
    if fault is Forbidden:
        assert "MICROSOFT_APP_PASSWORD" in need(refused.value.needs)


async def test_sign_in_that_is_away_is_unreachable():
    async with aiohttp.ClientSession() as http:
        tokens = Tokens(
            login_url=f"http://127.0.0.1:{free_port()}",
            tenant="t",
            app_id="a",
            password="p",
            http=http,
            clock=lambda: 0.0,
        )
        with pytest.raises(Unreachable):
            await tokens.of("a")


@pytest.fixture(scope="module")
def certificate():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "parley")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return made, pem + made.public_bytes(serialization.Encoding.PEM).decode()


async def test_a_certificate_signs_who_we_are(certificate):
    made, pem = certificate
    login = Login()
    async with tokens_at(login, pem) as tokens:
        assert await tokens.of("a") == "t1"
    assertion = login.asked[0]["client_assertion"]
    assert "client_secret" not in login.asked[0]
    digest = hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).digest()
    header = jwt.get_unverified_header(assertion)
    assert header["x5t#S256"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    claims = jwt.decode(
        assertion,
        made.public_key(),
        ["PS256"],
        options={"verify_aud": False},
    )
    assert claims["aud"].endswith("/tenant/oauth2/v2.0/token")
    assert (claims["iss"], claims["sub"]) == ("app", "app")


@pytest.mark.parametrize("pem", ["-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", ""])
def test_a_certificate_that_cannot_be_used_is_named(pem):
    with pytest.raises(Forbidden) as refused:
        asserted(pem, "app", "https://x.example")
    assert "MICROSOFT_APP_PASSWORD" in need(refused.value.needs)


@pytest.mark.parametrize(
    ("method", "status", "headers", "code", "kind"),
    [
        ("PUT", 429, {"Retry-After": "12"}, "", RateLimited),
        ("POST", 412, {}, "", RateLimited),
        ("PUT", 502, {"Retry-After": "12"}, "", RateLimited),
        ("POST", 502, {"Retry-After": "12"}, "", Unreachable),
        ("PUT", 504, {}, "", Unreachable),
        ("POST", 500, {}, "ServiceError", Unreachable),
        ("POST", 404, {}, "ConversationNotFound", Gone),
        ("POST", 413, {}, "MessageSizeTooBig", TooLong),
        ("POST", 403, {}, "NotAllowed", Forbidden),
        ("POST", 403, {}, "ContentStreamNotAllowed", StreamRefused),
        ("POST", 400, {}, "BadArgument", Malformed),
        ("GET", 401, {}, "", Forbidden),
    ],
)
def test_what_a_refusal_means(method, status, headers, code, kind):
    found = error(method, status, headers, {"error": {"code": code, "message": "why"}}, "a right")
    assert type(found) is kind
    if kind is RateLimited:
        assert found.retry_after == (12 if headers else 1)
    if kind is Forbidden:
        assert found.needs == ("" if code == "NotAllowed" else "a right")


@pytest.mark.parametrize("data", [{}, {"error": "x"}, {"error": None}, {"error": {"code": 7}}])
def test_a_refusal_of_an_odd_shape_is_one_all_the_same(data):
    assert isinstance(error("POST", 403, {}, data), Forbidden)


async def test_a_call_is_made_once_more_with_a_new_token_when_it_was_refused():
    login, seen = Login(), []

    async def answer(request):
        seen.append(request.headers["Authorization"])
        return web.json_response({"id": "1"}, status=200 if "t2" in seen[-1] else 401)

    app, port = web.Application(), free_port()
    app.add_routes([web.post("/x", answer)])
    async with served(app, port), tokens_at(login) as tokens, aiohttp.ClientSession() as http:
        found = await Web(http, tokens, "a").call("POST", f"http://127.0.0.1:{port}/x", {})
    assert found.data == {"id": "1"}
    assert seen == ["Bearer t1", "Bearer t2"]


async def test_a_call_that_is_refused_twice_is_not_made_a_third_time():
    login, seen = Login(), []

    async def answer(request):
        seen.append(request.headers["Authorization"])
        return web.json_response({}, status=401)

    app, port = web.Application(), free_port()
    app.add_routes([web.post("/x", answer)])
    async with served(app, port), tokens_at(login) as tokens, aiohttp.ClientSession() as http:
        with pytest.raises(Forbidden):
            await Web(http, tokens, "a").call("POST", f"http://127.0.0.1:{port}/x", {})
    assert seen == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://smba.trafficmanager.net/emea/", True),
        ("https://SMBA.trafficmanager.net:443/", True),
        ("http://127.0.0.1:7000/x", True),
        ("http://127.0.0.1:7001/x", False),
        ("http://smba.trafficmanager.net/", False),
        ("https://smba.trafficmanager.net:8443/", False),
        ("https://smba.trafficmanager.net.evil.example/", False),
        ("https://smba.trafficmanager.net@evil.example/", False),
        ("https://evil.example\\@smba.trafficmanager.net/", False),
        ("https://evil.example/?smba.trafficmanager.net", False),
        ("https://smba.trafficmanager.net:x/", False),
        ("ftp://smba.trafficmanager.net/", False),
        ("//smba.trafficmanager.net/", False),
        ("", False),
    ],
)
def test_where_a_token_may_go(url, good):
    assert Hosts(["smba.trafficmanager.net", "127.0.0.1:7000"]).allow(url) is good


class Names:
    def __init__(self, *addresses):
        self.addresses = addresses

    async def resolve(self, host, port=0, family=0):
        return [{"host": each, "hostname": host, "port": port} for each in self.addresses]

    async def close(self):
        pass


@pytest.mark.parametrize(
    ("addresses", "left"),
    [
        (["52.1.2.3"], 1),
        (["52.1.2.3", "10.0.0.1"], 1),
        (["2606:4700::1"], 1),
        (["10.0.0.1"], 0),
        (["192.168.1.1", "172.16.0.1"], 0),
        (["169.254.169.254"], 0),
        (["127.0.0.1"], 0),
        (["::1"], 0),
        (["fd00::1"], 0),
        (["fe80::1%eth0"], 0),
        (["0.0.0.0"], 0),
        (["::ffff:169.254.169.254"], 0),
        (["64:ff9b::a9fe:a9fe"], 0),
        (["64:ff9b:1::a00:1"], 0),
        (["2002:a9fe:a9fe::1"], 0),
        (["::a9fe:a9fe"], 0),
        (["100.64.0.1"], 0),
        (["224.0.0.1"], 0),
        (["ff0e::1"], 0),
        ([], 0),
    ],
)
async def test_names_that_lead_to_private_addresses_lead_nowhere(addresses, left):
    resolver = PublicResolver(inner=Names(*addresses))
    if left:
        assert len(await resolver.resolve("x.example", 443)) == left
    else:
        with pytest.raises(OSError, match="public"):
            await resolver.resolve("x.example", 443)


async def test_this_machine_is_reached_only_where_the_settings_name_it():
    local = PublicResolver(["localhost", "evil.example"], Names("127.0.0.1"))
    assert await local.resolve("localhost", 80)
    with pytest.raises(OSError, match="public"):
        await local.resolve("evil.example", 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "localhost"])
async def test_an_address_written_as_numbers_is_checked_like_a_name(host):
    """aiohttp asks no resolver for these."""
    reached = []

    async def answer(request):
        reached.append(request.path)
        return web.json_response({})

    app, port = web.Application(), free_port()
    app.add_routes([web.get("/x", answer)])
    public = connector(["https://login.example"])
    async with served(app, port), aiohttp.ClientSession(connector=public) as http:
        with pytest.raises((OSError, aiohttp.ClientError)):
            await http.get(f"http://{host}:{port}/x")
    local = connector([f"http://127.0.0.1:{port}"])
    async with served(app, port), aiohttp.ClientSession(connector=local) as http:
        response = await http.get(f"http://127.0.0.1:{port}/x")
        assert await response.json() == {}
    assert reached == ["/x"]
