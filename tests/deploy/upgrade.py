"""An older version is deployed, this one over it, the older one again: what is kept, what works.

    python -m tests.deploy.upgrade REV

REV is a commit whose template has both platforms. Its own code is built and deployed, by its own
template, on the local AWS. Under each version people ask, share and choose, and a question and a
file are left waiting in their queues for the version that comes after it. After the upgrade the
table's rows are lost and restored. A clone that does not go back as far as REV is told so.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.aws import LocalAws, free_port
from local.bedrock.server import BedrockStandIn, Script
from local.opensearch.node import LocalOpenSearch
from tests.deploy.conftest import REGION, ROOT, Deployed, around, surroundings
from tests.deploy.restoring import bring_back, lose, rows, settled
from tests.ingestion.pdfs import pdf
from tests.support.teams_world import ANA as TEAMS_ANA
from tests.support.teams_world import GENERAL as TEAMS_GENERAL
from tests.support.world import ANA, GENERAL, until

KEPT = ("Table", "Documents", "Turns", "TurnsDead", "Files", "FilesDead")
ADDRESSES = ("SlackEventsUrl", "TeamsMessagesUrl")
SETTINGS = {"ForgetAfterDays": "30", "Workers": "lambda"}
"""Parameters that an older template may not know, as samconfig.toml keeps them."""
CHOSEN = "opus"
QUOTING = Script(size=200, pace=0.001)
BIRDS = {
    "old": ("heron", "frogs", "plover", "beetles"),
    "new": ("osprey", "trout", "curlew", "crabs"),
}
"""For what each version leaves: a document's bird and its food, and those of one that waits."""


@dataclass
class Left:
    """What people have from one version: threads, and documents that can be asked about."""

    version: str
    slack: str
    teams: str
    waiting: str = ""
    birds: dict = field(default_factory=dict)


def main():
    """Exits 1 where a check failed."""
    rev = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as name, worktree(rev, Path(name) / "old") as old:
        checked = asyncio.run(run(old, Path(name)))
    say(f"\nFrom {rev} to this version and back\n\n| after | what | holds |\n|---|---|---|")
    for after, what, detail, held in checked:
        say(f"| {after} | {what}{detail and f': {detail}'} | {'yes' if held else '**no**'} |")
    sys.exit(not all(held for *_, held in checked))


def say(line, out=sys.stdout):
    out.write(f"{line}\n")
    out.flush()


