"""Files in Teams: found by Graph, opened by the right means, and a token nowhere it is not for."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bots.teams.api.downloads import is_shared_store
from bots.teams.api.tokens import CONNECTOR
from bots.teams.inbound.parse import parse
from bots.teams.wiring import teams_platform
from core.aws.dynamodb.departures import DynamoDepartures
from core.knowledge.files.file_commands import Files
from core.people.audience import still_ours
from core.ports.chat import Forbidden, Gone, RateLimited, Unreachable
from core.runtime.settings import load
from core.values.conversation import (
    LIBRARY,
    Attachment,
    Conversation,
    Incoming,
    Kind,
    Person,
    Scope,
)
from local.aws import free_port
from local.teams.services.graph import Graph
from local.teams.tenant.people import BOT, HUMANS, TENANT, Human, Room
from tests.support.fakes import own_ledgers
from tests.support.teams_world import CHAT, CREW, FINANCE, GENERAL, serving, standin
from tests.support.world import served
from tests.test_chat_contract import AWS

ANA, BEN = HUMANS[:2]
LAUNCH = "19:acme0launch@thread.tacv2"
ONE = (("a.txt", b"storks"),)


@asynccontextmanager
async def chat_in(
    room=GENERAL, kind=Kind.CHANNEL, person=ANA, files=(("a.txt", b"storks"),), **more
):
    """The stand-in, a chat, and Ana's post with files as a question that is not complete."""
    port = free_port()
    teams = standin(port, 1, retry_delays=())
    async with (
        serving(teams, port),
        teams_platform(load({**AWS, **teams.settings(), **more}), own_ledgers) as platform,
    ):
        stored = [teams.tenant.store(ANA.id, *each)["id"] for each in files]
        post = teams.tenant.add(room, ANA.id, "look", files=stored)["id"]
        thread = post if kind is Kind.CHANNEL else None
        where = Conversation("teams", TENANT, room, thread, kind)
        extra = {"service_url": teams.activities.service_url, "user": person.teams}
        extra |= {"aad": person.aad, "team": GENERAL}
        chat, _ = platform(where, extra)
        question = Incoming(
            f"{where.place}/{post}", where, Person(person.aad), "look", post, files_unresolved=True
        )
        yield teams, chat, question


async def read(chat, attachment):
    return b"".join([piece async for piece in chat.open(attachment)])


@pytest.mark.parametrize(
    ("room", "kind"), [(GENERAL, Kind.CHANNEL), (FINANCE, Kind.CHANNEL), (CREW, Kind.GROUP)]
)
async def test_a_posts_files_are_those_that_graph_tells_of(room, kind):
    two = (("a.txt", b"storks"), ("b c.pdf", b"%PDF"))
    async with chat_in(room, kind, files=two) as (teams, chat, question):
        whole = await chat.completed(question)
        assert [each.name for each in whole.attachments] == ["a.txt", "b c.pdf"]
        assert not whole.files_unresolved
        described = await chat.described(whole.attachments[0])
        assert (described.size, described.media_type) == (6, "text/plain")
        assert await read(chat, described) == b"storks"
        assert teams.downloads == [(whole.attachments[0].id, False)]


async def test_a_file_that_was_replaced_is_taken_as_it_is_now_under_the_posts_name():
    async with chat_in() as (teams, chat, question):
        (attachment,) = (await chat.completed(question)).attachments
        teams.tenant.files[attachment.id]["name"] = "renamed.txt"
        teams.tenant.replace_file(attachment.id, b"storks and herons")
        described = await chat.described(attachment)
        assert (described.name, described.size) == ("a.txt", 17)
        assert await read(chat, described) == b"storks and herons"


@pytest.mark.parametrize(
    ("permission", "step", "named"),
    [
        ("ChannelMessage.Read.Group", "completed", "ChannelMessage.Read.Group"),
        ("Files.Read.All", "described", "Files.Read.All"),
        ("Files.Read.All", "open", "Files.Read.All"),
    ],
)
async def test_what_graph_forbids_names_the_permission(permission, step, named):
    async with chat_in() as (teams, chat, question):
        attachment = None
        if step != "completed":
            (attachment,) = (await chat.completed(question)).attachments
        teams.graph.granted -= {permission}
        with pytest.raises(Forbidden) as refused:
            match step:
                case "completed":
                    await chat.completed(question)
                case "described":
                    await chat.described(attachment)
                case _:
                    await read(chat, attachment)
        assert named in refused.value.needs


