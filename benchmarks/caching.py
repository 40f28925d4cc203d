"""What conversations read from Claude's prompt cache, what they cost, and what waiting looks like.

The product's prompts go through its Bedrock client to the stand-in, which counts the cache as the
service does: prefixes, minimum, five minutes after the last use. Its clock is ours: the twenty
questions of a conversation are a minute apart, each with six passages of its own and an answer of
300 tokens. Prints tables; `python -m benchmarks.caching`.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date

import boto3
from aiohttp import web

from core.aws.bedrock.client import BedrockModel
from core.knowledge.follow_up import standing_alone
from core.ports.rates import Call
from core.rates.budget import Quota, Rate, WorkspaceBudget
from core.streaming.live import Ending, LiveMessage
from core.streaming.markdown.links import Policy
from core.turn.prompt import prompt
from core.turn.prompt.prompt_blocks import passages_block
from core.values.answer import CachePoints, Delta, Message, Prompt, Usage
from core.values.conversation import Conversation, Incoming, Kind, Person
from core.values.documents import Document, DocumentId, Locator, Passage, State
from core.values.models import MODELS
from local.bedrock.server import BedrockStandIn, Script
from tests.support.fake_chat import FakeChat
from tests.support.fakes import Clock

QUESTIONS, PASSAGES, ANSWER = 20, 6, 300
SIZES = (100, 200, 400, 1_000, 2_000)
"""Tokens of a passage: a short post's, up to the longest parents."""
THOUGHTS = {"haiku": 300, "sonnet": 600, "opus": 600}
"""Tokens of thinking that an answer is reckoned with: an assumption, no page says how many."""
APART = 60.0
CHAT = Conversation("slack", "T1", "D1", None, Kind.DIRECT)
ONE_SHOT = "one question each"


