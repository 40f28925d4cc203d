"""Counts what the deployed stack calls for an answer and for a document, on the wire.

SAM deploys template.yaml on the local AWS, whose Lambda runs the functions' real bundles. Between
them and DynamoDB, SQS, S3, Secrets Manager, OpenSearch, Slack and Bedrock stands a counter. The
local DynamoDB reckons capacity units from items' sizes as the service does, transactions double;
the counter asks for them with every call. Run by `python -m benchmarks.cost count`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.documents import _pdf, _text
from local.aws import LocalAws, free_port
from local.bedrock.embedding import EmbeddingScript
from local.bedrock.server import BedrockStandIn, Script
from local.opensearch.node import LocalOpenSearch
from local.slack.server import SlackStandIn
from tests.deploy.conftest import REGION, Deployed
from tests.support import world as around
from tests.support.world import ANA, GENERAL, World, served

SERVICES = ("dynamodb", "sqs", "s3", "secretsmanager")
FUNCTIONS = ("slack", "worker", "ingester", "schedule")
READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")
EVENT_OVERHEAD = 26
"""Bytes that CloudWatch Logs adds to each line.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_BillingAndCost.html"""
ANSWER = "The heron nests in tall trees near water, and eats frogs and small fish. " * 16
"""About 1,170 characters: some 290 tokens."""
PACE = 0.05
USUAL = Script(text=ANSWER, size=12, silent=1.0, pace=PACE)
LONG = Script(text=ANSWER * 5, size=12, silent=1.0, pace=0.06)
REWRITTEN = Script(text="Where does the heron nest, and what does it eat?", silent=0.5, pace=0.02)
"""What Haiku makes of a question that leans on what was said before."""
CHARACTERS = 4
"""Of a token, about: the real count is the model's own."""

until: Any = around.until

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Talker(BedrockStandIn):
    """Answers as scripted, and rewrites a question quickly."""

    tokens: Counter[str] = field(default_factory=Counter)

    async def _answer(
        self, request: web.Request, body: Mapping[str, Any], script: Script, *, faulty: bool
    ) -> web.StreamResponse:
        small = "haiku" in request.match_info["model"]
        told = REWRITTEN if small else script
        name = "haiku" if small else "sonnet"
        self.tokens[f"{name} output"] += len(told.text or "") // CHARACTERS
        return await BedrockStandIn._answer(self, request, body, told, faulty=faulty)  # noqa: SLF001

    def _usage(self, request: web.Request, body: Mapping[str, Any]) -> dict[str, Any]:
        usage = BedrockStandIn._usage(self, request, body)  # noqa: SLF001
        name = "haiku" if "haiku" in request.match_info["model"] else "sonnet"
        read, written = (usage.get(f"cache{each}InputTokens", 0) for each in ("Read", "Write"))
        self.tokens[f"{name} input"] += usage["inputTokens"] + read + written
        self.tokens[f"{name} read"] += read
        self.tokens[f"{name} written"] += written
        return usage


class Wire:
    """Counts requests by service and operation, and capacity units and bytes besides."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def into(self, service: str, upstream: str) -> web.Application:
        """An application that passes everything on to `upstream`, counted."""
        app = web.Application(client_max_size=256 * 2**20)

        async def passed(request: web.Request) -> web.Response:
            body = await request.read()
            operation = _operation(service, request)
            if service == "dynamodb":
                body = json.dumps({**json.loads(body), "ReturnConsumedCapacity": "TOTAL"}).encode()
            dropped = {"content-length", "transfer-encoding", "connection"}
            headers = [(k, v) for k, v in request.headers.items() if k.lower() not in dropped]
            async with aiohttp.ClientSession(auto_decompress=False) as http:
                answer = await http.request(
                    request.method, upstream + request.raw_path, data=body, headers=headers
                )
                data = await answer.read()
            self.counted[f"{service} {operation}"] += 1
            if service == "dynamodb":
                self._units(operation, json.loads(body), answer.status, data)
            kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in dropped]
            return web.Response(status=answer.status, headers=kept, body=data)

        app.router.add_route("*", "/{path:.*}", passed)
        return app

    def sent(self, service: str) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
        """A middleware for a stand-in that counts calls, and bytes that came."""

        @web.middleware
        async def counts(request: web.Request, handler: Handler) -> web.StreamResponse:
            body = await request.read()
            self.counted[f"{service} {_operation(service, request)}"] += 1
            headers = sum(len(k) + len(v) + 4 for k, v in request.raw_headers)
            if service == "slack":
                self.counted["slack bytes"] += len(body) + headers
            if request.path.endswith("/invoke"):
                told = json.loads(body)
                texts = told.get("texts") or [told.get("inputText", "")]
                self.counted["bedrock embedded characters"] += sum(map(len, texts))
            return await handler(request)

        return counts

    def _units(self, operation: str, asked: Mapping[str, Any], status: int, data: bytes) -> None:
        kind = "read units" if operation in READS else "write units"
        if status == 200:
            told = json.loads(data).get("ConsumedCapacity", [])
            units = sum(e["CapacityUnits"] for e in (told if isinstance(told, list) else [told]))
            units = max(1, units)  # also for what is not there
        else:  # a condition that is not met is paid for as well
            units = 2 * len(asked.get("TransactItems", ())) or 1
        self.counted[f"dynamodb {kind}"] += units


def _operation(service: str, request: web.Request) -> str:
    if target := request.headers.get("X-Amz-Target", ""):
        return target.rpartition(".")[2]
    if service == "s3":
        parts = [p for p in ("uploads", "uploadId", "partNumber", "versions", "delete")
                 if p in request.query]  # fmt: skip
        return " ".join([request.method, *parts[-1:]])
    if service == "slack" and "/api/" not in request.path:
        return "download"
    return request.path.rpartition("/")[2] or request.method


class Bench:
    """The deployed stack with everything around it."""

    def __init__(self, made: Any, wire: Wire, world: Any, talker: Talker) -> None:
        self.made = made
        self.wire = wire
        self.world = world
        self.talker = talker

    async def answers(self, number: int, script: Script, text: str) -> dict[str, Any]:
        """So many mentions, each in a thread of its own where something was said before."""
        self.talker.script = script
        threads = [self.world.slack.say(ANA, GENERAL, f"A thread, {n}") for n in range(number)]
        await asyncio.sleep(3)  # what nobody asked about costs a request as well, but not ours

        async def ask() -> None:
            for each in threads:  # the local queue hands over one at a time
                before = len(self.world.answers())
                self.world.slack.say(ANA, GENERAL, f"@Parley {text}", thread_ts=each)
                await self.world.answered(number=before + 1, seconds=120)
                await self._drained()

        return await self.measured(number, ask)

    async def documents(self, number: int, name: str, make: Callable[[], bytes]) -> dict[str, Any]:
        """So many documents, put into the bucket one after another."""
        s3, bucket = self.made.client("s3"), self.made.outputs["DocumentsBucket"]

        async def put() -> None:
            for n in range(number):
                key = f"{n}-{name}"
                self.wire.counted["s3 PUT"] += 1  # ours, which does not come by the counter
                await asyncio.to_thread(
                    s3.put_object, Bucket=bucket, Key=f"library/{key}", Body=make()
                )
                await until(lambda key=key: self._state(key) in {"ready", "failed"}, 120)
                assert self._state(key) == "ready", key

        return await self.measured(number, put)

    async def shared(self, number: int, make: Callable[[], bytes]) -> dict[str, Any]:
        """So many files shared in a channel, each summarised there."""
        self.talker.script = USUAL

        async def share() -> None:
            for n in range(number):
                before = len(self.world.answers())
                self.world.slack.share(ANA, GENERAL, [(f"{n}.pdf", make(), "application/pdf")])
                await self.world.answered(number=before + 1, seconds=120)
                await self._drained()

        return await self.measured(number, share)

    async def sweeps(self, number: int) -> dict[str, Any]:
        """The clock's function, with nothing to do."""
        name = self.made.resources["ScheduleFunction"]
        invoke = self.made.client("lambda").invoke

        async def tick() -> None:
            for _ in range(number):
                await asyncio.to_thread(invoke, FunctionName=name, Payload=b"{}")

        return await self.measured(number, tick)

    async def measured(self, number: int, work: Callable[[], Awaitable[None]]) -> dict[str, Any]:
        """What was counted for one of `number`, on average."""
        await asyncio.sleep(2)
        self.wire.counted.clear()
        self.talker.tokens.clear()
        began = int(time.time() * 1000)
        await work()
        print(f"counted: {number} in {time.time() - began / 1000:.0f} s", file=sys.stderr)
        await asyncio.sleep(3)  # the last deletions and log lines
        calls = {name: round(n / number, 3) for name, n in sorted(self.wire.counted.items())}
        return {
            "number": number,
            "calls": calls,
            "tokens": {name: round(n / number) for name, n in self.talker.tokens.items()},
            "functions": {
                name: told for name in FUNCTIONS if (told := self._logged(name, began, number))
            },
        }

    def _logged(self, name: str, began: int, number: int) -> dict[str, float]:
        """Invocations, seconds of each, and bytes logged for one of `number`."""
        events = self.made.client("logs").filter_log_events(
            logGroupName=f"/parley/parley/{name}", startTime=began, limit=10_000
        )["events"]
        lines = [each["message"] for each in events]
        took = [float(e.split("Billed Duration: ")[1].split()[0]) for e in lines if "REPORT" in e]
        if not took:
            return {}
        size = sum(len(e.encode()) + EVENT_OVERHEAD for e in lines)
        return {
            "invocations": round(len(took) / number, 3),
            "seconds": round(sum(took) / len(took) / 1000, 3),
            "logged bytes": round(size / number),
        }

    async def _drained(self) -> None:
        """Until the worker is done with its message: a long answer is several of Slack's."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        ask = self.made.client("sqs").get_queue_attributes
        url = self.made.resources["Turns"]
        async with asyncio.timeout(120):
            while True:
                told = await asyncio.to_thread(ask, QueueUrl=url, AttributeNames=names)
                if not any(int(told["Attributes"][name]) for name in names):
                    return
                await asyncio.sleep(0.2)

    def _state(self, key: str) -> str:
        found = self.made.client("dynamodb").query(
            TableName=self.made.resources["Table"],
            KeyConditionExpression="pk = :pk AND sk = :sk",
            ExpressionAttributeValues={":pk": {"S": "files#library"}, ":sk": {"S": key}},
        )["Items"]
        return found[0]["state"]["S"] if found else ""

    def metrics(self) -> int:
        """Metrics of our own, a name with its dimensions' values each, that were written."""
        found = set()
        for name in FUNCTIONS:
            for line in self.made.logged(name):
                if '"_aws"' not in line:
                    continue
                told = json.loads(line)
                for each in told["_aws"]["CloudWatchMetrics"]:
                    for keys in each["Dimensions"]:
                        values = tuple(told.get(key, "") for key in keys)
                        found |= {(m["Name"], *values) for m in each["Metrics"]}
        return len(found)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """All of it, up to a first answer: cold starts are not counted, they are in coldstart.py."""
    wire = Wire()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        node = stack.enter_context(LocalOpenSearch(folder / "opensearch", free_port()))
        ports = {name: free_port() for name in (*SERVICES, "opensearch", "slack", "bedrock")}
        here = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        more = {f"AWS_ENDPOINT_URL_{name.upper()}": here[name] for name in SERVICES}
        more["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = more.pop("AWS_ENDPOINT_URL_SECRETSMANAGER")
        more["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = here["bedrock"]
        more["SLACK_API_URL"] = f"{here['slack']}/slack/api/"
        local = LocalAws(folder / "aws", free_port(), region=REGION, more=more)
        aws = stack.enter_context(local)
        for name in SERVICES:
            await stack.enter_async_context(served(wire.into(name, aws.url), ports[name]))
        app = wire.into("opensearch", node.url)
        await stack.enter_async_context(served(app, ports["opensearch"]))
        made: Any = Deployed(aws, folder, ports, here["opensearch"])
        await asyncio.to_thread(made.build)
        await asyncio.to_thread(
            made.deploy, MicrosoftAppId='""', MicrosoftAppPassword='""', MicrosoftAppTenantId='""'
        )
        events = made.client("events")
        for rule in events.list_rules()["Rules"]:
            events.disable_rule(Name=rule["Name"])  # the clock's calls are counted by themselves
        bedrock = Talker(Script(text="Warm.", pace=0.0))
        bedrock.embedding.set(EmbeddingScript(vectors="hash", latency=0.04))
        slack = SlackStandIn(
            signing_secret="s3cret",
            bot_token="xoxb-test-token",
            events_url=made.url("SlackEventsUrl"),
            base_url=here["slack"],
            retry_delays=(3.0, 6.0, 9.0),
        )
        for app, name in ((slack.app, "slack"), (bedrock.app, "bedrock")):
            app.middlewares.append(wire.sent(name))  # type: ignore[arg-type]
            await stack.enter_async_context(served(app, ports[name]))
        built = Bench(made, wire, World(slack, bedrock, {}, 0), bedrock)
        slack.say(ANA, GENERAL, "@Parley are you there?")
        await built.world.answered(seconds=120)
        yield built


async def count() -> dict[str, Any]:
    """Everything that benchmarks/cost.py reckons with."""
    chance = random.Random(1)
    async with bench() as on:
        await on.sweeps(1)
        idle = await on.sweeps(5)
        one = await on.answers(8, USUAL, "what is new?")
        await on.documents(1, "warm.txt", lambda: b"warm")
        documents = {
            "text, 2 KB": await on.documents(
                8, "note.txt", lambda: _text(chance, 300).encode()[:2000]
            ),
            "PDF, 10 pages": await on.documents(
                6, "ten.pdf", lambda: _pdf([_text(chance, 400) for _ in range(10)])
            ),
            "PDF, 200 pages": await on.documents(
                2, "long.pdf", lambda: _pdf([_text(chance, 400) for _ in range(200)])
            ),
            "PDF, 10 pages, shared in a channel and summarised": await on.shared(
                4, lambda: _pdf([_text(chance, 400) for _ in range(10)])
            ),
        }
        answers = {
            "in a thread": one,
            "in a thread, with passages of documents": await on.answers(
                8, USUAL, "what does word1 word2 word3 say about word4?"
            ),
            "in a thread, streaming for half a minute": await on.answers(
                3, LONG, "tell me everything"
            ),
        }
        return {
            "counted": time.strftime("%Y-%m-%d"),
            "answers": answers,
            "documents": documents,
            "idle minute": idle,
            "metrics": on.metrics(),
        }
