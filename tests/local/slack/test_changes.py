"""What the Slack stand-in tells of changes, and what it lets an app read, as Slack does."""

import json

import pytest

from local.slack.workspace.state import BOT
from tests.local.slack.test_standin import refused, standin
from tests.support.world import ANA, BEN, DM, GENERAL, until

FINANCE = "C0FINANCE"
NOTES = [("notes.txt", b"old", "text/plain")]


@pytest.fixture
async def world(tmp_path, unused_tcp_port_factory):
    async with standin(tmp_path, unused_tcp_port_factory) as built:
        yield built


def events(app):
    return [json.loads(body)["event"] for _, body in app.received]


async def told(app, kind, number=1):
    """The events of a type, or of a message's subtype, once there are so many."""

    def found():
        every = [e for e in events(app) if kind in (e["type"], e.get("subtype"))]
        return every if len(every) >= number else None

    return await until(found)


async def test_an_edit_is_a_change_and_its_mention_comes_once_more(world):
    slack, app, _, _ = world
    ts = slack.say(ANA, GENERAL, "@Parley helo")
    slack.edit(ANA, GENERAL, ts, "@Parley hello")
    (change,) = await told(app, "message_changed")
    assert change["message"]["ts"] == ts
    assert change["message"]["text"].endswith("hello")
    assert change["previous_message"]["text"].endswith("helo")
    assert "edited" in change["message"]
    mentions = await told(app, "app_mention", 2)
    again = next(each for each in mentions if "edited" in each)
    assert (again["ts"], again["text"]) == (ts, f"<@{BOT}> hello")


async def test_a_links_preview_is_a_change_without_an_edit(world):
    slack, app, _, _ = world
    ts = slack.say(ANA, GENERAL, "@Parley see https://example.com/")
    slack.unfurl(GENERAL, ts, "Example")
    (change,) = await told(app, "message_changed")
    assert change["message"]["text"] == change["previous_message"]["text"]
    assert "edited" not in change["message"]
    assert len(await told(app, "app_mention")) == 1


async def test_a_deleted_root_with_replies_is_a_change_to_a_tombstone(world):
    slack, app, _, _ = world
    root = slack.say(ANA, GENERAL, "root")
    reply = slack.say(BEN, GENERAL, "reply", thread_ts=root)
    slack.delete(ANA, GENERAL, root)
    (change,) = await told(app, "message_changed")
    stone = change["message"]
    assert (stone["subtype"], stone["user"], stone["ts"]) == ("tombstone", "USLACKBOT", root)
    slack.delete(BEN, GENERAL, reply)
    deleted = await told(app, "message_deleted")
    assert deleted[0]["deleted_ts"] == reply


async def test_a_changed_file_is_told_by_its_id_only(world):
    slack, app, client, _ = world
    ts = slack.share(ANA, GENERAL, NOTES)
    (file,) = slack.files(GENERAL, ts)
    slack.edit_file(ANA, file["id"], b"newer", name="plan.txt")
    (change,) = await told(app, "file_change")
    assert {*change} == {"type", "file_id", "file", "event_ts", "team"}
    assert change["file"] == {"id": file["id"]}
    now = (await client.files_info(file=file["id"]))["file"]
    assert (now["size"], now["name"]) == (5, "plan.txt")


async def test_a_file_that_is_shared_again_keeps_its_id(world):
    slack, app, client, _ = world
    ts = slack.share(ANA, GENERAL, NOTES)
    (file,) = slack.files(GENERAL, ts)
    slack.reshare(ANA, FINANCE, file["id"])
    shares = await told(app, "file_share", 2)
    assert [each["files"][0]["id"] for each in shares] == [file["id"]] * 2
    info = (await client.files_info(file=file["id"]))["file"]
    assert (info["channels"], info["groups"]) == ([GENERAL], [FINANCE])


async def test_a_deleted_file_is_told_by_its_id_and_shown_as_a_tombstone(world):
    slack, app, client, _ = world
    ts = slack.share(ANA, GENERAL, NOTES)
    (file,) = slack.files(GENERAL, ts)
    slack.delete_file(ANA, file["id"])
    (deleted,) = await told(app, "file_deleted")
    assert {*deleted} == {"type", "file_id", "event_ts", "team"}
    (message,) = (await client.conversations_history(channel=GENERAL))["messages"]
    assert message["files"] == [{"id": file["id"], "mode": "tombstone"}]
    assert await refused(client.files_info(file=file["id"])) == "file_not_found"


async def test_a_file_from_another_workspace_is_told_by_its_id_until_it_is_asked_for(world):
    slack, app, client, _ = world
    slack.share(ANA, GENERAL, NOTES, connect=True)
    (share,) = await told(app, "file_share")
    (file,) = share["files"]
    assert {*file} == {"id", "mode", "file_access"}
    assert file["file_access"] == "check_file_info"
    info = (await client.files_info(file=file["id"]))["file"]
    assert info["url_private_download"]