@pytest.mark.parametrize(
    ("fault", "error"),
    [("429:9", RateLimited), ("503", Unreachable), ("404", Gone), ("410", Gone)],
)
async def test_graphs_other_refusals(fault, error):
    async with chat_in() as (teams, chat, question):
        teams.graph.faults = [fault]
        with pytest.raises(error) as refused:
            await chat.completed(question)
        if error is RateLimited:
            assert refused.value.retry_after == 9


async def test_a_deleted_file_is_gone():
    async with chat_in() as (teams, chat, question):
        (attachment,) = (await chat.completed(question)).attachments
        teams.tenant.drop_file(attachment.id)
        with pytest.raises(Gone):
            await chat.described(attachment)


async def test_a_page_to_sign_in_at_is_no_file():
    async with chat_in() as (teams, chat, question):
        (attachment,) = (await chat.completed(question)).attachments
        teams.login_page = True
        with pytest.raises(Forbidden):
            await read(chat, attachment)


async def test_a_personal_files_address_gets_no_token():
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _question):
        (file,) = teams.tenant.files
        url = f"{teams.base_url}/download/{file}?tempauth=1"
        assert await read(chat, Attachment(file, "a.txt", "", 0, url)) == b"storks"
        assert teams.downloads == [(file, False)]


async def test_a_picture_is_fetched_from_the_connector_with_our_token():
    async with chat_in() as (teams, chat, _):
        url = f"{teams.activities.service_url}v3/attachments/1/views/original"
        with pytest.raises(Gone):  # the stand-in keeps none, but lets us in
            await read(chat, Attachment("1", "image", "image/png", 0, url))
        assert teams.issued.count == 1


async def test_a_file_elsewhere_is_not_fetched_and_no_token_is_sent():
    heard = []

    async def elsewhere(request):
        heard.append(request.headers.get("Authorization"))
        return web.Response(body=b"x")

    app, port = web.Application(), free_port()
    app.add_routes([web.get("/{path}", elsewhere)])
    async with served(app, port), chat_in() as (teams, chat, _):
        for url in (
            f"http://127.0.0.1:{port}/a",
            "https://evil.example/a",
            f"{teams.base_url.replace('http://', 'http://user@')}/download/1",
            "file:///etc/passwd",
        ):
            with pytest.raises(Forbidden):
                await read(chat, Attachment("1", "a", "", 0, url))
    assert heard == []


async def test_a_redirect_to_elsewhere_is_not_followed():
    heard = []

    async def elsewhere(request):
        heard.append(request.path)
        return web.Response(body=b"x")

    app, port = web.Application(), free_port()
    app.add_routes([web.get("/{path:.*}", elsewhere)])
    async with served(app, port), chat_in() as (teams, chat, question):
        (attachment,) = (await chat.completed(question)).attachments
        teams.graph.base = f"http://127.0.0.1:{port}/teams"
        share = f"graph-share:{teams.graph.base}/ui/file/{attachment.id}"
        # Graph's scope is of its own address, which the tokens were given for
        teams.issued.good = lambda header, scope: True
        with pytest.raises(Forbidden):
            await read(chat, Attachment(attachment.id, "a.txt", "", 0, share))
    assert heard == []


async def test_a_forged_service_address_gets_no_token():
    async with chat_in() as (teams, _chat, _):
        where = Conversation("teams", TENANT, GENERAL, "1", Kind.CHANNEL)
        settings = load({**AWS, **teams.settings()})
        async with teams_platform(settings, own_ledgers) as platform:
            forged, _ = platform(where, {"service_url": "https://evil.example/connector/"})
            with pytest.raises(Forbidden):
                await forged.delete("1")
        assert teams.issued.count == 0


async def test_a_channel_of_which_it_is_not_told_who_is_in_it_is_open_to_its_members(monkeypatch):
    """Not to all of the team."""
    some = Graph._some

    def untold(graph, request, whole, most=0):
        kept = [{k: v for k, v in each.items() if k != "membershipType"} for each in whole]
        return some(graph, request, kept, most)

    monkeypatch.setattr(Graph, "_some", untold)
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        teams.tenant.members(FINANCE, [BEN.id])
        seen = {scope.prefix for scope in await chat.audience(Person(ANA.aad))}
        assert f"teams/{TENANT}/{FINANCE}" not in seen
        assert f"teams/{TENANT}/{GENERAL}" in seen


