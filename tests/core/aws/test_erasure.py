"""What is forgotten is in no row, passage, object version or dead letter; the rest is as it was."""

import asyncio
import json
import time

import pytest
from botocore.exceptions import ClientError

from core.aws.access.items import decode
from core.aws.dynamodb.claims import DynamoClaims
from core.aws.dynamodb.conversations import DynamoFeedback, DynamoHistory, DynamoPlaceSettings
from core.aws.dynamodb.departures import DynamoDepartures
from core.aws.dynamodb.rate_ledger import DynamoLedger
from core.aws.erasure import Eraser, Kept
from core.aws.provision import DEAD, TURNS
from core.aws.search.purge import Passages
from core.aws.sqs.admin import depth
from core.aws.sqs.pending import Notes
from core.aws.sqs.turns import SqsTurns, body
from core.knowledge.erasure import Target, Wanted, within
from core.ports.rates import Call, Priority
from core.rates.budget import Budgets, Quota, Rate
from core.values.answer import Message, MessageId, Usage
from core.values.conversation import Conversation, Incoming, Kind, Person, dumps, loads
from core.values.documents import Document, DocumentId, key_of
from tests.conftest import REGION
from tests.ingestion.shelf import Shelf

ANA, BEN = "UANA", "UBEN"
GENERAL = Conversation("slack", "T1", "CGEN", "1700000000.000100", Kind.CHANNEL)
RANDOM = Conversation("slack", "T1", "CGENERAL", "1700000000.000200", Kind.CHANNEL)
ANAS = Conversation("slack", "T1", "DANA", None, Kind.DIRECT)
BENS = Conversation("slack", "T1", "DBEN", None, Kind.DIRECT)
OTHER = Conversation("slack", "T10", "CGEN", "1700000000.000300", Kind.CHANNEL)
TALK = [
    (GENERAL, ANA), (GENERAL, BEN), (RANDOM, ANA), (RANDOM, BEN), (ANAS, ANA), (BENS, BEN),
    (OTHER, ANA), (OTHER, BEN),
]  # fmt: skip


def word(where, who):
    """A word that only this person's things in this place have."""
    return f"heron{where.tenant}{where.channel}{who}".lower()


