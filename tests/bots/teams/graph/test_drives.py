"""Files in SharePoint and OneDrive: opened only for who may, and seen as they are now."""

from contextlib import asynccontextmanager

import pytest

from bots.teams.graph.drives import BATCH, FRESH
from bots.teams.graph.shares import ITEM, SHARE, is_named, version_of
from core.ports.chat import Forbidden, RateLimited, Unreachable
from core.ports.documents import SharerNotAllowed
from core.ports.file_sources import Freshness
from core.values.conversation import Attachment, Kind
from core.values.documents import Document, DocumentId
from local.teams.tenant.people import HUMANS
from local.teams.tenant.state import drive_of
from tests.bots.teams.graph.test_file_access import ANA, BEN, chat_in, read
from tests.support.teams_world import CHAT, CREW, FINANCE, GENERAL

CHAE = HUMANS[2]


def named(teams, file, name="plan.pdf"):
    """What a message becomes that names a file's address, whosever it is."""
    address = teams.graph.address(teams.tenant.files[file])
    return Attachment(file, name, "", 0, f"{SHARE}{address}", address)


@asynccontextmanager
async def another_file(room=GENERAL, kind=Kind.CHANNEL, owner=BEN, drive="", person=ANA):
    """A chat in which somebody names the address of a file that Ben keeps."""
    async with chat_in(room, kind, person) as (teams, chat, _):
        file = teams.tenant.store(owner.id, "plan.pdf", b"secret", drive)["id"]
        yield teams, chat, file


@pytest.mark.parametrize(("room", "kind"), [(GENERAL, Kind.CHANNEL), (CREW, Kind.GROUP)])
async def test_a_file_that_is_not_its_sharers_to_open_is_not_opened(room, kind):
    async with another_file(room, kind) as (teams, chat, file):
        with pytest.raises(SharerNotAllowed):
            await chat.described(named(teams, file))
        with pytest.raises(SharerNotAllowed):
            await read(chat, named(teams, file))
        assert teams.downloads == []


GRANTS = [
    ({"user": ANA.id}, True),
    ({"user": CHAE.id}, False),
    ({"scope": "users", "users": [ANA.id]}, True),
    ({"scope": "users", "users": [CHAE.id]}, False),
    ({"scope": "organization", "url": "https://acme.example/other"}, False),
    ({"scope": "organization"}, False),
    ({"scope": "anonymous", "url": "THIS"}, True),
    ({"scope": "organization", "url": "THIS"}, True),
]


@pytest.mark.parametrize(("grant", "opened"), GRANTS)
async def test_a_file_is_opened_where_its_permissions_name_its_sharer(grant, opened):
    async with another_file() as (teams, chat, file):
        attachment = named(teams, file)
        if grant.get("url") == "THIS":
            grant = {**grant, "url": attachment.link}
        teams.tenant.grant(file, **grant)
        if opened:
            described = await chat.described(attachment)
            assert described.url.startswith(ITEM)
            assert await read(chat, described) == b"secret"
        else:
            with pytest.raises(SharerNotAllowed):
                await chat.described(attachment)


async def test_what_lies_in_the_channels_own_drive_is_everybodys_there_and_nobodys_elsewhere():
    async with another_file(drive="b!site") as (teams, chat, file):
        assert await read(chat, named(teams, file)) == b"secret"
    async with another_file(CREW, Kind.GROUP, drive="b!site") as (teams, chat, file):
        with pytest.raises(SharerNotAllowed):
            await chat.described(named(teams, file))


async def test_a_private_channels_files_are_not_opened_in_a_public_one():
    async with another_file() as (teams, chat, _):
        drive = drive_of(teams.tenant.room(FINANCE))
        file = teams.tenant.store(BEN.id, "budget.pdf", b"secret", drive)["id"]
        with pytest.raises(SharerNotAllowed):
            await chat.described(named(teams, file))


async def test_who_shared_it_may_be_unknown():
    async with another_file(CREW, Kind.GROUP) as (teams, chat, file):
        chat._extra.pop("aad")
        teams.tenant.grant(file, user=ANA.id)
        with pytest.raises(SharerNotAllowed):
            await chat.described(named(teams, file))


async def test_where_graph_cannot_say_who_may_nobody_may_yet():
    async with another_file() as (teams, chat, file):
        teams.graph.faults = ["", "", "", "503"]
        with pytest.raises(Unreachable):
            await chat.described(named(teams, file))
        teams.graph.faults = ["", "429:3"]
        with pytest.raises(RateLimited):
            await chat.described(named(teams, file))


def test_a_permission_without_a_role_opens_nothing():
    granted = {"grantedToV2": {"user": {"id": "ana"}}}
    assert not is_named([{**granted, "roles": []}], "ana", "https://x")
    assert is_named([{**granted, "roles": ["read"]}], "ana", "https://x")
    assert not is_named([{"roles": ["read"], "grantedToV2": {"siteGroup": {"id": "5"}}}], "", "")


def test_a_version_is_of_the_content_and_not_of_the_name():
    item = {"eTag": '"{1},4"', "cTag": '"c:{1},2"'}
    assert version_of(item) == '"c:{1},2"'
    assert version_of({"eTag": '"{1},4"'}) == '"{1},4"'
    assert version_of({}) == ""


# as they are now