async def test_in_their_own_chat_people_see_the_channels_they_are_in_now():
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        seen = {scope.prefix for scope in await chat.audience(Person(ANA.aad))}
        assert f"teams/{TENANT}/{FINANCE}" in seen
        assert f"teams/{TENANT}/{CREW}" not in seen
        teams.tenant.members(FINANCE, [BEN.id])
        seen = {scope.prefix for scope in await chat.audience(Person(ANA.aad))}
        assert f"teams/{TENANT}/{FINANCE}" not in seen
        assert f"teams/{TENANT}/{GENERAL}" in seen


async def test_a_team_that_removed_us_is_quoted_no_more_in_any_of_its_channels_until_we_are_back(
    aws,
):
    removals = DynamoDepartures(
        aws.client("dynamodb"), aws.resources.table, aws.calls, clock=lambda: 1.0
    )
    files = Files(None, None, None, None, removals, erasures=None)
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, question):
        wire, tenant, app = teams.activities, teams.tenant, teams.settings()["MICROSOFT_APP_ID"]

        async def seen():
            scopes = await chat.audience(Person(ANA.aad))
            found = await still_ours(scopes, question.conversation.scope, removals)
            return {scope.prefix.rpartition("/")[2] for scope in found} - {"library", CHAT}

        async def moved(room, *, added, **data):
            body = wire.moved(tenant.room(room), BOT, ANA, added=added)
            body["channelData"] |= data
            await files.moved(parse(body, app))

        everything = {GENERAL, LAUNCH, FINANCE}
        assert await seen() == everything
        await moved(GENERAL, added=False)
        assert await seen() == set()
        await moved(LAUNCH, added=True)  # installed anew, in another channel
        assert await seen() == everything
        await moved(LAUNCH, added=False)
        assert await seen() == set()
        await moved(GENERAL, added=True)
        assert await seen() == everything
        await moved(FINANCE, added=False, channel={"id": FINANCE, "type": "private"})
        assert await seen() == {GENERAL, LAUNCH}


async def test_what_an_earlier_release_noted_of_a_team_counts_for_all_of_it(aws):
    removals = DynamoDepartures(
        aws.client("dynamodb"), aws.resources.table, aws.calls, clock=lambda: 1.0
    )
    async with chat_in(CHAT, Kind.DIRECT) as (_, chat, question):
        here = question.conversation.scope
        await removals.note(f"teams/{TENANT}/{GENERAL}")
        scopes = await chat.audience(Person(ANA.aad))
        assert await still_ours(scopes, here, removals) == {here, LIBRARY}


@pytest.mark.parametrize(
    ("missing", "general", "finance"),
    [
        ("Team.ReadBasic.All", False, False),
        ("Channel.ReadBasic.All", False, False),
        ("ChannelMember.Read.All", True, False),
    ],
)
async def test_what_may_not_be_asked_is_not_included(missing, general, finance):
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        teams.graph.granted -= {missing}
        seen = await chat.audience(Person(ANA.aad))
        assert (Scope(f"teams/{TENANT}/{GENERAL}") in seen) is general
        assert (Scope(f"teams/{TENANT}/{FINANCE}") in seen) is finance


def crowd(teams, number):
    """So many people more; their ids."""
    more = {f"U{n:06d}": Human(f"U{n:06d}", f"Person {n}", "#000", "") for n in range(number)}
    teams.tenant.humans.update(more)
    return [*more]


async def test_in_a_channel_of_more_than_a_thousand_the_last_one_is_found():
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        people = crowd(teams, 1200)
        teams.tenant.members(FINANCE, [*people, ANA.id, BOT])
        seen = await chat.audience(Person(ANA.aad))
        assert Scope(f"teams/{TENANT}/{FINANCE}") in seen
        teams.tenant.members(FINANCE, [*people, BOT])
        seen = await chat.audience(Person(ANA.aad))
        assert Scope(f"teams/{TENANT}/{FINANCE}") not in seen


async def test_who_is_not_among_the_members_that_were_read_is_not_let_in_and_a_line_says_so(caplog):
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        people = crowd(teams, 6000)
        for members, there in (([ANA.id, *people], True), ([*people, ANA.id], False)):
            teams.tenant.members(FINANCE, [*members, BOT])
            seen = await chat.audience(Person(ANA.aad))
            assert (Scope(f"teams/{TENANT}/{FINANCE}") in seen) is there
            assert ("not read to their end" in caplog.text) is not there


