"""The Teams stand-in refuses what Teams refuses."""

import aiohttp
import pytest

from local.aws import free_port
from local.teams.services.limits import RateLimits
from local.teams.tenant.people import BOT
from local.teams.tenant.state import Tenant
from tests.support.fakes import Clock
from tests.support.teams_world import ANA, BEN, CHAT, CREW, FINANCE, GENERAL, serving, standin


@pytest.fixture
async def scene():
    """The stand-in, its clock, and a call with a good token."""
    clock, port = Clock(1_700_000_000.0), free_port()
    teams = standin(port, 1, clock=clock, retry_delays=())
    async with serving(teams, port), aiohttp.ClientSession() as http:
        token = teams.issued.give("https://api.botframework.com/.default")["access_token"]

        async def call(room, activity, method="POST", suffix="", good=True):
            url = f"{teams.activities.service_url}v3/conversations/{room}/activities{suffix}"
            headers = {"Authorization": f"Bearer {token if good else 'x'}"}
            async with http.request(method, url, json=activity, headers=headers) as answer:
                told = await answer.json()
                return answer.status, told.get("error", {}).get("code", "") or told.get("id", "")

        yield teams, clock, call


def chunk(text, sequence=1, stream="", kind="streaming", **more):
    info = {"type": "streaminfo", "streamType": kind, "streamSequence": sequence}
    info |= {"streamId": stream} if stream else {}
    if sequence is None:
        del info["streamSequence"]
    name = "message" if kind == "final" else "typing"
    return {"type": name, "text": text, "entities": [info], **more}


async def test_only_a_token_of_ours_is_taken_and_only_for_its_hour(scene):
    _, clock, call = scene
    assert (await call(CREW, {"type": "message", "text": "x"}, good=False))[0] == 401
    assert (await call(CREW, {"type": "message", "text": "x"}))[0] == 201
    clock.now += 3601
    assert (await call(CREW, {"type": "message", "text": "x"}))[0] == 401


async def test_a_stream_goes_by_its_rules(scene):
    _, clock, call = scene
    status, stream = await call(CHAT, chunk("Thinking…", kind="informative"))
    assert status == 201
    steps = [
        (chunk("A", 2, stream), 202, ""),
        (chunk("A brown", 2, stream), 202, "ContentStreamSequenceOrderPreConditionFailed"),
        (chunk("A brown fox", 3, stream), 202, ""),
        (chunk("Something else", 4, stream), 400, "BadRequest"),
        (chunk("Thinking…", 5, stream, "informative"), 400, "BadRequest"),
        (chunk("A brown fox", 6, stream, attachments=[{}]), 400, "BadRequest"),
        (chunk("A brown fox jumps", None, stream, "final"), 202, ""),
        (chunk("A brown fox jumps on", 7, stream), 403, "ContentStreamNotAllowed"),
    ]
    for activity, status, code in steps:
        clock.now += 1.1
        assert await call(CHAT, activity) == (status, code), activity


@pytest.mark.parametrize(
    ("room", "activity", "status"),
    [
        (GENERAL, chunk("x"), 403),
        (CREW, chunk("x"), 403),
        (CHAT, chunk(""), 400),
        (CHAT, chunk("x", 2), 400),
        (CHAT, chunk("x" * 1001, kind="informative"), 400),
        (CHAT, chunk("x", 1, "unknown"), 400),
        (CHAT, {"type": "message", "text": "x" * 60_000}, 413),
        (CHAT, {"type": "message", "text": ""}, 400),
        ("19:nowhere@thread.v2", {"type": "message", "text": "x"}, 404),
    ],
)
async def test_what_is_not_allowed_is_refused(scene, room, activity, status):
    _, _, call = scene
    assert (await call(room, activity))[0] == status


async def test_streams_end_after_two_minutes_and_come_one_at_a_time(scene):
    _, clock, call = scene
    _, stream = await call(CHAT, chunk("A"))
    clock.now += 2
    assert (await call(CHAT, chunk("B")))[0] == 403
    clock.now += 119
    assert await call(CHAT, chunk("A b", 2, stream)) == (403, "ContentStreamNotAllowed")
    clock.now += 2
    assert (await call(CHAT, chunk("B")))[0] == 201


async def test_a_stream_takes_one_call_a_second(scene):
    teams, clock, call = scene
    _, stream = await call(CHAT, chunk("A"))
    clock.now += 0.5
    assert (await call(CHAT, chunk("A b", 2, stream)))[0] == 429
    clock.now += 0.5
    assert (await call(CHAT, chunk("A b", 2, stream)))[0] == 202
    assert teams.connector.limits.refused == 1


@pytest.mark.parametrize(
    ("gap", "calls", "refused_at"),
    [(0.01, 7, 0.07), (0.2, 8, 1.6), (0.4, 60, None)],
)
def test_threads_have_their_windows(gap, calls, refused_at):
    clock = Clock()
    limits = RateLimits(clock)
    passed = 0
    while limits.wait("t") == 0 and passed < 100:
        passed += 1
        clock.now += gap
    assert passed == calls
    assert limits.wait("another") == 0
    if refused_at is not None:
        assert limits.wait("t") > 0