async def known(teams, chat, number=1):
    """Documents as they are registered once their files were described."""
    found = []
    for n in range(number):
        file = teams.tenant.store(ANA.id, f"{n}.txt", b"storks")["id"]
        each = await chat.described(named(teams, file, f"{n}.txt"))
        document = DocumentId(f"teams/t/{GENERAL}", file)
        more = {"link": each.link, "source": each.source, "source_version": each.version}
        found.append(Document(document, each.name, "key", shared_at=2e9, **more))
    return found


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (lambda teams, file: None, Freshness.SAME),
        (lambda teams, file: teams.tenant.replace_file(file, b"herons"), Freshness.CHANGED),
        (lambda teams, file: teams.tenant.files[file].update(renamed=1), Freshness.SAME),
        (lambda teams, file: teams.tenant.drop_file(file), Freshness.GONE),
    ],
)
async def test_a_file_is_the_same_or_changed_or_gone(what, found):
    async with chat_in() as (teams, chat, _):
        (document,) = await known(teams, chat)
        what(teams, document.id.file)
        assert await chat.freshness([document]) == {document.id: found}
        assert len(teams.graph.batches) == 1


async def test_what_changed_is_read_anew_by_its_item():
    async with chat_in() as (teams, chat, _):
        (document,) = await known(teams, chat)
        teams.tenant.replace_file(document.id.file, b"herons")
        current = await chat.current(document)
        assert current.version != document.source_version
        assert current.source == document.source
        assert await read(chat, current) == b"herons"


async def test_what_was_read_before_versions_were_kept_goes_by_the_time_of_its_last_change():
    async with chat_in() as (teams, chat, _):
        (document,) = await known(teams, chat)
        old = Document(document.id, document.name, "key", link=document.link, shared_at=2e9)
        assert await chat.freshness([old]) == {old.id: Freshness.SAME}
        new = Document(document.id, document.name, "key", link=document.link, shared_at=1.0)
        assert await chat.freshness([new]) == {new.id: Freshness.CHANGED}
        # its address may have ended with its name only
        teams.tenant.drop_file(document.id.file)
        chat._microsoft.graph.drives._items.clear()
        assert await chat.freshness([old]) == {}


async def test_many_files_are_asked_about_in_batches_of_twenty():
    async with chat_in() as (teams, chat, _):
        documents = await known(teams, chat, BATCH + 5)
        found = await chat.freshness(documents)
        assert set(found.values()) == {Freshness.SAME}
        assert sorted(map(len, teams.graph.batches)) == [5, BATCH]


async def test_answers_are_kept_for_a_minute():
    async with chat_in() as (teams, chat, _):
        documents = await known(teams, chat)
        now = [0.0]
        chat._microsoft.graph.drives._clock = lambda: now[0]
        for now[0] in (0.0, FRESH - 1):
            await chat.freshness(documents)
        assert len(teams.graph.batches) == 1
        now[0] = FRESH + 1
        await chat.freshness(documents)
        assert len(teams.graph.batches) == 2


async def test_one_of_a_batch_that_is_too_many_is_asked_again_alone():
    async with chat_in() as (teams, chat, _):
        documents = await known(teams, chat, 3)
        teams.tenant.drop_file(documents[0].id.file)
        teams.graph.faults = ["429:1"]  # the stand-in answers the last one first
        slept = waits(chat)
        found = await chat.freshness(documents)
        assert [found[each.id] for each in documents] == [
            Freshness.GONE,
            Freshness.SAME,
            Freshness.SAME,
        ]
        assert slept == [1.0]
        assert [len(each) for each in teams.graph.batches] == [3, 1]


async def test_one_that_would_have_to_wait_long_is_not_known_and_the_others_are():
    async with chat_in() as (teams, chat, _):
        documents = await known(teams, chat, 2)
        teams.graph.faults = ["429:60"]
        slept = waits(chat)
        found = await chat.freshness(documents)
        assert sorted(found.values()) == [Freshness.SAME, Freshness.UNKNOWN]
        assert slept == []


def waits(chat):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    chat._microsoft.graph.drives._sleep = sleep
    return slept


async def test_where_graph_is_away_nothing_is_known_and_where_it_forbids_nothing_is_said():
    async with chat_in() as (teams, chat, _):
        documents = await known(teams, chat)
        teams.graph.faults = ["503"]
        assert await chat.freshness(documents) == {documents[0].id: Freshness.UNKNOWN}
        teams.graph.granted -= {"Files.Read.All"}
        assert await chat.freshness(documents) == {}


async def test_files_of_the_library_are_not_asked_about():
    async with chat_in() as (teams, chat, _):
        link = f"{teams.graph.base}/ui/file/x"
        library = Document(DocumentId("library", "x"), "x", "library/x", link=link)
        assert await chat.freshness([library]) == {}
        assert teams.graph.batches == []


async def test_a_personal_chats_file_is_known_by_its_item_and_opened_as_teams_says():
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        file = teams.tenant.store(ANA.id, "a.txt", b"storks")["id"]
        url = f"{teams.graph.base}/download/{file}?tempauth=1"
        link = teams.graph.address(teams.tenant.files[file])
        found = await chat.described(Attachment(file, "a.txt", "", 0, url, link))
        assert (found.url, found.source.startswith(ITEM), bool(found.version)) == (url, True, True)
        teams.graph.granted = frozenset()
        found = await chat.described(Attachment(file, "a.txt", "", 0, url, link))
        assert (found.url, found.source, found.version) == (url, "", "")


async def test_an_address_of_ours_in_a_message_is_none():
    async with chat_in() as (teams, chat, _):
        with pytest.raises(Forbidden):
            await read(chat, Attachment("x", "a", "", 0, "https://elsewhere.example/x"))
        assert teams.graph.calls == []