class World:
    """Eight exchanges with all that hangs on them, each about one word."""

    def __init__(self, aws, index, url):
        self.aws, self.shelf = aws, Shelf(aws, index)
        self.db, self.table = aws.client("dynamodb"), aws.resources.table
        self.s3, self.sqs = self.shelf.s3, self.shelf.sqs
        self.passages = Passages(url, REGION)
        self.now = time.time()
        over = (self.db, self.table, aws.calls)
        self.claims = DynamoClaims(*over, owner="w", clock=lambda: self.now)
        self.history = DynamoHistory(*over, clock=lambda: self.now)
        self.settings = DynamoPlaceSettings(*over)
        self.feedback = DynamoFeedback(*over, clock=lambda: self.now)
        self.removals = DynamoDepartures(*over, clock=lambda: self.now)
        self.naps = []

    async def fill(self):
        for number, (where, who) in enumerate(TALK):
            said = word(where, who)
            message = f"17000000{number:02}.000100"
            event = f"{where.place}/{message}"
            asked = Incoming(event, where, Person(who), f"where is {said}?", message)
            claim = await self.claims.take(event, dumps(asked))
            await self.claims.posted(claim, [MessageId(f"m-{said}")])
            await self.claims.complete(claim)
            await self.history.append(
                where.key,
                event,
                Message("user", asked.text, f"name of {who}", message),
                Message("assistant", f"{said} is in the reeds"),
                Usage(),
                asker=who,
                direct=where.kind is Kind.DIRECT,
            )
            await self.feedback.rate(event, BEN if who == ANA else ANA, "up")
            await self.file(where, who, message)
            self.letters(asked)
        for where in {each for each, _ in TALK}:
            await self.settings.choose_model(where.place, "haiku")
            await self.removals.note(where.place)
            await self.called(where)
        await self.removals.note("slack/T1")
        await self.shelf.handle(*self.shelf.events(16))

    async def called(self, where):
        """Posts once: a channel's rate and its workspace's count it."""
        channel, each = Rate(1, 1.2), frozenset({Call.POST})
        quotas = Quota(each, (channel,), by="channel"), Quota(each, (Rate(300, 62),))

        def ledgers(workspace, name, seconds):
            key = {"pk": f"budget#{workspace}", "sk": name, "seconds": seconds}
            return DynamoLedger(self.db, self.table, self.aws.calls, **key)

        workspace = Budgets(where.platform, quotas, ledgers).of(where.tenant)
        await workspace.of(where.channel).spend(Call.POST, Priority.FIRST)

    async def file(self, where, who, message):
        file = f"F{who}"
        key = key_of(where.place, file, f"{word(where, who)}.txt")
        row = Document(
            DocumentId(where.place, file), f"{word(where, who)}.txt", key, sharer=f"name of {who}",
            sharer_id=who, message=message, shared_at=self.now,
        )  # fmt: skip
        await self.shelf.manifest.register(row)
        self.shelf.put(key, f"The {word(where, who)} nests.")
        self.shelf.put(key, f"The {word(where, who)} nests in reeds.")

    def letters(self, asked):
        resources = self.aws.resources
        self.sqs.send_message(
            QueueUrl=resources.turns_dead_queue,
            MessageBody=body(asked),
            MessageGroupId=asked.conversation.key.replace("/", "-"),
            MessageDeduplicationId=asked.message_id,
        )
        where, who = asked.conversation, asked.person.id
        key = f"{where.place}/F{who}/{word(where, who)}"
        told = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}}]}
        self.sqs.send_message(QueueUrl=resources.files_dead_queue, MessageBody=json.dumps(told))

    def eraser(self, place, person="", name="", *, sleep=None):
        async def nap(seconds):
            self.naps.append(seconds)
            self.now += seconds

        dead = (self.aws.resources.turns_dead_queue, self.aws.resources.files_dead_queue)
        kept = Kept(
            self.db, self.s3, self.sqs, self.table, self.shelf.bucket, dead, self.passages,
            self.shelf.manifest, self.aws.calls,
        )  # fmt: skip
        return Eraser(
            kept, Wanted(Target(place, person, name)), lambda text: None,
            clock=lambda: self.now, sleep=sleep or nap,
        )  # fmt: skip

    def rows(self):
        pages = self.db.get_paginator("scan").paginate(TableName=self.table)
        return [json.dumps(item) for page in pages for item in page["Items"]]

    def objects(self):
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.shelf.bucket)
        return [
            each["Key"] + each["VersionId"]
            for page in pages
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]

    def dead(self):
        found = []
        for url in (self.aws.resources.turns_dead_queue, self.aws.resources.files_dead_queue):
            while messages := self.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60
            ).get("Messages"):
                found += [each["Body"] for each in messages]
        return found

    async def chunks(self):
        index = self.shelf.index
        await index.refresh()
        answer = await index._client.search(index=index.name, body={"size": 1000})
        return [json.dumps(each["_source"]) for each in answer["hits"]["hits"]]

    async def everything(self):
        return {
            "rows": self.rows(),
            "objects": self.objects(),
            "chunks": await self.chunks(),
            "dead": self.dead(),
        }


@pytest.fixture
async def world(aws, index, opensearch):
    world = World(aws, index, opensearch)
    await world.fill()
    yield world
    await world.passages.close()


def about(everything, *needles):
    return [
        each for some in everything.values() for each in some if any(n in each for n in needles)
    ]


def words(everything):
    """Which of the planted words are left, and where."""
    return {
        (where.place, who, kind)
        for kind, some in everything.items()
        for where, who in TALK
        if any(f"{word(where, who)}{end}" in each for each in some for end in '? .-"')
    }


KINDS = ("rows", "objects", "chunks", "dead")


def kept(*talk):
    return {(where.place, who, kind) for where, who in talk for kind in KINDS}


