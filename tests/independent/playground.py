"""Parley between stand-ins, with Microsoft 365 Agents Playground in the place of Teams. By hand.

`python -m tests.independent.playground` prints the address of Playground's page and runs until
Ctrl-C. Playground sends no token, so a small proxy before Parley signs what it sends, as the Bot
Framework would; the proxy also gives Parley its tokens. There is no Graph: each call of it is
refused. What each side sent stands in `FOLDER/wire.jsonl`.
"""

import argparse
import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from aiohttp import web

from bots.serve import serving
from core.aws.provision import provision
from core.wiring import settings_of
from local.aws import LocalAws, free_port
from local.bedrock.server import BedrockStandIn, Script
from local.teams.services.signing import ISSUER, Issued, Signer
from tests.independent import parts
from tests.support.world import served

APP, SECRET = "00000000-0000-4000-8000-0000000000b0", "pa55word"
TENANT = "00000000-0000-0000-0000-0000000000001"
"""Playground's own."""
REGION = "us-east-1"


class Proxy:
    """What stands for the Bot Framework and for sign-in; `wire` is told what passes."""

    def __init__(self, product, playground, wire):
        self.product, self.playground, self.wire = product, playground, wire
        self.signer, self.issued = Signer(APP), Issued(asyncio.get_running_loop().time)
        self.base = ""

    @property
    def app(self):
        app = web.Application(client_max_size=4 * 1024**2)
        app.add_routes(
            [
                web.post("/api/messages", self._activity),
                web.get("/openid", self._openid),
                web.get("/keys", self._keys),
                web.post("/login/{tenant}/oauth2/v2.0/token", self._login),
                web.route("*", "/graph/{rest:.*}", self._graph),
                web.route("*", "/_connector/{rest:.*}", self._connector),
            ]
        )
        return app

    async def _activity(self, request):
        """Playground's activity, signed, with the proxy as the service to answer to."""
        activity = await request.json()
        activity["serviceUrl"] = f"{self.base}/_connector"
        token = self.signer.token(activity["serviceUrl"])
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.product}/api/messages"
        async with (
            aiohttp.ClientSession() as http,
            http.post(url, json=activity, headers=headers) as answer,
        ):
            body, status = await answer.read(), answer.status
        self.wire("in", activity, status, body)
        return web.Response(body=body, status=status, content_type="application/json")

    async def _connector(self, request):
        """Parley's call, passed on to Playground as it is."""
        url = f"{self.playground}{request.rel_url}"
        body = await request.read()
        headers = {"Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, url, data=body, headers=headers) as answer,
        ):
            told, status = await answer.read(), answer.status
        sent = json.loads(body) if body else None
        self.wire(f"{request.method} {request.path}", sent, status, told)
        return web.Response(body=told, status=status, content_type="application/json")

    async def _openid(self, _):
        return web.json_response({"issuer": ISSUER, "jwks_uri": f"{self.base}/keys"})

    async def _keys(self, _):
        return web.json_response(self.signer.published())

    async def _login(self, request):
        form = await request.post()
        return web.json_response(self.issued.give(str(form.get("scope"))))

    async def _graph(self, _):
        error = {"code": "Forbidden", "message": "There is no Graph here."}
        return web.json_response({"error": error}, status=403)


@asynccontextmanager
async def playground(port=0, folder=None, script=None):
    """Everything; gives the address of Playground's page, and Bedrock's stand-in."""
    program = parts.playground()
    async with AsyncExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="parley-"))
        folder = Path(folder)
        aws = LocalAws(folder / "aws", free_port())
        await asyncio.to_thread(aws.start)
        stack.callback(aws.stop)
        os.environ.update(aws.env)
        os.environ["AWS_REGION"] = REGION
        made = provision(REGION, bucket="playground", table="playground")
        ports = {name: free_port() for name in ("bedrock", "proxy", "product")}
        port = port or free_port()
        at = {name: f"http://127.0.0.1:{each}" for name, each in ports.items()}
        log = stack.enter_context((folder / "wire.jsonl").open("a"))

        def wire(what, sent, status, answer):
            entry = {"what": what, "sent": sent, "status": status}
            log.write(json.dumps({**entry, "answer": answer.decode(errors="replace")}) + "\n")
            log.flush()

        bedrock = BedrockStandIn(script or Script(pace=0.05))
        await stack.enter_async_context(served(bedrock.app, ports["bedrock"]))
        proxy = Proxy(at["product"], f"http://127.0.0.1:{port}", wire)
        proxy.base = at["proxy"]
        await stack.enter_async_context(served(proxy.app, ports["proxy"]))
        environ = {
            "AWS_REGION": REGION,
            "PARLEY_BUCKET": made.bucket,
            "PARLEY_TABLE": made.table,
            "PARLEY_TURNS_QUEUE_URL": made.turns_queue,
            "PARLEY_FILES_QUEUE_URL": made.files_queue,
            "PARLEY_ALLOWED_TENANTS": TENANT,
            "MICROSOFT_APP_ID": APP,
            "MICROSOFT_APP_PASSWORD": SECRET,
            "MICROSOFT_APP_TENANT_ID": TENANT,
            "TEAMS_OPENID_URL": f"{at['proxy']}/openid",
            "TEAMS_LOGIN_URL": f"{at['proxy']}/login",
            "TEAMS_SERVICE_HOSTS": at["proxy"].removeprefix("http://"),
            "GRAPH_URL": f"{at['proxy']}/graph/v1.0",
            "OPENSEARCH_URL": os.environ.get("PARLEY_TEST_OPENSEARCH_URL", ""),
        }
        os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = at["bedrock"]
        settings = settings_of(environ)
        await stack.enter_async_context(serving(settings, "127.0.0.1", ports["product"]))
        said = stack.enter_context((folder / "playground.log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            program, "-p", str(port), "-e", f"{at['proxy']}/api/messages", "-c", "msteams", "--dt",
            "--su", f"http://127.0.0.1:{port}/_connector", stdout=said, stderr=said, cwd=folder,
            env={**os.environ, "BROWSER": "none", "CI": "1"}, start_new_session=True,
        )  # fmt: skip
        stack.push_async_callback(_ended, process)
        await _answers(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", bedrock


async def _answers(url, process):
    async with aiohttp.ClientSession() as http:
        while process.returncode is None:
            try:
                async with http.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
    raise parts.Missing("Playground ended at once")


async def _ended(process):
    if process.returncode is None:
        process.terminate()
    await process.wait()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=56150, help="of Playground's page")
    parser.add_argument("--folder", default=None, help="where its wire and logs are kept")
    options = parser.parse_args()
    try:
        parts.install_playground()
        async with playground(options.port, options.folder) as (url, _):
            sys.stdout.write(f"Playground is at {url}. Ctrl-C ends it.\n")
            await asyncio.Event().wait()
    except parts.Missing as exc:
        sys.exit(f"{exc}.")


if __name__ == "__main__":
    asyncio.run(main())
