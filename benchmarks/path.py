"""From a post to its placeholder: what receiver, queue, worker and budget take, one at a time.

`parley serve` in a process of its own, between the local AWS and Slack's stand-in. The clock starts
when the stand-in begins to deliver the event, and stops when its `chat.postMessage` arrives. Beside
it what the same queue takes alone: a message put, received by a waiting long poll, and deleted.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from benchmarks.streaming import percentile
from core.aws.access.clients import client
from core.aws.provision import Resources, provision
from local.aws import LocalAws, free_port
from tests.support import world as around
from tests.support.world import ANA, DM

NUMBER = 30
REGION = "us-east-1"


@dataclass
class _Aws:
    resources: Resources


async def _posts(world: Any) -> list[float]:
    """Seconds from each post to its placeholder; the next one when the answer stands."""
    waits = []
    for number in range(NUMBER):
        before = len(world.called("chat.postMessage"))
        began = time.perf_counter()
        world.slack.say(ANA, DM, f"question {number}")
        async with asyncio.timeout(30):
            while len(world.called("chat.postMessage")) == before:  # noqa: ASYNC110 - it polls finely
                await asyncio.sleep(0.001)
        waits.append(time.perf_counter() - began)
        await world.answered(DM, number + 1)
        await asyncio.sleep(2.5)  # within the rates
    return waits


def _queue(url: str) -> list[float]:
    """Seconds that the queue alone takes."""
    sqs, waits = client("sqs", REGION), []
    for number in range(NUMBER):
        began = time.perf_counter()
        sqs.send_message(
            QueueUrl=url,
            MessageBody=str(number),
            MessageGroupId=str(number),
            MessageDeduplicationId=uuid.uuid4().hex,
        )
        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        waits.append(time.perf_counter() - began)
    return waits


async def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as state, LocalAws(Path(state), free_port()) as aws:
        os.environ.update(aws.env)
        made = provision(
            REGION,
            bucket="path",
            table="path",
            turns_queue="path-turns.fifo",
            files_queue="path-files",
            session=boto3.Session("test", "test", region_name=REGION),
        )
        alone = await asyncio.to_thread(_queue, made.turns_queue)
        async with around.world_at(_Aws(made)) as world:
            world.command = around.PARLEY  # nothing else starts meanwhile
            await world.serve()
            world.slack.say(ANA, DM, "once, to warm up")
            await world.answered(DM, 1)
            world.slack.api.calls.clear()
            world.slack.workspace.messages[DM].clear()
            whole = await _posts(world)
    print(f"\nFrom a post to its placeholder, {NUMBER} in turn")
    print("| | p50 ms | p95 ms |\n|---|---|---|")
    for name, waits in (("the queue alone", alone), ("post to placeholder", whole)):
        print(f"| {name} | {percentile(waits, 50) * 1e3:.0f} | {percentile(waits, 95) * 1e3:.0f} |")


if __name__ == "__main__":
    asyncio.run(main())
