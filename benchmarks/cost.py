"""Dollars for 1,000 answers and 1,000 documents: counted calls times published prices.

`python -m benchmarks.cost count` counts anew (benchmarks/counting.py, some six minutes), writes
benchmarks/cost.json and the tables of docs/cost.md; without `count` it reckons from the stored
counts and prints the tables. No free tier is taken off.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.aws.lambda_.warm import FRESH
from core.values.answer import Usage
from core.values.models import MODELS
from tests.deploy import template

ROOT = Path(__file__).parents[1]
COUNTS = ROOT / "benchmarks" / "cost.json"
DOCUMENT = ROOT / "docs" / "cost.md"
BEGIN, END = "<!-- printed by benchmarks/cost.py -->", "<!-- end -->"
HOURS = 730
"""Of a month, as AWS reckons."""
MINUTES = HOURS * 60
WHOLE = 1769
"""MB that come with one whole processor.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
POLLS = 5 * 3
"""A minute and queue, idle: five pollers, long polls of 20 s. With a maximum concurrency, as ours,
Lambda does not go below five; that it is five for FIFO too is our assumption.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
GB = 1e9
resources: Any = template.resources
"""The template's, by kind. Tests' modules are not typed."""
READERS = 6
"""Secrets that a receiver for Slack, one for Teams and a worker read every FRESH seconds."""
MEMORIES = (512, 1024, WHOLE)
HOSTED = 1.0, 2.0
"""Processors and GB of one Fargate task of deploy/ecs.yaml."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one `unit` in us-east-1, where it was read, and when that was written."""

    dollars: float
    unit: str
    source: str
    dated: str


PRICES = {
    "lambda GB-second": Price(
        0.0000133334, "GB-second, arm64", "cloudchipr.com/blog/aws-lambda-pricing", "2024"
    ),
    "lambda request": Price(
        0.20e-6, "request", "git.mcrn.ar/mariano/lambda_local_runner, lambda-13-cost", "2026-05"
    ),
    "dynamodb write": Price(
        0.625e-6, "write request unit", "airbyte.com, dynamodb-pricing", "undated"
    ),
    "dynamodb read": Price(
        0.125e-6, "read request unit", "airbyte.com, dynamodb-pricing", "undated"
    ),
    "sqs": Price(
        0.50e-6, "FIFO request of 64 KB", "cloudburn.io/blog/amazon-sqs-pricing", "2026-03"
    ),
    "sqs standard": Price(
        0.40e-6, "request of 64 KB", "cloudburn.io/blog/amazon-sqs-pricing", "2026-03"
    ),
    "s3 put": Price(5e-6, "PUT, POST, LIST", "c3x.dev/blog/s3-request-fees-explained", "undated"),
    "s3 get": Price(0.4e-6, "GET, HEAD", "c3x.dev/blog/s3-request-fees-explained", "undated"),
    "logs": Price(
        0.50, "GB of logs taken in", "factualminds.com, amazon-cloudwatch-pricing", "2026-06"
    ),
    "metric": Price(0.30, "metric and month", "signoz.io/guides/cloudwatch-pricing", "2026-02"),
    "dashboard": Price(
        3.0, "dashboard and month", "factualminds.com, amazon-cloudwatch-pricing", "2026-06"
    ),
    "alarm": Price(
        0.10,
        "alarm and month",
        "002-workshop-application-performance-monitoring.huyanh.click",
        "undated",
    ),
    "trace": Price(5e-6, "trace recorded", "aws.amazon.com/xray/pricing", "undated"),
    "secret": Price(0.40, "secret and month", "hivebook.wiki, aws-secrets-manager", "undated"),
    "secret call": Price(5e-6, "call", "hivebook.wiki, aws-secrets-manager", "undated"),
    "out": Price(0.09, "GB to the internet", "unanswered.io/guide/aws-sqs-pricing", "undated"),
    "search": Price(
        0.036, "hour of t3.small.search", "several price lists in public repositories", "2025"
    ),
    "fargate processor": Price(
        0.03238, "vCPU and hour, arm64", "vantage.sh/blog/fargate-pricing", "undated"
    ),
    "fargate GB": Price(
        0.00356, "GB and hour, arm64", "vantage.sh/blog/fargate-pricing", "undated"
    ),
    "titan": Price(
        0.02e-6, "token", "notes of a public repository, checked by their author", "2026-08"
    ),
    "cohere": Price(
        0.12e-6, "token", "a price list of a public repository, checked by its author", "2026-08"
    ),
}
OTHER_MEMORY = (
    "What the same answers cost, tokens apart, if the worker had less memory (its time as "
    "measured, which is mostly waiting; not tried with less of a processor):"
)