@contextmanager
def worktree(rev, path):
    """That version's files, beside the clone's own."""
    if git("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}").returncode:
        shallow = git("rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        more = " It is shallow: `git fetch --unshallow`." if shallow else ""
        sys.exit(f"{rev} is not in this clone, so nothing was tried.{more}")
    git("worktree", "add", "--detach", str(path), rev).check_returncode()
    try:
        yield path
    finally:
        git("worktree", "remove", "--force", str(path))


def git(*arguments):
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


async def run(old, folder):
    """Deploys the older version, this one and the older one; what was checked, as rows."""
    ports = {name: free_port() for name in ("slack", "teams", "bedrock")}
    node = LocalOpenSearch(folder / "opensearch", free_port())
    local = LocalAws(folder / "aws", free_port(), region=REGION, more=surroundings(ports))
    with node, local:
        upgrade = Upgrade(Deployed(local, folder, ports, node.url))
        await upgrade.deploy(old)
        async with around(upgrade.deployed, BedrockStandIn(QUOTING)) as both:
            upgrade.both = both
            await upgrade.choose()
            await upgrade.leave("old")
            await upgrade.replace_with(ROOT, "the upgrade")
            await upgrade.restore("the restore")
            await upgrade.leave("new")
            await upgrade.replace_with(old, "going back")
        return upgrade.rows


class Upgrade:
    """One stack, what people left in it, and what was checked."""

    def __init__(self, deployed):
        self.deployed = deployed
        self.both = None
        self.left = []
        self.rows = []
        self.made = {}
        self.after = ""

    async def deploy(self, root):
        began = time.monotonic()
        self.deployed.root = root
        await asyncio.to_thread(self.deployed.build)
        await asyncio.to_thread(lambda: self.deployed.deploy(**SETTINGS))
        self.made.setdefault(root, self.deployed.resources)
        say(f"{root.name}: deployed in {time.monotonic() - began:.0f} s", sys.stderr)

    async def choose(self):
        """A channel's model, which is kept in the table."""
        await self.both.slack.command(ANA, GENERAL, "/model", CHOSEN)
        await self.both.whispered(seconds=90)

    async def leave(self, version):
        """Questions in Slack and Teams, a document; then what waits for the next version."""
        bird, food, waits, its_food = BIRDS[version]
        slack = await self._asked_in_slack(f"first under the {version}", version)
        teams = await self._asked_in_teams(f"first under the {version}", version)
        left = Left(version, slack, teams, birds={bird: food, waits: its_food})
        self._put(bird, food)
        await until(lambda: self._state(bird) == "ready", 90)
        assert await self._answered_from(bird, food), f"{bird} is not found before anything changes"
        self._sources(enabled=False)
        await asyncio.sleep(2)  # what is being asked for at this moment comes to nothing
        self.both.bedrock.script = Script(text=f"At last, from the {version}.", pace=0.001)
        left.waiting = self.both.slack.say(ANA, GENERAL, f"@Parley asked under the {version}")
        self._put(waits, its_food)
        await until(lambda: self._waiting("Turns") and self._waiting("Files"), 30)
        self.left.append(left)

    async def replace_with(self, root, after):
        """Deploys another version over the one there is, and looks at everything."""
        self.after = after
        deployed = self.deployed
        ids, addresses = deployed.resources, deployed.outputs
        kept, objects = self._table(), self._objects()
        logged = {name: len(self._errors(name)) for name in ("worker", "ingester", "schedule")}
        first = self.made.get(root)
        await self.deploy(root)
        if first:
            self._row(
                "the stack has what it had at first", deployed.resources.keys() == first.keys()
            )
        self._kept(ids, addresses, kept, objects)
        self._sources(enabled=True)
        await self._what_waited()
        for left in self.left:
            await self._what_was_left(left)
        await self._clock()
        errors = [e for n, known in logged.items() for e in self._errors(n)[known:]]
        self._row("no function logs an error", not errors, " ".join(sorted(set(errors))))
        dead = [name for name in ("TurnsDead", "FilesDead") if self._waiting(name)]
        self._row("no dead letters", not dead)

    def _kept(self, ids, addresses, kept, objects):
        deployed = self.deployed
        now = deployed.resources
        self._row("table, bucket, queues are the same", all(now[e] == ids[e] for e in KEPT))
        told = deployed.outputs
        self._row("the addresses are the same", all(told[e] == addresses[e] for e in ADDRESSES))
        there = self._table()
        lost = sorted({pk for pk, sk in kept if there.get((pk, sk)) != kept[pk, sk]})
        self._row("every row of the table is as it was", not lost, ", ".join(lost) or len(kept))
        gone = objects - self._objects()
        self._row("every version of every object is there", not gone, len(objects))

    async def _what_waited(self):
        left, both = self.left[-1], self.both
        await until(lambda: len(self._ended(left.waiting)) > 0, 120)
        await until(lambda: not self._waiting("Turns") and not self._waiting("Files"), 60)
        (answer,) = self._ended(left.waiting)
        shown = both.text(answer)
        self._row("the question that waited is answered, once", "At last" in shown)
        waited = list(left.birds)[1]
        await until(lambda: self._state(waited) in ("ready", "failed"), 90)
        self._row("the file that waited is read", self._state(waited) == "ready")

    async def restore(self, after):
        """Loses the table's rows, and brings them back as docs/operate.md says."""
        self.after = after
        dynamodb, table = self.deployed.client("dynamodb"), self.deployed.resources["Table"]
        (left,) = self.left
        await until(lambda: settled(dynamodb, table), 30)
        backup, lost = await asyncio.to_thread(lose, dynamodb, table)
        self._row("Slack: without its rows the thread is not known", not await self._slack(left))
        self._row("Teams: the same", not await self._teams(left))
        await asyncio.to_thread(bring_back, dynamodb, table, backup, self.deployed.environ)
        there = self._table()
        self._row("every row is back", all(there.get(key) == lost[key] for key in lost), len(lost))
        await self._what_was_left(left)

    async def _what_was_left(self, left):
        whose = f"{left.version} version's"
        self._row(f"Slack: the {whose} thread goes on", await self._slack(left))
        model = self.both.bedrock.calls[-1]["model"]
        self._row("the model chosen under the old one answers", CHOSEN in model)
        self._row(f"Teams: the {whose} thread goes on", await self._teams(left))
        for bird, food in left.birds.items():
            found = await self._answered_from(bird, food)
            self._row(f"the {whose} document is found", found, bird)

    async def _clock(self):
        """What the clock calls, called once."""
        for name in ("ScheduleFunction", "ReconcilerFunction"):
            if function := self.deployed.resources.get(name):
                told = await asyncio.to_thread(
                    self.deployed.client("lambda").invoke, FunctionName=function, Payload=b"{}"
                )
                shown = told["Payload"].read().decode()
                self._row(f"{name} has nothing to do", not any(json.loads(shown).values()), shown)

    def _row(self, what, held, detail=""):
        self.rows.append((self.after, what, detail, bool(held)))
        say(f"{self.after}: {what}: {held} {detail}", sys.stderr)

    # what people do

    async def _slack(self, left):
        """Whether a follow-up carries the first answer to the model, with the marks that it has in
        the table: platforms show it with others, and their threads are read as well."""
        await self._asked_in_slack("and then?", "later", left.slack)
        return f"__{left.version}__ answer" in json.dumps(self.both.bedrock.calls[-1]["body"])

    async def _teams(self, left):
        await self._asked_in_teams("and then?", "later", left.teams)
        return f"__{left.version}__ answer" in json.dumps(self.both.bedrock.calls[-1]["body"])

    async def _asked_in_slack(self, text, word, thread=None):
        self.both.bedrock.script = Script(text=f"The __{word}__ answer.", pace=0.001)
        before = len(self._ended(thread))
        asked = self.both.slack.say(ANA, GENERAL, f"@Parley {text}", thread)
        await until(lambda: len(self._ended(thread or asked)) > before, 90)
        return asked

    async def _asked_in_teams(self, text, word, root=""):
        self.both.bedrock.script = Script(text=f"The __{word}__ answer.", pace=0.001)
        number = len(self.both.said(TEAMS_GENERAL)) + 1
        asked = self.both.teams.say(TEAMS_ANA, TEAMS_GENERAL, f"@Parley {text}", root)
        await self.both.replied(TEAMS_GENERAL, number, 90)
        return asked

    async def _answered_from(self, bird, food):
        self.both.bedrock.script = QUOTING
        asked = self.both.slack.say(ANA, GENERAL, f"@Parley what does the {bird} eat?")
        (answer,) = await until(lambda: self._ended(asked), 90)
        shown = self.both.text(answer)
        return food in shown and f"{bird}.pdf" in shown

    def _ended(self, thread):
        """The bot's messages in a thread, if all have ended."""
        said = [each for each in self.both.answers() if each.get("thread_ts") == thread]
        return said if all(map(self.both.world.ended, said)) else []

    # what the stack has

    def _put(self, bird, food):
        text = [f"The {bird} nests in tall trees near water.", f"The {bird} eats {food}."]
        self.deployed.client("s3").put_object(
            Bucket=self.deployed.resources["Documents"], Key=_key(bird), Body=pdf(text)
        )

    def _state(self, bird):
        rows = [e for (pk, _), e in self._table().items() if pk == "files#library"]
        return next((e["state"]["S"] for e in rows if e.get("key") == {"S": _key(bird)}), "")

    def _table(self):
        return rows(self.deployed.client("dynamodb"), self.deployed.resources["Table"])

    def _objects(self):
        pages = self.deployed.client("s3").get_paginator("list_object_versions")
        found = pages.paginate(Bucket=self.deployed.resources["Documents"])
        return {(e["Key"], e["VersionId"]) for page in found for e in page.get("Versions", ())}

    def _waiting(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.deployed.client("sqs").get_queue_attributes(
            QueueUrl=self.deployed.resources[queue], AttributeNames=names
        )
        return sum(int(each) for each in told["Attributes"].values())

    def _sources(self, *, enabled):
        functions = self.deployed.client("lambda")
        for each in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=each["UUID"], Enabled=enabled)

    def _errors(self, function):
        lines = [json.loads(e) for e in self.deployed.logged(function) if e.startswith("{")]
        return [e["message"] for e in lines if e.get("level") in ("ERROR", "CRITICAL")]


def _key(bird):
    return f"library/{bird}.pdf"


if __name__ == "__main__":
    main()
