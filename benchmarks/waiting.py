"""What others feel of 200 files that wait to be read, and of 200 questions of one person.

`parley serve` in a process of its own, between the local AWS and Slack's stand-in. The index does
not answer, so that no file is ever ready. "hello?" is asked by somebody else, in their own chat;
its clock stops at the first text and at the end. Questions that wait are counted in the table, and
so are claims under a lease and the edits that processes keep for the ends of their answers.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from core.aws.access.clients import client
from core.aws.access.items import decode
from core.aws.dynamodb.rate_ledger import ledger_of
from core.aws.provision import Resources, provision
from local.aws import LocalAws, free_port
from local.bedrock.server import Script
from tests.support import world as around
from tests.support.world import ANA, BEN, GENERAL

NUMBER = int(os.environ.get("PARLEY_BENCH_WAITING", "200"))
HELLOS = 4
LONGEST = 600.0
REGION = "us-east-1"
BENS = "D0BEN"
CHANNELS = (GENERAL, "C0SUPPORT", "D0ANA")


@dataclass
class _Aws:
    resources: Resources


class _Table:
    """What the table says of turns."""

    def __init__(self, name: str) -> None:
        self._db, self._name = client("dynamodb", REGION), name

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in self._db.get_paginator("scan").paginate(TableName=self._name):
            found += page["Items"]
        return found

    def claims(self) -> list[dict[str, Any]]:
        return [decode(e) for e in self.rows() if e["pk"]["S"].startswith("claim#")]

    def waiting(self) -> int:
        return sum(bool(e.get("wait_documents")) and not e["settled"] for e in self.claims())

    def open(self) -> int:
        return sum(not e["settled"] for e in self.claims())

    def held(self) -> int:
        now = time.time()
        return sum(not e["settled"] and e["lease"] > now for e in self.claims())

    def reserved(self) -> int:
        """Edits that processes keep for the ends of answers."""
        rows = [ledger_of(e) for e in self.rows() if e["pk"]["S"].startswith("budget#")]
        now = time.time()
        return max((each.reserved(now) for each in rows), default=0)


async def _until(condition: Callable[[], bool], seconds: float = LONGEST) -> bool:
    end = time.perf_counter() + seconds
    while not await asyncio.to_thread(condition):
        if time.perf_counter() > end:
            return False
        await asyncio.sleep(1)
    return True


async def _hello(world: Any) -> tuple[float, float]:
    """Seconds to the first text, and to the end."""
    before = len(world.answers(BENS))
    began = time.perf_counter()
    world.slack.say(BEN, BENS, f"hello? {before}")
    first = 0.0
    async with asyncio.timeout(LONGEST):
        while True:
            found = world.answers(BENS)[before:]
            if found and not first and "answer" in world.text(found[0]):
                first = time.perf_counter() - began
            if found and first and world.ended(found[0]):
                return first, time.perf_counter() - began
            await asyncio.sleep(0.01)


async def _hellos(world: Any, pause: float) -> list[tuple[float, float]]:
    told = []
    for _ in range(HELLOS):
        told.append(await _hello(world))
        await asyncio.sleep(pause)
    return told


def _row(name: str, told: list[tuple[float, float]], rest: str) -> str:
    first, end = ([each[n] for each in told] for n in (0, 1))
    return (
        f"| {name} | {statistics.median(first):.2f} | {max(first):.2f} | "
        f"{statistics.median(end):.2f} | {rest} |"
    )


async def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as state, LocalAws(Path(state), free_port()) as aws:
        os.environ.update(aws.env)
        made = provision(
            REGION,
            bucket="waiting",
            table="waiting",
            turns_queue="waiting-turns.fifo",
            files_queue="waiting-files",
            session=boto3.Session("test", "test", region_name=REGION),
        )
        table = _Table("waiting")
        print(f"\nhello? beside {NUMBER} files that wait, and {NUMBER} questions of one person")
        print("| beside | first text p50 s | worst s | end p50 s | waiting, leases, edits kept |")
        print("|---|---|---|---|---|", flush=True)
        for case in ("files", "questions"):
            async with around.world_at(_Aws(made)) as world:
                world.command = around.PARLEY
                world.environ["LOG_LEVEL"] = "ERROR"
                world.bedrock.script = Script(text="The answer is **forty-two**.", pace=0.05)
                if case == "files":
                    world.environ["OPENSEARCH_URL"] = "http://127.0.0.1:9"
                await world.serve()
                await _hello(world)
                print(_row("nothing", await _hellos(world, 5.0), "0, 0, 0"), flush=True)
                for number in range(NUMBER):
                    if case == "files":
                        file = (f"{number}.txt", f"Herons, {number}.".encode(), "text/plain")
                        world.slack.share(ANA, CHANNELS[number % len(CHANNELS)], [file])
                    else:
                        world.slack.say(ANA, GENERAL, f"@Parley question {number}?")
                    await asyncio.sleep(0.02)
                if case == "files":
                    await _until(lambda: table.waiting() >= NUMBER)
                    await asyncio.sleep(60)  # a minute's edits are free again
                    told = f"{table.waiting()}, {table.held()}, {table.reserved()}"
                    beside = await _hellos(world, 5.0)
                else:
                    await asyncio.sleep(2)
                    beside = await _hellos(world, 0.0)
                    told = f"{table.waiting()}, {table.held()}, {table.reserved()}"
                print(_row(f"{NUMBER} {case}", beside, told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