@asynccontextmanager
async def bedrock(
    script: Script, clock: Clock
) -> AsyncIterator[tuple[BedrockModel, BedrockStandIn]]:
    standin = BedrockStandIn(script, clock=clock)
    runner = web.AppRunner(standin.app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = f"http://{host}:{port}"
    model = BedrockModel(["us-east-1", "us-west-2"], boto3.Session("test", "test"))
    try:
        yield model, standin
    finally:
        await model.close()
        await runner.cleanup()


def words(seed: str, tokens: int) -> str:
    """A text of so many tokens, four characters each."""
    chance = random.Random(seed)
    return "".join(chance.choice(("rain ", "leaf ", "moss ", "fern ")) for _ in range(tokens))[
        : 4 * tokens
    ]


def block(number: int, size: int) -> str:
    document = Document(DocumentId("slack/T1/D1", "F1"), "a.pdf", "k", State.READY, version="1")
    return passages_block(
        [
            Passage(document, words(f"{number}/{each}", size), Locator("page", each, each))
            for each in range(1, PASSAGES + 1)
        ]
    )


@dataclass
class Counted:
    """Tokens of answers, as the stand-in counted them, and dollars of all calls."""

    usage: list[Usage] = field(default_factory=list)
    dollars: float = 0.0
    vain: int = 0

    def total(self, name: str) -> int:
        return sum(getattr(each, name) for each in self.usage)

    @property
    def share(self) -> float:
        return self.total("cache_read_tokens") / self.total("input_tokens")


async def talk(name: str, size: int, *, cached: bool = True, one_shot: bool = False) -> Counted:
    """Twenty questions: of one conversation, or of twenty."""
    clock, counted = Clock(), Counted()
    begin = clock.now
    script = Script(text=words("answer", ANSWER), size=400, pace=0, thoughts=THOUGHTS[name])
    history: list[Message] = []
    async with bedrock(script, clock) as (model, standin):
        till = Till(model)
        for number in range(QUESTIONS):
            clock.now = begin + number * APART
            message_id = f"{clock.now:.6f}"
            text = words(f"question {number}", 20)
            asked = Incoming(f"D1/{message_id}", CHAT, Person("U1"), text, message_id)
            standin.script = Script(text=text, size=400, pace=0)
            await standing_alone("And what of it?", history, till)
            standin.script = script
            given = block(number, size)
            built = prompt.build(asked, name, history, date(2026, 12, 1), block=given)
            if not cached:
                built = replace(built, cached=CachePoints())
            counted.usage += [delta.usage async for delta in till.stream(built) if delta.usage]
            if not one_shot:
                history += [
                    Message("user", text, "", message_id),
                    Message("assistant", words(f"said {number}", ANSWER)),
                ]
        clock.now += 600
        standin.cache.count("", "", {})
        counted.vain, counted.dollars = standin.cache.vain, till.dollars
    return counted


class Till:
    """Adds up the dollars of every call, whatever it is for."""

    def __init__(self, inner: BedrockModel) -> None:
        self._inner = inner
        self.dollars = 0.0

    async def stream(self, asked: Prompt) -> AsyncIterator[Delta]:
        async for delta in self._inner.stream(asked):
            if delta.usage is not None:
                self.dollars += MODELS[asked.model].cost(delta.usage)
            yield delta


async def waits(thinks: float) -> list[tuple[float, str]]:
    """What stands in the message, from the question on, with a model that thinks first."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def posted(ids: object) -> None:
        pass

    quotas = (Quota(frozenset({Call.POST, Call.EDIT}), (Rate(50, 60),)),)
    budget = WorkspaceBudget(quotas, loop.time).of("C1")
    chat = FakeChat(CHAT)
    live = LiveMessage(chat, budget, Policy(), mark="r", running=(), posted=posted)
    script = Script(text=words("answer", ANSWER), thinks=thinks, thoughts=500)
    async with bedrock(script, Clock()) as (model, _):
        with budget.answering():
            await live.start()
            writing = asyncio.create_task(live.run())
            asked = Incoming("D1/1", CHAT, Person("U1"), "Why?", "1")
            live.thinks()
            async for delta in model.stream(prompt.build(asked, "sonnet", (), date(2026, 12, 1))):
                live.feed(delta.text)
            live.close()
            await writing
            await live.finish(Ending("Claude Sonnet 5.5"))
    seen = [(each.at - began, each.text) for each in chat.made]
    first = next(n for n, (_, text) in enumerate(seen) if not text.startswith("_"))
    return seen[: first + 1]


async def main() -> None:
    print("Read from the cache: 20 questions a minute apart, Sonnet 5.5\n")
    print("| tokens of a passage | input | read | share | written | in vain |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        found = await talk("sonnet", size)
        told = [found.total(f"{each}_tokens") for each in ("input", "cache_read", "cache_write")]
        print(
            f"| {size:,} | {told[0]:,} | {told[1]:,} | {found.share:.0%} | {told[2]:,} |"
            f" {found.vain:,} |"
        )
    found = await talk("sonnet", 400, one_shot=True)
    print(f"| 400, {ONE_SHOT} | {found.total('input_tokens'):,} | 0 | 0% | "
          f"{found.total('cache_write_tokens')} | {found.vain} |")  # fmt: skip
    print("\nDollars for 1,000 answers: passages of 400 tokens, thinking and rewriting included\n")
    print("| model | of a conversation | without the cache | one question each |")
    print("|---|---|---|---|")
    for name in THOUGHTS:
        runs = [
            await talk(name, 400),
            await talk(name, 400, cached=False),
            await talk(name, 400, one_shot=True),
        ]
        cells = " | ".join(f"{1000 * each.dollars / QUESTIONS:.2f}" for each in runs)
        print(f"| {MODELS[name].label} | {cells} |")
    for thinks in (3.0, 12.0):
        print(f"\nA model that thinks for {thinks:g} s first\n")
        for at, text in await waits(thinks):
            print(f"- {at:.1f} s: {text[:40]}")


if __name__ == "__main__":
    asyncio.run(main())