async def test_a_workspace_is_forgotten_and_its_neighbour_is_not(world):
    counted = await world.eraser("slack/T1").count()
    before = len(world.rows())
    assert words({"rows": world.rows()}) == {k for k in kept(*TALK) if k[2] == "rows"}
    report = await world.eraser("slack/T1").erase()
    assert report.failures == []
    left = await world.everything()
    assert words(left) == kept((OTHER, ANA), (OTHER, BEN))
    assert about(left, "slack/T1/", '"slack/T1"', '"T1"', "T1CGEN", "DANA") == []
    assert report.counts["exchanges"] == report.counts["files"] == 6
    assert report.counts["objects' versions"] == 12
    assert report.counts["passages"] == 6
    assert report.counts["dead letters"] == 12
    del report.counts["dead letters"]
    assert counted.counts == report.counts
    assert before - len(left["rows"]) == sum(
        n for kind, n in report.counts.items() if kind not in ("passages", "objects' versions")
    )


async def test_a_channel_is_forgotten_and_one_whose_name_begins_the_same_is_not(world):
    report = await world.eraser("slack/T1/CGEN").erase()
    assert report.failures == []
    left = await world.everything()
    assert words(left) == kept(*(each for each in TALK if each[0] is not GENERAL))
    assert about(left, "slack/T1/CGEN/", "slack/T1/CGEN#", 'slack/T1/CGEN"') == []
    channels = {n for n in left["rows"] if "channel:post#" in n and 'slack/T1"' in n}
    assert len(channels) == 3
    assert not [each for each in channels if "#CGEN#" in each]


async def test_a_person_is_forgotten_everywhere_in_the_workspace(world):
    report = await world.eraser("slack/T1", ANA).erase()
    assert report.failures == []
    left = await world.everything()
    assert words(left) == kept(*(each for each in TALK if each[1] == BEN or each[0] is OTHER))
    inside = {name: [e for e in some if "T10" not in e] for name, some in left.items()}
    assert about(inside, ANA, "DANA", ANA.lower()) == []
    assert [n for n in inside["rows"] if "settings#slack/T1/DBEN" in n]


async def test_exchanges_that_do_not_say_who_asked_are_told_and_go_by_name(world):
    event = f"{GENERAL.place}/1600000000.000100"
    await world.history.append(
        GENERAL.key, event, Message("user", "old", "name of UANA", "1600000000.000100"),
        Message("assistant", "ancient"), Usage(),
    )  # fmt: skip
    assert (await world.eraser("slack/T1", ANA).erase()).untold == 1
    assert about({"rows": world.rows()}, "ancient")
    assert (await world.eraser("slack/T1", ANA, "name of UANA").erase()).untold == 0
    assert not about({"rows": world.rows()}, "ancient")


async def test_a_run_that_was_cut_is_repeated_and_nothing_was_searchable_meanwhile(world):
    class Cut(Exception):
        pass

    eraser = world.eraser("slack/T1", ANA)

    async def cut(report):
        raise Cut

    eraser._searched = cut
    with pytest.raises(Cut):
        await eraser.erase()
    said = word(GENERAL, ANA)
    assert await world.shelf.search(f"the {said} nests in reeds", GENERAL.place) == [
        f"The {word(GENERAL, BEN)} nests in reeds."
    ]
    assert (await world.eraser("slack/T1", ANA).erase()).failures == []
    left = await world.everything()
    assert words(left) == kept(*(each for each in TALK if each[1] == BEN or each[0] is OTHER))


async def test_what_the_bucket_tells_afterwards_and_what_came_late_leaves_nothing(world):
    world.shelf.put(f"{GENERAL.place}/FLATE/late.txt", "late")
    late = world.shelf.events(1)
    await world.eraser("slack/T1").erase()
    removed = world.shelf.events(13)
    assert len(removed) >= 12
    assert await world.shelf.handle(*late, *removed) == []
    left = await world.everything()
    assert about(left, "slack/T1/", "late.txt") == []


async def test_a_file_that_is_read_meanwhile_is_given_up(world):
    place, running = GENERAL.place, asyncio.Event()
    world.shelf.put(f"{place}/FNEW/new.txt", "heronnew is being read")
    forgotten = asyncio.Event()

    async def hook():
        running.set()
        await forgotten.wait()

    world.shelf.words.hook = hook
    (event,) = world.shelf.events(1)
    reading = asyncio.create_task(world.shelf.handle(event))
    await running.wait()
    await world.eraser("slack/T1").erase()
    forgotten.set()
    await reading
    world.shelf.words.hook = None
    left = await world.everything()
    assert about(left, "slack/T1/", "heronnew") == []