async def test_of_a_team_with_more_channels_than_were_read_none_is_let_in_and_a_line_says_so(
    caplog,
):
    """Where we were removed may be noted of a channel that is not among them."""
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        teams.graph.page = 1
        everybody = [*(each.id for each in HUMANS), BOT]
        for number in range(9):
            room = f"19:more{number}@thread.tacv2"
            teams.tenant.rooms[room] = Room(room, f"More {number}", "channel", everybody)
        seen = {scope.prefix for scope in await chat.audience(Person(ANA.aad))}
        assert seen == {"library", f"teams/{TENANT}/{CHAT}"}
        assert "not read to their end" in caplog.text


async def test_teams_that_were_not_read_are_not_let_in_and_a_line_says_so(caplog):
    async with chat_in(CHAT, Kind.DIRECT) as (teams, chat, _):
        teams.graph.page = 0  # empty pages without end
        seen = {scope.prefix for scope in await chat.audience(Person(ANA.aad))}
        assert seen == {"library", f"teams/{TENANT}/{CHAT}"}
        assert "not read to their end" in caplog.text


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://contoso.sharepoint.com/a", True),
        ("https://contoso-my.sharepoint.com/a", True),
        ("https://contoso.sharepoint.com:8443/a", False),
        ("http://contoso.sharepoint.com/a", False),
        ("https://sharepoint.com.evil.example/a", False),
        ("https://evilsharepoint.com/a", False),
        ("https://user@contoso.sharepoint.com/a", False),
        ("https://contoso.sharepoint.com\\@evil.example/a", False),
        ("https://169.254.169.254/a", False),
        ("http://127.0.0.1/a", False),
    ],
)
def test_which_stores_are_sharepoints(url, good):
    assert is_shared_store(url, "https://graph.microsoft.com/v1.0") is good


async def test_a_revoked_token_is_replaced_before_a_file_is_read():
    async with chat_in() as (teams, chat, question):
        (attachment,) = (await chat.completed(question)).attachments
        attachment = await chat.described(attachment)
        given = teams.issued.count
        teams.issued.revoke()
        assert await read(chat, attachment) == b"storks"
        assert teams.issued.count == given + 1
        assert teams.downloads == [(attachment.id, False)]  # where it is, no token is shown


async def test_a_revoked_token_is_replaced_before_a_picture_is_read():
    async with chat_in() as (teams, _, _):
        asked = []

        async def picture(request):
            asked.append(teams.issued.good(request.headers["Authorization"], CONNECTOR))
            return web.Response(body=b"storks") if asked[-1] else web.Response(status=401)

        app, port = web.Application(), free_port()
        app.add_routes([web.get("/{path:.*}", picture)])
        service = f"http://127.0.0.1:{port}/"
        settings = {**AWS, **teams.settings(), "TEAMS_SERVICE_HOSTS": f"127.0.0.1:{port}"}
        async with served(app, port), teams_platform(load(settings), own_ledgers) as platform:
            where = Conversation("teams", TENANT, CHAT, None, Kind.DIRECT)
            chat, _ = platform(where, {"service_url": service})
            one = Attachment("1", "image", "image/png", 0, f"{service}v3/attachments/1")
            assert await read(chat, one) == b"storks"
            teams.issued.revoke()
            assert await read(chat, one) == b"storks"
        assert asked == [True, False, True]


async def test_a_token_that_is_never_taken_names_what_to_grant():
    async with chat_in() as (teams, chat, question):
        (attachment,) = (await chat.completed(question)).attachments
        calls = len(teams.graph.calls)
        teams.issued.good = lambda header, scope: False
        with pytest.raises(Forbidden) as refused:
            await read(chat, attachment)
        assert "Files.Read.All" in refused.value.needs
        assert len(teams.graph.calls) == calls + 2


@pytest.mark.parametrize("fault", ["429:9", "503"])
async def test_a_file_that_is_not_to_be_had_now_is_tried_again_by_whoever_reads_it(fault):
    async with chat_in() as (teams, chat, question):
        (attachment,) = (await chat.completed(question)).attachments
        teams.graph.faults = [fault]
        with pytest.raises((RateLimited, Unreachable)):
            await read(chat, attachment)
        assert await read(chat, attachment) == b"storks"
