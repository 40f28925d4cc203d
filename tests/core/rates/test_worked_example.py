"""The worked example in `core/rates/README.md` is what happens, in virtual time."""

import asyncio
import re
from pathlib import Path
from random import Random

from core.ports.rates import Call, Priority
from core.rates.budget import ConversationBudget
from core.rates.ledger import NEVER, InMemoryStore, Quota, Rate
from core.rates.limiter import Limiter
from tests.support.virtual import now, run

README = Path(__file__).parents[3] / "core/rates/README.md"
QUOTA = Quota(frozenset({Call.POST, Call.EDIT}), (Rate(6, 10.0),), by="channel")
LATENCY = 0.02


class Table:
    """What the processes share, and the lines of the example."""

    def __init__(self):
        self.store = InMemoryStore(QUOTA.longest)
        self.lines = [
            "seconds  process  what happens                         granted  reserved  paused"
        ]

    def log(self, process, what, ledger=None):
        line = f"{now():7.2f}  {process:7}  {what}"
        if ledger is not None:
            granted = sum(at > now() - QUOTA.longest for at in ledger.granted)
            paused = f"{ledger.paused_until:.2f}" if ledger.paused_until > now() else "-"
            line = f"{line:52}  {granted:7}  {ledger.reserved(now()):8}  {paused:>6}"
        self.lines.append(line)


class Shared:
    """One process's way to the table."""

    def __init__(self, table, name):
        self._table = table
        self._name = name

    async def publish(self, process, changes, seen, headroom, at):
        await asyncio.sleep(LATENCY)
        accepted, ledger = await self._table.store.publish(process, changes, seen, headroom, at)
        self._table.log(self._name, published(changes, headroom, accepted), ledger)
        await asyncio.sleep(LATENCY)
        return accepted, ledger

    async def read(self):
        await asyncio.sleep(LATENCY)
        ledger = await self._table.store.read()
        self._table.log(self._name, "  reads the ledger", ledger)
        await asyncio.sleep(LATENCY)
        return ledger


def published(changes, headroom, accepted):
    parts = []
    if changes.granted:
        parts.append(f"{len(changes.granted)} grant, headroom {headroom}")
    if changes.paused_until > NEVER:
        parts.append(f"pause until {changes.paused_until:.2f}")
    if not parts:
        parts.append("reservation")
    return f"  {'publishes' if accepted else 'REFUSED'}: {', '.join(parts)}"


async def example():
    table = Table()
    budgets = {}
    for seed, name in enumerate("AB"):
        limiter = Limiter(QUOTA, lambda: round(now(), 3), Shared(table, name), Random(seed))
        budgets[name] = ConversationBudget({call: [limiter] for call in QUOTA.calls}, "C1")
    a, b = budgets["A"], budgets["B"]

    async def call(name, kind, priority):
        what = f"{priority.name.lower()} {kind}"
        table.log(name, f"asks for {what}")
        await budgets[name].spend(kind, priority)
        table.log(name, f"{what} is made")

    with a.answering():
        await call("A", Call.POST, Priority.FIRST)
        with b.answering():
            await call("B", Call.POST, Priority.FIRST)
            await asyncio.gather(
                call("A", Call.EDIT, Priority.PROGRESS), call("B", Call.EDIT, Priority.PROGRESS)
            )
            await call("B", Call.EDIT, Priority.FINAL)
        table.log("B", "Slack answers 429, Retry-After 3")
        b.pause(Call.EDIT, 3)
        await b.published()
        await call("A", Call.EDIT, Priority.FINAL)
    await a.published()
    return "\n".join(table.lines)


def test_the_worked_example_of_the_readme_is_what_happens():
    """To renew the block, run with `-vv` and take what it compares with."""
    (block,) = re.findall(r"(?ms)^```text\n(seconds .*?)\n```$", README.read_text())
    assert run(example).splitlines() == block.splitlines()