async def test_an_answer_that_is_being_given_is_waited_for(world):
    event = f"{GENERAL.place}/1800000000.000100"
    asked = Incoming(event, GENERAL, Person(ANA), "heronlast?", "1800000000.000100")
    claim = await world.claims.take(event, dumps(asked))

    async def nap(seconds):
        world.naps.append(seconds)
        if len(world.naps) == 2:
            await world.claims.complete(claim)

    report = await world.eraser("slack/T1", sleep=nap).erase()
    assert report.failures == []
    assert len(world.naps) == 2
    assert about({"rows": world.rows()}, "slack/T1/", "heronlast") == []


async def test_an_answer_that_does_not_end_is_told_and_left_whole(world):
    event = f"{GENERAL.place}/1800000000.000100"
    asked = Incoming(event, GENERAL, Person(ANA), "heronlast?", "1800000000.000100")
    claim = await world.claims.take(event, dumps(asked))

    async def nap(seconds):
        world.now += 5
        await world.claims.renew(claim)

    report = await world.eraser("slack/T1", sleep=nap).erase()
    assert [each.split(":")[0] for each in report.failures] == ["1 answers are still being given"]
    assert await world.claims.renew(claim) is False  # it is theirs still


async def test_an_object_that_may_not_be_deleted_is_told(world, monkeypatch):
    def refuse(Bucket, Delete):  # noqa: N803 - boto3's names
        key = Delete["Objects"][0]["Key"]
        return {"Errors": [{"Key": key, "VersionId": "v", "Code": "AccessDenied"}]}

    monkeypatch.setattr(world.s3, "delete_objects", refuse)
    report = await world.eraser("slack/T1/CGEN").erase()
    assert len(report.failures) == 1
    assert "AccessDenied" in report.failures[0]


async def test_what_could_not_be_deleted_is_found_by_the_next_run(world, monkeypatch):
    whole = world.s3.delete_objects

    def refuse(Bucket, Delete):  # noqa: N803 - boto3's names
        first, *others = Delete["Objects"]
        if others:
            whole(Bucket=Bucket, Delete={**Delete, "Objects": others})
        return {"Errors": [{**first, "Code": "InternalError"}]}

    with monkeypatch.context() as patched:
        patched.setattr(world.s3, "delete_objects", refuse)
        assert (await world.eraser("slack/T1", ANA).erase()).failures
    (left, *_) = [each for each in world.objects() if f"/F{ANA}/" in each and "/T1/" in each]
    document = DocumentId(left.partition(f"/F{ANA}/")[0], f"F{ANA}")
    assert (await world.shelf.manifest.get([document]))[document].forgotten
    assert (await world.eraser("slack/T1", ANA).erase()).failures == []
    assert words(await world.everything()) == kept(
        *(each for each in TALK if each[1] == BEN or each[0] is OTHER)
    )


async def test_other_dead_letters_can_be_had_at_once(world):
    await world.eraser("slack/T1").erase()
    for url in (world.aws.resources.turns_dead_queue, world.aws.resources.files_dead_queue):
        assert depth(world.sqs, url).waiting == 2
        assert depth(world.sqs, url).in_flight == 0


async def test_dead_letters_that_may_not_be_deleted_are_told(world, monkeypatch):
    def refuse(**_):
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteMessage")

    monkeypatch.setattr(world.sqs, "delete_message", refuse)
    report = await world.eraser("slack/T1").erase()
    assert report.counts["dead letters"] == 0
    assert report.failures == ["6 dead letters were not deleted: run this again."] * 2


@pytest.mark.parametrize(
    "name, prefix, inside",
    [
        ("slack/T1", "slack/T1", True),
        ("slack/T1/C1", "slack/T1", True),
        ("slack/T1#post", "slack/T1", True),
        ("slack/T10", "slack/T1", False),
        ("slack/T1/C10/5", "slack/T1/C1", False),
        ("slack/T1/C1/5~2", "slack/T1/C1", True),
        ("teams/T1", "slack/T1", False),
    ],
)
def test_a_name_is_within_a_place_by_whole_parts(name, prefix, inside):
    assert within(name, prefix) is inside


