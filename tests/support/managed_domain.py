"""A search domain as Amazon serves it: over HTTPS, and only to requests that are signed.

A real node stands behind it. Signatures are reckoned from what came over the wire, by AWS's text:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import datetime
import hashlib
import hmac
import re
import socket
import ssl
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, quote

from aiohttp import ClientSession, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8}/([^/]+)/([^/]+)/aws4_request), "
    r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)
PASSED_ON = ("content-type", "accept", "content-encoding")


KEY, SECRET, TOKEN = "ASIAROLE", "s3cret/of+a role", "token=="


@asynccontextmanager
async def reached(domain, host, port, folder, monkeypatch):
    """Serves as `host`, which is found on this machine, to a role's credentials; yields the URL."""
    found = socket.getaddrinfo

    def here(name, *more, **others):
        return found("127.0.0.1" if name == host else name, *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    async with domain.at(host, port, folder) as certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        yield f"https://{host}:{port}"


class ManagedDomain:
    """`keys`: secrets by access key. `refused` says why, for each request that was."""

    def __init__(self, node, keys):
        self.node = node
        self.keys = keys
        self.served = set()
        self.refused = []

    @asynccontextmanager
    async def at(self, host, port, folder):
        """Serves as `host`; yields the file that its certificate is in."""
        certificate, key = certified(host, folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        async with ClientSession(auto_decompress=False) as self._http:
            yield certificate
        await runner.cleanup()

    async def _handle(self, request):
        body = await request.read()
        wrong = self.wrong(request, body)
        if wrong:
            self.refused.append(f"{request.method} {request.raw_path}: {wrong}")
            return web.json_response({"message": wrong}, status=403)
        return await self.answered(request, body)

    async def answered(self, request, body):
        """What the node says to a request that is signed as it should be.

        "The service ignores parameters passed in URLs for HTTP POST requests that are signed":
        https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-signing-service-requests.html
        """
        headers = {k: v for k, v in request.headers.items() if k.lower() in PASSED_ON}
        path = request.raw_path
        if request.method == "POST":
            path = path.partition("?")[0]
        url = URL(self.node + path, encoded=True)
        async with self._http.request(request.method, url, data=body, headers=headers) as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() in PASSED_ON}
            return web.Response(body=await answer.read(), status=answer.status, headers=kept)

    def wrong(self, request, body):
        """What is wrong with a request's signature; None where it is right."""
        found = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if not found:
            return "not signed"
        key, scope, region, service, signed, signature = found.groups()
        digest = hashlib.sha256(body).hexdigest()
        if request.headers.get("X-Amz-Content-SHA256") != digest:
            return "the body is another"
        if missing := {"host", *_amazons(request.headers)} - {*signed.split(";")}:
            return f"not signed: {', '.join(sorted(missing))}"
        canonical = _canonical(request, signed.split(";"), digest)
        text = "\n".join(
            ("AWS4-HMAC-SHA256", request.headers["X-Amz-Date"], scope, _sha(canonical.encode()))
        )
        secret = f"AWS4{self.keys.get(key, '')}".encode()
        for part in (*scope.split("/"), text):
            secret = hmac.digest(secret, part.encode(), "sha256")
        if not hmac.compare_digest(secret.hex(), signature):
            return "the signature is another"
        self.served.add((region, service, request.method))
        return None


def _amazons(headers):
    return {name.lower() for name in headers if name.lower().startswith("x-amz-")}


def _canonical(request, signed, digest):
    path, _, query = request.raw_path.partition("?")
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return "\n".join(
        (
            request.method,
            quote(path, safe="/-_.~"),  # once more: only S3 takes it as it is
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in signed),
            "",
            ";".join(signed),
            digest,
        )
    )


def _sha(data):
    return hashlib.sha256(data).hexdigest()


def certified(host, folder):
    """Files of a certificate for a host, by itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "search")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "domain.pem", folder / "domain.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret
