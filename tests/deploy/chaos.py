"""Workers killed at random in the deployed stack, while people ask and files arrive.

The stack is the template's own, deployed by SAM on the local AWS; its functions are processes, and
those of the workers and of the ingesters are ended with SIGKILL. At the end every question and
every file is looked for: in the platforms, in the manifest and the index, in the dead-letter
queues. `python -m benchmarks.chaos` does it at any size.
"""

# mypy: allow-untyped-calls
# what it drives lives in tests, whose functions are not annotated

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import docx
from aiohttp import web
from opensearchpy import OpenSearch

from core.aws.search.opensearch import ALIAS
from local.bedrock.server import BedrockStandIn, Script
from tests.deploy.conftest import Deployed, around
from tests.ingestion.pdfs import pdf
from tests.support.teams_world import Both

VISIBILITY = 30
"""Seconds that the queue of files hides a message whose function did not come to run. In the
template it is 90 minutes. The queue of turns is left as it is: the clock's function sees to it."""
AT_ONCE = 4
"""Invocations of each function at a time, as the machine allows."""
EVERY = (0.2, 1.0)
"""Seconds between two questions, and between two files, from and to."""
WORDS = 40
PACE = 0.05
FOLDER = "library/chaos/"
SLACK_ROOMS = ("C0GENERAL", "C0SUPPORT", "C0DESIGN")
TEAMS_ROOMS = ("19:acme0general@thread.tacv2", "19:acme0launch@thread.tacv2")
ASKED = re.compile(r"question q(\d{4})")
TOLD = re.compile(r"a\d{4}w\d{2}")
WORKERS = ("WorkerFunction", "IngesterFunction")


def told(number: int) -> list[str]:
    """The words of the one right answer to a question."""
    return [f"a{number:04d}w{word:02d}" for word in range(WORDS)]


class Telling(BedrockStandIn):
    """Answers each question with its own words."""

    async def _answer(
        self, request: web.Request, body: Any, script: Script, *, faulty: bool
    ) -> web.StreamResponse:
        number = int(ASKED.findall(json.dumps(body["messages"]))[-1])
        own = replace(script, text=" ".join(told(number)))
        return await super()._answer(request, body, own, faulty=faulty)


@dataclass
class Outcome:
    """How many questions and files ended how; `wrong` are those that are lost or doubled."""

    questions: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    refused: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0


async def chaos(deployed: Deployed, answers: int, files: int, seed: int, limit: float) -> Outcome:
    """What becomes of so many questions and files, one process being killed for every eighth.

    What is not over after `limit` seconds counts as lost.
    """
    chance = random.Random(seed)
    bedrock = Telling(Script(size=8, pace=PACE), keep=100_000)
    with several(deployed):
        async with around(deployed, bedrock) as both:
            # to warm functions: cold ones answer so late that every request would start one more
            await Chaos(deployed, both, chance).run(2, 0, 0, limit)
            run = Chaos(deployed, both, chance)
            outcome = await run.run(answers, files, (answers + files) // 8, limit)
    forget_rates(deployed)
    return outcome


def forget_rates(deployed: Deployed) -> None:
    """Who comes next asks in a workspace of the same name, of which nothing was called yet."""
    table = {"TableName": deployed.resources["Table"]}
    dynamodb = deployed.client("dynamodb")
    for page in dynamodb.get_paginator("scan").paginate(**table):
        for item in page["Items"]:
            if item["pk"]["S"].startswith("budget#"):
                dynamodb.delete_item(Key={name: item[name] for name in ("pk", "sk")}, **table)


class Chaos:
    """One run. `chance` decides who is asked, when, and who is killed."""

    def __init__(self, deployed: Deployed, both: Both, chance: random.Random) -> None:
        self._deployed = deployed
        self._both = both
        self._chance = chance
        self._resources = deployed.resources
        self._asked: dict[int, tuple[str, str]] = {}
        self._put: dict[str, bool] = {}
        self.outcome = Outcome()

    async def run(self, answers: int, files: int, kills: int, limit: float) -> Outcome:
        """Asks, puts and kills, and waits at most `limit` seconds until all is over."""
        began = time.monotonic()
        killing = asyncio.create_task(self._kill(kills))
        try:
            async with asyncio.timeout(limit):
                await asyncio.gather(self._ask(answers), self._share(files))
                await killing
                # what is awaited is in other processes
                while not await asyncio.to_thread(self._over):  # noqa: ASYNC110
                    await asyncio.sleep(1)
        except TimeoutError:
            self.outcome.wrong.append(f"not over after {limit:.0f} s")
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        self.outcome.seconds = time.monotonic() - began
        await asyncio.to_thread(self._count)
        return self.outcome

    async def _ask(self, answers: int) -> None:
        """Every second in Teams, since Slack allows 50 edits a minute; some are told twice."""
        slack, teams = self._both.slack, self._both.teams
        for number in range(answers):
            text = f"@Parley question q{number:04d}"
            if number % 2:
                room = self._chance.choice(TEAMS_ROOMS)
                asked = teams.say("U0ANA", room, text)
                if number % 5 == 0:
                    message = teams.tenant.get(room, asked)
                    teams.delivery.tell(teams.activities.message(message))
            else:
                room = self._chance.choice(SLACK_ROOMS)
                asked = slack.say("U0ANA", room, text)
                if number % 5 == 0:
                    slack.delivery.said(slack.workspace.get(room, asked))
            self._asked[number] = (room, asked)
            await asyncio.sleep(self._chance.uniform(*EVERY))

    async def _share(self, files: int) -> None:
        """Every tenth is put twice, every tenth cannot be read."""
        s3, bucket = self._deployed.client("s3"), self._deployed.outputs["DocumentsBucket"]
        for number in range(files):
            name, body = written(number)
            self._put[name] = number % 10 == 9
            for _ in range(1 + (number % 10 == 5)):
                await asyncio.to_thread(s3.put_object, Bucket=bucket, Key=FOLDER + name, Body=body)
            await asyncio.sleep(self._chance.uniform(*EVERY))

    async def _kill(self, kills: int) -> None:
        while self.outcome.kills.total() < kills:
            await asyncio.sleep(self._chance.uniform(1, 4))
            function = self._chance.choice(WORKERS)
            if running := self._deployed.running(self._resources[function]):
                with suppress(ProcessLookupError):
                    os.kill(self._chance.choice(running), signal.SIGKILL)
                    self.outcome.kills[function] += 1

    def _over(self) -> bool:
        """Whether nothing goes on; a turn that was taken up elsewhere stays hidden in its queue."""
        replies = [self._replies(*each) for each in self._asked.values()]
        silent = sum(not each for each in replies)
        running = any(not ended for each in replies for ended, _ in each)
        return not (running or self._waiting("Files")) and silent <= self._waiting("TurnsDead")

    def _waiting(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._deployed.client("sqs").get_queue_attributes(
            QueueUrl=self._resources[queue], AttributeNames=names
        )
        return sum(int(each) for each in answer["Attributes"].values())

    def _dead(self, queue: str) -> str:
        """What is in a dead-letter queue."""
        bodies = []
        sqs = self._deployed.client("sqs")
        while found := sqs.receive_message(
            QueueUrl=self._resources[queue], MaxNumberOfMessages=10, VisibilityTimeout=60
        ).get("Messages"):
            bodies += [each["Body"] for each in found]
        return "\n".join(bodies)

    # what became of it

    def _count(self) -> None:
        dead = self._dead("TurnsDead")
        for number, (room, asked) in self._asked.items():
            replies = self._replies(room, asked)
            fate = fate_of(number, replies, dead=f"question q{number:04d}" in dead)
            self._tally(self.outcome.questions, f"q{number:04d}", fate)
        if self._put:
            self._count_files()
        slack, teams = self._both.slack, self._both.teams
        self.outcome.refused = {
            **slack.api.limits.refused,
            "teams": sum(each.status == 429 for each in teams.connector.calls),
        }
        self.outcome.calls = len(self._both.bedrock.calls)

    def _tally(self, into: Counter[str], name: str, fate: str) -> None:
        into[fate] += 1
        if fate.startswith(("lost", "doubled")):
            self.outcome.wrong.append(f"{name} {fate}")

    def _replies(self, room: str, asked: str) -> list[tuple[bool, str]]:
        """Whether each of the bot's messages has ended, and all it shows."""
        both = self._both
        if room in SLACK_ROOMS:
            said = [each for each in both.answers(room) if each.get("thread_ts") == asked]
            world = both.world
            return [(world.ended(e), world.text(e) + world.small(e)) for e in said]
        said = [each for each in both.said(room) if each["root"] == asked]
        return [(both.ended(each), both.text(each) + both.small(each)) for each in said]

    def _count_files(self) -> None:
        dead = self._dead("FilesDead")
        rows = {each["key"]: each for each in self._rows()}
        found = self._found()
        for name, bad in self._put.items():
            row = rows.get(FOLDER + name, {})
            chunks = {at: n for at, n in found.items() if at[0] and at[0] in row.get("sk", "")}
            fate = file_fate(row, chunks, bad=bad, dead=FOLDER + name in dead)
            self._tally(self.outcome.files, name, fate)

    def _rows(self) -> Iterator[dict[str, str]]:
        pages = self._deployed.client("dynamodb").get_paginator("query")
        for page in pages.paginate(
            TableName=self._resources["Table"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "files#library"}},
        ):
            for item in page["Items"]:
                yield {name: next(iter(typed.values())) for name, typed in item.items()}

    def _found(self) -> Counter[tuple[str, str, int]]:
        """How often the index has each (file, version, ordinal)."""
        client = OpenSearch(self._deployed.opensearch)
        try:
            client.indices.refresh(index=ALIAS)
            answer = client.search(
                index=ALIAS, body={"size": 10_000, "query": {"term": {"place": "library"}}}
            )
        finally:
            client.close()
        hits = [each["_source"] for each in answer["hits"]["hits"]]
        return Counter((e["file"], e["version"], e["ordinal"]) for e in hits)


def fate_of(number: int, replies: list[tuple[bool, str]], *, dead: bool) -> str:
    """What a question's thread says became of it."""
    if len(replies) > 1:
        return f"doubled: {len(replies)} messages"
    ended, shown = replies[0] if replies else (False, "")
    if ended and TOLD.findall(shown) == told(number):
        return "answered"
    if ended and shown.strip() and "Thinking" not in shown:
        return "failed visibly"
    return "dead letter" if dead else "lost: unfinished" if replies else "lost: no message"


def file_fate(
    row: dict[str, str], chunks: dict[tuple[str, str, int], int], *, bad: bool, dead: bool
) -> str:
    """What the manifest and the index say became of a file."""
    state = row.get("state", "")
    if any(number > 1 for number in chunks.values()) or len({at[1] for at in chunks}) > 1:
        return "doubled: chunks"
    if state == "ready" and not bad and chunks and len(chunks) == int(row["chunks"]):
        return "ready"
    if state == "failed" and row.get("reason") and not chunks:
        return f"failed: {row['reason']}"
    return "dead letter" if dead else f"lost: {state or 'unknown'}, {len(chunks)} chunks"


def written(number: int) -> tuple[str, bytes]:
    """A small file: text, PDF or Word, and some that are broken."""
    text = f"Crate c{number:04d} stands in bay b{number:04d}."
    match number % 10:
        case 9:
            return f"f{number:04d}.pdf", b"%PDF-1.7 and no more"
        case 1 | 4 | 7:
            return f"f{number:04d}.pdf", pdf([text, "It holds screws."])
        case 2 | 5:
            out, document = io.BytesIO(), docx.Document()
            document.add_paragraph(text)
            document.save(out)
            return f"f{number:04d}.docx", out.getvalue()
        case _:
            return f"f{number:04d}.txt", text.encode()


@contextmanager
def several(deployed: Deployed) -> Iterator[None]:
    """Lets `AT_ONCE` of each function run, and a file be hidden for `VISIBILITY` seconds.

    ministack feeds a function one message at a time from a FIFO queue, AWS one from each of its
    groups: so the worker is fed by several mappings here.
    """
    sqs, files = deployed.client("sqs"), deployed.resources["Files"]
    kept = sqs.get_queue_attributes(QueueUrl=files, AttributeNames=["VisibilityTimeout"])
    functions, more = deployed.client("lambda"), []
    try:
        shorter = {"VisibilityTimeout": str(VISIBILITY)}
        sqs.set_queue_attributes(QueueUrl=files, Attributes=shorter)
        for each in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(
                UUID=each["UUID"], ScalingConfig={"MaximumConcurrency": AT_ONCE}
            )
            for _ in range(AT_ONCE - 1 if each["EventSourceArn"].endswith(".fifo") else 0):
                made = functions.create_event_source_mapping(
                    EventSourceArn=each["EventSourceArn"],
                    FunctionName=each["FunctionArn"],
                    BatchSize=1,
                    FunctionResponseTypes=["ReportBatchItemFailures"],
                )
                more.append(made["UUID"])
        yield
    finally:
        for uuid in more:
            functions.delete_event_source_mapping(UUID=uuid)
        sqs.set_queue_attributes(QueueUrl=files, Attributes=kept["Attributes"])


def table(outcome: Outcome) -> str:
    """The outcome as rows of a table."""
    rows = [
        ("questions", outcome.questions),
        ("files", outcome.files),
        ("kills", outcome.kills),
        ("refused (429)", outcome.refused),
    ]
    lines = ["| what | how many |", "|---|---|"]
    for name, counts in rows:
        each = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        lines.append(f"| {name} | {each or 0} |")
    lines.append(f"| calls of the model | {outcome.calls} |")
    lines.append(f"| seconds | {outcome.seconds:.0f} |")
    lines.append(f"| lost or doubled | {len(outcome.wrong)} |")
    return "\n".join(lines)