def _of(name: str) -> float:
    return PRICES[name].dollars


def memory(function: str) -> int:
    """MB that template.yaml gives to a function."""
    made = resources("AWS::Serverless::Function")[f"{function.capitalize()}Function"]
    size: int = made["MemorySize"]
    return size


def gb_seconds(told: Mapping[str, float], size: int) -> float:
    """What one invocation is billed. `told["seconds"]` were measured on a whole processor.

    With less of one a function takes longer, at most by as much as if all of it were reckoning.
    """
    return told["seconds"] * max(1.0, WHOLE / size) * size / 1024


def dollars(counted: Mapping[str, Any], sizes: Mapping[str, int] | None = None) -> dict[str, float]:
    """Dollars for one of what was counted, by what is paid for; tokens are not in it.

    `sizes`: MB of functions, where they are to be others than the template's. The worker mostly
    waits for Claude, and does not take longer with less of a processor: its time is as measured.
    """
    calls: Mapping[str, float] = counted["calls"]
    functions: Mapping[str, Mapping[str, float]] = counted["functions"]
    sizes = {name: memory(name) for name in functions} | dict(sizes or {})
    compute = sum(
        told["invocations"]
        * (
            told["seconds"] * sizes[name] / 1024
            if name == "worker"
            else gb_seconds(told, sizes[name])
        )
        for name, told in functions.items()
    )
    invocations = sum(told["invocations"] for told in functions.values())
    # Lambda takes a message off its queue and deletes it; S3 puts a file's into its queue
    handled = sum(functions[each]["invocations"] for each in ("worker", "ingester")
                  if each in functions)  # fmt: skip
    noted = functions.get("ingester", {}).get("invocations", 0)
    queue = sum(n for name, n in calls.items() if name.startswith("sqs ")) + 2 * handled + noted
    s3 = {name: n for name, n in calls.items() if name.startswith("s3 ")}
    read = sum(n for name, n in s3.items() if name in {"s3 GET", "s3 HEAD"})
    kept = sum(n for name, n in s3.items() if name not in {"s3 GET", "s3 HEAD"})
    logged = sum(told["logged bytes"] for told in functions.values())
    return {
        "Lambda, time": compute * _of("lambda GB-second"),
        "Lambda, requests": invocations * _of("lambda request"),
        "DynamoDB, writes": calls.get("dynamodb write units", 0) * _of("dynamodb write"),
        "DynamoDB, reads": calls.get("dynamodb read units", 0) * _of("dynamodb read"),
        "SQS": queue * _of("sqs"),
        "S3": read * _of("s3 get") + kept * _of("s3 put"),
        "CloudWatch, logs": logged / GB * _of("logs"),
        "X-Ray": invocations * _of("trace"),
        "data out": calls.get("slack bytes", 0) / GB * _of("out"),
    }


def tokens(counted: Mapping[str, Any], model: str) -> float:
    """Dollars of Claude's tokens for one; `model` answers, Haiku rewrites questions.

    What was thought is among the output; of the input some was read from the cache, or written.
    """
    told, total = counted["tokens"], 0.0
    for name, asked in (("haiku", MODELS["haiku"]), ("sonnet", MODELS[model])):
        names = ("input", "output", "read", "written")
        total += asked.cost(Usage(*(told.get(f"{name} {each}", 0) for each in names)))
    return total


def embedded(counted: Mapping[str, Any], model: str) -> float:
    """Dollars for embedding one, four characters to a token."""
    characters: float = counted["calls"].get("bedrock embedded characters", 0)
    return characters / 4 * _of(model)


def idle(counts: Mapping[str, Any]) -> dict[str, float]:
    """Dollars a month when nobody asks anything, with Slack and Teams and a domain of its own."""
    kinds = ("AWS::CloudWatch::Alarm", "AWS::SecretsManager::Secret", "AWS::CloudWatch::Dashboard")
    alarms, secrets, dashboards = (len(resources(kind)) for kind in kinds)
    return {
        "OpenSearch, t3.small.search (without its disk)": HOURS * _of("search"),
        "CloudWatch, metrics (months in which all are written)": counts["metrics"] * _of("metric"),
        "CloudWatch, dashboard": dashboards * _of("dashboard"),
        "CloudWatch, alarms": alarms * _of("alarm"),
        "Secrets Manager": secrets * _of("secret"),
        "Secrets Manager, read by functions that are always warm": MINUTES
        / FRESH
        * 60
        * READERS
        * _of("secret call"),
        "SQS, two queues polled": MINUTES * POLLS * (_of("sqs") + _of("sqs standard")),
        "the clock's function": MINUTES * sum(dollars(counts["idle minute"]).values()),
    }