def noted(world, where, who, message="1800000000.000100"):
    """A question that waits in the queue, as a receiver leaves it."""
    asked = Incoming(f"{where.place}/{message}", where, Person(who), f"heronwait {who}?", message)
    Notes(world.db, world.table, lambda: world.now).note(asked)
    turns = SqsTurns(world.sqs, world.aws.resources.turns_queue, world.aws.calls)
    turns.enqueue_blocking(asked)
    return asked


async def answered(world):
    """Which of the questions that wait a worker takes up, and the messages that are left."""
    url = world.aws.resources.turns_queue
    taken = []
    while found := world.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in found:
            asked = loads(each["Body"])
            if await world.claims.take(asked.event_id, each["Body"]) is not None:
                taken.append((asked.conversation.place, asked.person.id))
            world.sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return sorted(taken)


@pytest.mark.parametrize(
    "target, left",
    [
        (("slack/T1", ANA), [(GENERAL, BEN), (OTHER, ANA)]),
        (("slack/T1/CGEN", ""), [(RANDOM, ANA), (OTHER, ANA)]),
        (("slack/T1", ""), [(OTHER, ANA)]),
    ],
)
async def test_a_question_that_waits_in_the_queue_is_not_answered_and_its_text_is_gone(
    world, target, left
):
    waiting = [(GENERAL, ANA), (GENERAL, BEN), (RANDOM, ANA), (OTHER, ANA)]
    for number, (where, who) in enumerate(waiting):
        noted(world, where, who, f"180000000{number}.000100")
    counted = await world.eraser(*target).count()
    report = await world.eraser(*target).erase()
    assert report.failures == []
    assert counted.counts["waiting questions"] == len(waiting) - len(left)
    assert report.counts["waiting questions"] == len(waiting) - len(left)
    assert len(about({"rows": world.rows()}, "heronwait")) == len(left)
    # a second run finds nothing, and does not let the queue bring them back
    again = await world.eraser(*target).erase()
    assert (again.counts.total(), again.failures) == (0, [])
    assert await answered(world) == sorted((where.place, who) for where, who in left)


async def test_what_says_that_it_is_over_outlives_its_message_also_as_a_dead_letter(world):
    noted(world, GENERAL, ANA)
    await world.eraser("slack/T1", ANA).erase()
    rows = [decode(json.loads(each)) for each in world.rows()]
    over = next(each for each in rows if each.get("gone") and each["pk"].startswith("claim#"))
    queued, dead = (int(each["MessageRetentionPeriod"]) for each in (TURNS, DEAD))
    assert over["ttl"] > world.now + queued + dead + queued  # `parley redrive` on its last day


async def test_an_answer_whose_worker_is_gone_is_not_taken_up_again(world):
    asked = noted(world, GENERAL, ANA)
    await world.claims.take(asked.event_id, dumps(asked))
    world.now += 60
    assert (await world.eraser("slack/T1", ANA).erase()).failures == []
    assert about({"rows": world.rows()}, "heronwait") == []
    assert await answered(world) == []
    assert await world.claims.orphans() == []
    # what its buttons would have done once more is no question
    assert not isinstance(loads((await world.claims.read(asked.event_id)).incoming), Incoming)


async def test_an_answer_that_does_not_end_is_found_when_its_worker_goes(world):
    asked = noted(world, GENERAL, ANA)
    claim = await world.claims.take(asked.event_id, dumps(asked))

    async def nap(seconds):
        world.now += 5
        await world.claims.renew(claim)

    report = await world.eraser("slack/T1", sleep=nap).erase()
    assert [each.split(":")[0] for each in report.failures] == ["1 answers are still being given"]
    world.now += 120
    assert [each.claim.event_id for each in await world.claims.orphans()] == [asked.event_id]


async def test_what_was_deleted_at_the_platform_is_not_taken_for_an_older_exchange(world):
    await world.history.forget(GENERAL.key, "1650000000.000100")
    assert (await world.eraser("slack/T1", ANA).erase()).untold == 0