async def test_a_deleted_channel_and_one_with_a_new_id_are_told(world):
    slack, app, client, _ = world
    slack.change_channel_id(FINANCE, "C1SHARED")
    (moved,) = await told(app, "channel_id_changed")
    assert (moved["old_channel_id"], moved["new_channel_id"]) == (FINANCE, "C1SHARED")
    assert await refused(client.conversations_history(channel=FINANCE)) == "channel_not_found"
    slack.delete_channel("C1SHARED")
    (gone,) = await told(app, "group_deleted")
    assert gone["channel"] == "C1SHARED"


async def test_an_ephemeral_message_cannot_be_edited_or_deleted_by_its_time(world):
    _, _, client, _ = world
    ts = (await client.chat_postEphemeral(channel=GENERAL, user=ANA, text="x"))["message_ts"]
    assert await refused(client.chat_update(channel=GENERAL, ts=ts, text="y")) == (
        "message_not_found"
    )
    assert await refused(client.chat_delete(channel=GENERAL, ts=ts)) == "message_not_found"


async def test_a_response_url_is_good_for_five_answers(world):
    slack, _, _, http = world
    url = (
        f"{slack.delivery.base_url}/slack/response/{slack.delivery.responses.add(GENERAL, ANA, '')}"
    )
    for _ in range(5):
        async with http.post(url, json={"text": "x"}) as answer:
            assert answer.status == 200
    async with http.post(url, json={"text": "x"}) as answer:
        assert answer.status == 404


async def test_and_for_half_an_hour(tmp_path, unused_tcp_port_factory):
    now = [1_800_000_000.0]
    async with standin(tmp_path, unused_tcp_port_factory, clock=lambda: now[0]) as world:
        responses = world[0].delivery.responses
        key = responses.add(GENERAL, ANA, "")
        now[0] += 1_800
        assert responses.take(key, {"text": "x"})
        now[0] += 1
        assert not responses.take(key, {"text": "x"})


async def test_an_ephemeral_message_is_replaced_or_deleted_by_its_address(world):
    slack, _, _, _ = world
    whispered = slack.workspace.post_ephemeral(GENERAL, ANA, "pick")
    key = slack.delivery.responses.add(GENERAL, ANA, whispered["ts"])
    slack.delivery.responses.take(key, {"text": "picked", "replace_original": True})
    assert [m["text"] for m in slack.workspace.visible(GENERAL, ANA)] == ["picked"]
    slack.delivery.responses.take(key, {"delete_original": True})
    assert list(slack.workspace.visible(GENERAL, ANA)) == []


async def test_replies_come_oldest_first_and_the_root_on_the_first_page_only(world):
    slack, _, client, _ = world
    root = slack.say(ANA, GENERAL, "root")
    replies = [slack.say(BEN, GENERAL, str(n), thread_ts=root) for n in range(5)]
    asked = {"channel": GENERAL, "ts": root, "limit": 3}
    first = await client.conversations_replies(**asked)
    assert [m["ts"] for m in first["messages"]] == [root, *replies[:3]]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_replies(**asked, cursor=cursor)
    assert [m["ts"] for m in rest["messages"]] == replies[3:]
    late = await client.conversations_replies(channel=GENERAL, ts=root, oldest=replies[2])
    assert [m["ts"] for m in late["messages"]] == [root, *replies[3:]]
    assert first["messages"][0]["latest_reply"] == replies[-1]


async def test_an_app_that_is_distributed_reads_15_messages_a_minute(world):
    slack, _, client, _ = world
    slack.distribute()
    root = slack.say(ANA, GENERAL, "root")
    for n in range(20):
        slack.say(BEN, GENERAL, str(n), thread_ts=root)
    page = await client.conversations_replies(channel=GENERAL, ts=root, limit=1000)
    assert len(page["messages"]) - 1 == 15
    assert await refused(client.conversations_replies(channel=GENERAL, ts=root)) == "ratelimited"


async def test_who_is_where_is_told_as_far_as_the_bot_is_there(world):
    slack, _, client, _ = world
    kinds = {"types": "public_channel,private_channel", "exclude_archived": True}
    slack.workspace.archived.add("C0DESIGN")
    slack.leave(BOT, FINANCE)
    found = await client.users_conversations(user=ANA, team_id="T0ACME", **kinds)
    assert {each["id"] for each in found["channels"]} == {GENERAL, "C0SUPPORT"}
    assert await refused(client.users_conversations(user="U404")) == "user_not_found"


async def test_a_direct_chat_has_no_mention_event(world):
    slack, app, _, _ = world
    slack.say(ANA, DM, "@Parley hello")
    await until(lambda: app.received)
    assert [each["type"] for each in events(app)] == ["message"]
    assert events(app)[0]["channel_type"] == "im"
