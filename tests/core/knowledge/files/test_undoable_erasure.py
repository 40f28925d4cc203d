"""Erasing a file by hand: who may, what is asked, what can be undone, and what is left."""

import pytest

from core.aws.dynamodb.erasures import DynamoErasures
from core.aws.dynamodb.history import DynamoHistory
from core.aws.dynamodb.manifest import DynamoManifest
from core.knowledge.files.undoable_erasure import Erasing
from core.ports.chat import Unreachable
from core.ports.documents import StoredObject
from core.values.answer import Message, Usage
from core.values.conversation import Command, Conversation, Kind, Person, Quoted, Rights
from core.values.documents import Document, DocumentId, State
from core.wording.catalogue import phrase
from ingestion.reconciliation.differences import GRACE, of_chunks, of_object
from tests.support.fake_chat import FakeChat
from tests.support.fakes import Clock

WHERE = Conversation("slack", "T1", "C1", None, Kind.CHANNEL)
FILE = DocumentId(WHERE.place, "F1")
ANA, BEN, EVE = Person("ana", "Ana"), Person("ben", "Ben"), Person("eve", "Eve")
SEEN = "0A".ljust(32, "0")


class Vault:
    def __init__(self):
        self.forgotten = []

    async def forget(self, prefix, *, keep=""):
        self.forgotten.append(prefix)


class FileEvents:
    def __init__(self):
        self.told = []

    async def written(self, document):
        self.told.append(document.id)


class Scene:
    def __init__(self, aws, hours=24, admins=()):
        self.clock, self.vault, self.file_events = Clock(), Vault(), FileEvents()
        where = aws.client("dynamodb"), aws.resources.table, aws.calls
        self.manifest = DynamoManifest(*where, clock=self.clock)
        self.history = DynamoHistory(*where, clock=self.clock)
        self.erasing = Erasing(
            self.manifest,
            DynamoErasures(*where, self.manifest),
            self.vault,
            self.history,
            self.file_events,
            hours=hours,
            admins=admins,
            clock=self.clock,
        )
        self.chat = FakeChat(WHERE)

    async def shared(self, by=BEN):
        key = f"{WHERE.place}/F1/plan.pdf"
        sharer = {"sharer": by.name, "sharer_id": by.id} if by else {}
        await self.manifest.register(Document(FILE, "plan.pdf", key, message="1.0", **sharer))
        await self.manifest.begin_version(FILE, key, "plan.pdf", SEEN, 5, etag="e")
        await self.manifest.ready(FILE, SEEN, pages=1, chunks=3)

    async def give(self, name, person=ANA, argument="F1"):
        command = Command(f"e/{name}/{person.id}", WHERE, person, name, argument)
        return await self.erasing.handle(command, self.chat)

    async def row(self):
        return (await self.manifest.get([FILE])).get(FILE)


@pytest.fixture
def scene(aws):
    return Scene(aws)


async def test_nothing_is_erased_that_was_not_asked_about(scene):
    await scene.shared()
    asked = await scene.give("remove", BEN)
    assert "Erase **plan.pdf**" in asked.markdown
    assert [each.name for each in asked.buttons] == ["erase"]
    assert (await scene.row()).state is State.READY


@pytest.mark.parametrize("name", ["remove", "erase", "undo"])
@pytest.mark.parametrize("argument", ["", "F9", "/", "x" * 2000, "가" * 400])
async def test_a_choice_that_is_no_file_of_the_list_erases_nothing(scene, name, argument):
    assert (await scene.give(name, argument=argument)).markdown == phrase("erase.gone")


async def test_who_neither_shared_a_file_nor_runs_anything_is_told_who_may(scene):
    await scene.shared()
    for name in ("remove", "erase"):
        said = await scene.give(name)
        assert "Only Ben, the channel's creator or an administrator can erase" in said.markdown
        assert not said.buttons
    assert (await scene.row()).state is State.READY
    scene.chat.faults["rights"] = [Unreachable("503")]
    assert "Only Ben" in (await scene.give("erase")).markdown