def hosted() -> float:
    """Dollars a month of one task on Fargate that answers in place of the functions."""
    processors, size = HOSTED
    return HOURS * (processors * _of("fargate processor") + size * _of("fargate GB"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _lines(counted: Mapping[str, Mapping[str, Any]], per: str) -> str:
    columns = [dollars(each) for each in counted.values()]
    rows = [
        [name, *(f"{1000 * each[name]:.4f}" for each in columns)]
        for name in columns[0]
        if any(each[name] for each in columns)
    ]
    rows.append(["**together**", *(f"**{1000 * sum(e.values()):.3f}**" for e in columns)])
    models = [(f"tokens, {MODELS[name].label}", name) for name in ("haiku", "sonnet", "opus")]
    if any("sonnet output" in each["tokens"] for each in counted.values()):
        rows += [
            [label, *(f"{1000 * tokens(each, name):.2f}" for each in counted.values())]
            for label, name in models
        ]
    rows += [
        [f"embedding, {label}", *(f"{1000 * embedded(e, name):.4f}" for e in counted.values())]
        for label, name in (("Titan v2", "titan"), ("Cohere v4", "cohere"))
    ]
    return _table([f"dollars for 1,000 {per}", *counted], rows)


def _counted(counted: Mapping[str, Mapping[str, Any]]) -> str:
    names = sorted({name for each in counted.values() for name in each["calls"]})
    rows = [
        [name, *(f"{each['calls'].get(name, 0):g}" for each in counted.values())] for name in names
    ]
    for function in ("slack", "worker", "ingester"):
        told = [each["functions"].get(function, {}) for each in counted.values()]
        rows += [
            [f"{function}, {key}", *(f"{each.get(key, 0):g}" for each in told)]
            for key in ("invocations", "seconds", "logged bytes")
            if any(told)
        ]
    return _table(["counted for one", *counted], rows)


def _memories(answers: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [f"{size:,} MB", *(f"{1000 * sum(dollars(e, {'worker': size}).values()):.3f}"
                           for e in answers.values())]
        for size in MEMORIES
    ]  # fmt: skip
    return _table(["worker's memory", *answers], rows)


def _hosting(time: float) -> str:
    processors, size = HOSTED
    return (
        f"One Fargate task of {processors:g} processor and {size:g} GB: {hosted():.2f} dollars a "
        f"month, as much as Lambda's time for {hosted() / time:,.0f} answers in a thread."
    )


def report(counts: Mapping[str, Any]) -> str:
    """The tables of docs/cost.md."""
    answers, documents = counts["answers"], counts["documents"]
    month = idle(counts)
    return "\n\n".join(
        (
            f"Counted on {counts['counted']}.",
            _lines(answers, "answers"),
            OTHER_MEMORY,
            _memories(answers),
            _lines(documents, "documents"),
            _table(
                ["dollars a month, idle", ""],
                [[name, f"{each:.2f}"] for name, each in month.items()]
                + [["**together**", f"**{sum(month.values()):.2f}**"]],
            ),
            _hosting(dollars(next(iter(answers.values())))["Lambda, time"]),
            _counted(answers),
            _counted(documents),
            _table(
                ["price, us-east-1", "dollars", "for a", "read at", "dated"],
                [
                    [name, f"{p.dollars:.10f}".rstrip("0").rstrip("."), p.unit, p.source, p.dated]
                    for name, p in PRICES.items()
                ],
            ),
        )
    )


def filled(document: str, tables: str) -> str:
    """The document with these tables between its marks."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Prints the tables; with `count` they are counted, and written, anew."""
    if sys.argv[1:] == ["count"]:
        from benchmarks.counting import count  # noqa: PLC0415 - needs much that reckoning does not

        counts = asyncio.run(count())
        COUNTS.write_text(json.dumps(counts, indent=1) + "\n")
    tables = report(json.loads(COUNTS.read_text()))
    if sys.argv[1:]:
        DOCUMENT.write_text(filled(DOCUMENT.read_text(), tables))
    print(tables)


if __name__ == "__main__":
    main()