async def test_a_channels_threads_count_together(scene):
    teams, _, call = scene
    roots = [teams.tenant.add(GENERAL, ANA, "x")["id"] for _ in range(2)]
    said = {"type": "message", "text": "x"}
    found = [(await call(f"{GENERAL};messageid={roots[n % 2]}", said))[0] for n in range(8)]
    assert found == [201] * 7 + [429]
    assert (await call(CREW, said))[0] == 201


async def test_the_bot_hears_what_it_may_and_people_see_where_they_are(scene):
    teams, _, _ = scene
    sent = []
    teams.delivery.tell = sent.append
    teams.say(BEN, GENERAL, "just talk")
    teams.graph.granted = frozenset()
    teams.say(BEN, GENERAL, "just talk")
    teams.say(BEN, GENERAL, "@Parley hello")
    assert [each["text"] for each in sent] == ["just talk", "<at>Parley</at> hello"]
    assert [*teams.tenant.visible(FINANCE, "U0CHAE")] == []
    teams.tenant.members(GENERAL, [ANA, BEN])
    teams.say(BEN, GENERAL, "@Parley hello?")
    assert len(sent) == 2


def test_what_was_said_survives_a_restart(tmp_path):
    first = Tenant(Clock(), tmp_path / "teams.jsonl")
    file = first.store(ANA, "a.txt", b"storks")["id"]
    said = first.add(GENERAL, ANA, "look", files=[file])
    answer = first.add(GENERAL, BOT, "seen", root=said["id"])
    gone = first.add(GENERAL, BEN, "oops")
    first.remove(gone)
    first.members(FINANCE, [ANA])
    with (tmp_path / "teams.jsonl").open("a") as file_:
        file_.write('{"kind": "mess')
    again = Tenant(Clock(), tmp_path / "teams.jsonl")
    assert [m["text"] for m in again.messages[GENERAL].values()] == ["look", "seen"]
    assert again.thread(GENERAL, said["id"])[1]["id"] == answer["id"]
    assert again.bytes_of(file) == b"storks"
    assert again.rooms[FINANCE].members == [ANA]
    assert int(again.stamp()) > int(answer["id"])


CARD = {
    "contentType": "application/vnd.microsoft.card.adaptive",
    "content": {"type": "AdaptiveCard", "body": []},
}


@pytest.mark.parametrize(
    "activity",
    [
        {"type": "message", "text": "x", "attachments": [CARD]},
        {"type": "message", "attachments": [CARD, CARD]},
    ],
)
async def test_what_becomes_two_messages_tells_no_id_and_is_refused_as_a_change(scene, activity):
    teams, _, call = scene
    assert await call(CREW, activity) == (202, "")
    assert len(teams.tenant.messages[CREW]) == 2
    _, one = await call(CREW, {"type": "message", "attachments": [CARD]})
    assert await call(CREW, activity, "PUT", f"/{one}") == (400, "BadSyntax")
    assert teams.tenant.get(CREW, one)["attachments"] == [CARD]


async def test_a_card_may_become_text_and_text_a_card(scene):
    teams, _, call = scene
    status, one = await call(CREW, {"type": "message", "summary": "x", "attachments": [CARD]})
    assert status == 201
    assert await call(CREW, {"type": "message", "text": "x"}, "PUT", f"/{one}") == (200, one)
    assert teams.tenant.get(CREW, one)["attachments"] == []
    changed = {"type": "message", "attachments": [CARD]}
    assert await call(CREW, changed, "PUT", f"/{one}") == (200, one)
    assert teams.tenant.get(CREW, one)["text"] == ""


@pytest.mark.parametrize("activity", [{"type": "message"}, {"type": "message", "text": " "}])
async def test_an_activity_with_nothing_in_it_is_refused(scene, activity):
    _, _, call = scene
    assert await call(CREW, activity) == (400, "BadSyntax")


async def test_what_is_too_large_is_refused(scene):
    _, clock, call = scene
    large = {**CARD, "content": {"type": "AdaptiveCard", "fallbackText": "x" * 15_000}}
    fitting = {**CARD, "content": {"type": "AdaptiveCard", "fallbackText": "x" * 14_000}}
    for attached, status in ((large, 413), (fitting, 201)):
        clock.now += 10
        activity = {"type": "message", "attachments": [attached]}
        assert (await call(CREW, activity))[0] == status
    assert await call(CREW, {"type": "message", "text": "x" * 60_000}) == (413, "MessageSizeTooBig")


async def test_what_one_person_sees_is_changed_as_such_only(scene):
    teams, _, call = scene
    to = {"recipient": {"id": teams.tenant.human(ANA).teams, "isTargeted": True}}
    said = {"type": "message", "text": "x", **to}
    _, one = await call(CREW, said, suffix="?isTargetedActivity=true")
    assert teams.tenant.get(CREW, one)["to"] == ANA
    assert (await call(CREW, said, "PUT", f"/{one}"))[0] == 404
    assert (await call(CREW, said, "PUT", f"/{one}?isTargetedActivity=true"))[0] == 200