@pytest.mark.parametrize("rights", [Rights.PLACE, Rights.WORKSPACE])
async def test_who_runs_the_place_erases_anothers_file_in_sight_of_all(scene, rights):
    await scene.shared()
    scene.chat.run_by = {"ana": rights}
    assert "erased for good" in (await scene.give("erase")).markdown
    (told,) = scene.chat.messages.values()
    assert "Ana erased **plan.pdf**, which Ben shared" in told.markdown
    assert [each.name for each in told.buttons] == ["undo"]
    assert "is back" in (await scene.give("undo", BEN)).markdown
    assert (await scene.row()).state is State.READY


async def test_what_an_operator_put_there_is_for_administrators_alone(scene):
    await scene.shared(by=None)
    scene.chat.run_by = {"ana": Rights.PLACE}
    assert "Only an administrator" in (await scene.give("erase")).markdown
    scene.chat.run_by = {"ana": Rights.WORKSPACE}
    assert "erased for good" in (await scene.give("erase")).markdown


async def test_an_administrator_named_in_the_settings_may_and_a_guest_may_not(aws):
    scene = Scene(aws, admins={"slack/T1/ana", "slack/T1/eve"})
    await scene.shared()
    scene.chat.guests = frozenset({"eve"})
    assert "Only Ben" in (await scene.give("erase", EVE)).markdown
    assert "erased for good" in (await scene.give("erase")).markdown


async def test_a_hidden_file_is_in_no_answer_and_comes_back_as_it_was(scene):
    await scene.shared()
    before = await scene.row()
    await scene.give("erase", BEN)
    hidden = await scene.row()
    assert not hidden.seen_by({WHERE.scope})
    assert hidden.version == ""
    stored = StoredObject(hidden.key, 5, "e", scene.clock.now)
    scene.clock.now += 2 * GRACE
    assert of_object(stored, hidden, scene.clock.now) is None
    assert of_chunks(SEEN, hidden, scene.clock.now) is None
    assert await scene.erasing.due() == 0
    await scene.give("undo", BEN)
    back = await scene.row()
    assert (back.state, back.version, back.chunks) == (State.READY, before.version, 3)
    scene.clock.now += 48 * 3600
    assert await scene.erasing.due() == 0
    assert scene.vault.forgotten == []


async def test_after_its_hours_a_file_is_erased_everywhere_and_cannot_come_back(scene):
    await scene.shared()
    quoted = Quoted(frozenset({FILE.place}), frozenset({(FILE.place, FILE.file)}))
    asked, answer = Message("user", "q", "Ana", "2.0"), Message("assistant", "a")
    await scene.history.append("p/c", "p/2.0", asked, answer, Usage(), quoted=quoted)
    await scene.give("erase", BEN)
    scene.clock.now += 24 * 3600
    assert "too late" in (await scene.give("undo", BEN)).markdown
    assert await scene.erasing.due() == 1
    assert scene.vault.forgotten == [f"{WHERE.place}/F1/"]
    (kept,) = await scene.history.recent("p/c", 100)
    assert kept.forgotten
    assert (await scene.give("undo", BEN)).markdown == phrase("erase.gone")
    assert await scene.erasing.due() == 0


async def test_a_file_that_was_being_read_is_read_when_it_comes_back(scene):
    await scene.manifest.register(
        Document(FILE, "plan.pdf", "k", sharer="Ben", sharer_id="ben", message="1.0")
    )
    await scene.give("erase", BEN)
    await scene.give("undo", BEN)
    assert (await scene.row()).state is State.RECEIVED
    assert scene.file_events.told == [FILE]


async def test_without_hours_to_undo_a_file_is_erased_at_once(aws):
    scene = Scene(aws, hours=0)
    await scene.shared()
    assert "cannot be brought back" in (await scene.give("remove", BEN)).markdown
    assert "for good" in (await scene.give("erase", BEN)).markdown
    assert scene.vault.forgotten == [f"{WHERE.place}/F1/"]
    assert not (await scene.row()).erase_at
